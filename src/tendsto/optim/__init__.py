"""Training optimizers: rules to be raced, wrapped and run as lanes, and the torch optimizers made of them."""

from tendsto.optim.adagrad import AdaGrad as AdaGrad
from tendsto.optim.adagrad import AdaGradRule as AdaGradRule
from tendsto.optim.adam import Adam as Adam
from tendsto.optim.adam import AdamRule as AdamRule
from tendsto.optim.adam import AdamW as AdamW
from tendsto.optim.adamax import AdaMax as AdaMax
from tendsto.optim.adamax import AdaMaxRule as AdaMaxRule
from tendsto.optim.averaged import Averaged as Averaged
from tendsto.optim.averaged import DecreasingSGD as DecreasingSGD
from tendsto.optim.cautious import Cautious as Cautious
from tendsto.optim.cautious import CautiousRule as CautiousRule
from tendsto.optim.gradient_descent import GradientDescent as GradientDescent
from tendsto.optim.lion import Lion as Lion
from tendsto.optim.lion import LionRule as LionRule
from tendsto.optim.muon import Muon as Muon
from tendsto.optim.muon import MuonRule as MuonRule
from tendsto.optim.muon import newton_schulz as newton_schulz
from tendsto.optim.muon import polar as polar
from tendsto.optim.nesterov import Nesterov as Nesterov
from tendsto.optim.online_adam import OnlineAdam as OnlineAdam
from tendsto.optim.random_mask import RandomMaskRule as RandomMaskRule
from tendsto.optim.sgd import SGD as SGD
from tendsto.optim.sgd import SGDRule as SGDRule
from tendsto.optim.torch_optimizer import RuleOptimizer as RuleOptimizer
from tendsto.optim.transform import Transformed as Transformed
from tendsto.optim.transform import TransformOptimizer as TransformOptimizer
