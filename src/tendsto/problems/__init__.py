"""Problems: exact synthetic ones with known constants, and real data that ships with packages."""

from tendsto.problems.absolute_regression import AbsoluteRegression as AbsoluteRegression
from tendsto.problems.bilinear import Bilinear as Bilinear
from tendsto.problems.char_lm import CharLM as CharLM
from tendsto.problems.char_lm_moe import CharLMMoE as CharLMMoE
from tendsto.problems.digits import DigitsCNN as DigitsCNN
from tendsto.problems.digits import DigitsMLP as DigitsMLP
from tendsto.problems.distillation import DigitsDistillation as DigitsDistillation
from tendsto.problems.distillation import QuadraticPair as QuadraticPair
from tendsto.problems.estimate import estimate_constants as estimate_constants
from tendsto.problems.heavy_tails import HeavyTails as HeavyTails
from tendsto.problems.lasso import Lasso as Lasso
from tendsto.problems.least_squares import LeastSquares as LeastSquares
from tendsto.problems.logistic import Logistic as Logistic
from tendsto.problems.mnist import MnistMLP as MnistMLP
from tendsto.problems.movielens import MovieLens as MovieLens
from tendsto.problems.online import AdamCounterexample as AdamCounterexample
from tendsto.problems.online import OnlineLogistic as OnlineLogistic
from tendsto.problems.online import Stream as Stream
from tendsto.problems.phase_retrieval import PhaseRetrieval as PhaseRetrieval
from tendsto.problems.quadratic import Quadratic as Quadratic
from tendsto.problems.rosenbrock import Rosenbrock as Rosenbrock
from tendsto.problems.softmax import Softmax as Softmax
from tendsto.problems.worst_case import WorstAccelerated as WorstAccelerated
from tendsto.problems.worst_case import WorstGD as WorstGD
from tendsto.problems.worst_case import WorstNesterov as WorstNesterov
from tendsto.problems.worst_last_iterate import WorstLastIterate as WorstLastIterate
