"""Training optimizers."""

from tendsto.optim.adam import AdamRule as AdamRule
from tendsto.optim.sgd import SGDRule as SGDRule
