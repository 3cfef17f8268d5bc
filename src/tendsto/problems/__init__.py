"""Problems: exact synthetic ones with known constants, and real data that ships with packages."""

from tendsto.problems.digits import DigitsMLP as DigitsMLP
from tendsto.problems.quadratic import Quadratic as Quadratic
