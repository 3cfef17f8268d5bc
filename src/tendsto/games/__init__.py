"""Games and variational inequalities: methods for operators that are no gradients."""

from tendsto.games.extragradient import AveragedExtragradient as AveragedExtragradient
from tendsto.games.extragradient import ClippedExtragradient as ClippedExtragradient
from tendsto.games.extragradient import ClippedGradientDescentAscent as ClippedGradientDescentAscent
