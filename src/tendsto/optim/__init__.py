"""Training optimizers."""

from tendsto.optim.adam import AdamRule as AdamRule
from tendsto.optim.averaged import Averaged as Averaged
from tendsto.optim.averaged import DecreasingSGD as DecreasingSGD
from tendsto.optim.gradient_descent import GradientDescent as GradientDescent
from tendsto.optim.nesterov import Nesterov as Nesterov
from tendsto.optim.sgd import SGDRule as SGDRule
