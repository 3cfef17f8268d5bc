"""Theorems as objects: assumptions in, admissible step sizes and a bound at every k out."""

from tendsto.theory.adam_regret import AdamRegret as AdamRegret
from tendsto.theory.adaptive_batches import AdaGradNormSmooth as AdaGradNormSmooth
from tendsto.theory.adaptive_batches import SGDNormTestSmooth as SGDNormTestSmooth
from tendsto.theory.clipped import ClippedExtragradientMonotone as ClippedExtragradientMonotone
from tendsto.theory.clipped import ClippedExtragradientStronglyMonotone as ClippedExtragradientStronglyMonotone
from tendsto.theory.clipped import ClippedGDAStarCocoercive as ClippedGDAStarCocoercive
from tendsto.theory.clipped import ClippedGDAStronglyMonotone as ClippedGDAStronglyMonotone
from tendsto.theory.clipped import ClippedSGDConvex as ClippedSGDConvex
from tendsto.theory.clipped import ClippedSGDPolyakLojasiewicz as ClippedSGDPolyakLojasiewicz
from tendsto.theory.clipped import ClippedSGDSmooth as ClippedSGDSmooth
from tendsto.theory.clipped import ClippedSGDStronglyConvex as ClippedSGDStronglyConvex
from tendsto.theory.clipped import ClippedSSTMConvex as ClippedSSTMConvex
from tendsto.theory.clipped_restarts import ClippedGDAOperator as ClippedGDAOperator
from tendsto.theory.clipped_restarts import (
    RestartedClippedSSTMStronglyConvex as RestartedClippedSSTMStronglyConvex,
)
from tendsto.theory.coin_betting import CoinBettingRegret as CoinBettingRegret
from tendsto.theory.diagonal_metric import AdaHessianExact as AdaHessianExact
from tendsto.theory.diagonal_metric import OASISFixedPolyakLojasiewicz as OASISFixedPolyakLojasiewicz
from tendsto.theory.diagonal_metric import OASISFixedSmooth as OASISFixedSmooth
from tendsto.theory.difference_of_convex import DCADecrease as DCADecrease
from tendsto.theory.difference_of_convex import DCAMovement as DCAMovement
from tendsto.theory.fb_gvi import FBGVIContraction as FBGVIContraction
from tendsto.theory.fb_gvi import FBGVISmooth as FBGVISmooth
from tendsto.theory.fb_gvi import FBGVIStochastic as FBGVIStochastic
from tendsto.theory.fb_gvi import FBGVISublinear as FBGVISublinear
from tendsto.theory.fictitious_play import FictitiousPlayConstant as FictitiousPlayConstant
from tendsto.theory.fictitious_play import FictitiousPlayDecreasing as FictitiousPlayDecreasing
from tendsto.theory.find import find as find
from tendsto.theory.find import missing as missing
from tendsto.theory.frank_wolfe import FrankWolfeSelfConcordant as FrankWolfeSelfConcordant
from tendsto.theory.frank_wolfe import FrankWolfeSmooth as FrankWolfeSmooth
from tendsto.theory.gfs_monotone import GFSMonotone as GFSMonotone
from tendsto.theory.gradient_descent import GDConvex as GDConvex
from tendsto.theory.gradient_descent import GDPolyakLojasiewicz as GDPolyakLojasiewicz
from tendsto.theory.gradient_descent import GDSmooth as GDSmooth
from tendsto.theory.gradient_descent import GDSmoothExact as GDSmoothExact
from tendsto.theory.gradient_descent import GDStronglyConvex as GDStronglyConvex
from tendsto.theory.gradient_descent import GDStronglyConvexDistance as GDStronglyConvexDistance
from tendsto.theory.large_step import LargeStep as LargeStep
from tendsto.theory.large_step import OnePointConvexity as OnePointConvexity
from tendsto.theory.large_step import one_point_convexity as one_point_convexity
from tendsto.theory.last_iterate import LastIterateLipschitz as LastIterateLipschitz
from tendsto.theory.last_iterate import LastIterateSmooth as LastIterateSmooth
from tendsto.theory.last_iterate import last_iterate_bound as last_iterate_bound
from tendsto.theory.lion_box import LionBox as LionBox
from tendsto.theory.minibatch import FiniteSumConstants as FiniteSumConstants
from tendsto.theory.nesterov import NesterovConvex as NesterovConvex
from tendsto.theory.nesterov import NesterovStronglyConvex as NesterovStronglyConvex
from tendsto.theory.nonconvex_composite import NonconvexAcceleratedSmooth as NonconvexAcceleratedSmooth
from tendsto.theory.nonconvex_composite import ProximalGradientSmooth as ProximalGradientSmooth
from tendsto.theory.prospect import ProspectLinear as ProspectLinear
from tendsto.theory.proximal_gradient import ProximalGradientConvex as ProximalGradientConvex
from tendsto.theory.proximal_gradient import ProximalGradientStronglyConvex as ProximalGradientStronglyConvex
from tendsto.theory.proximal_gradient import StochasticProximalGradientConvex as StochasticProximalGradientConvex
from tendsto.theory.proximal_gradient import (
    StochasticProximalGradientDecreasing as StochasticProximalGradientDecreasing,
)
from tendsto.theory.proximal_gradient import (
    StochasticProximalGradientStronglyConvex as StochasticProximalGradientStronglyConvex,
)
from tendsto.theory.proximal_point import ProximalPointConstant as ProximalPointConstant
from tendsto.theory.proximal_point import ProximalPointDecreasing as ProximalPointDecreasing
from tendsto.theory.proximal_point import ProximalPointStronglyConvex as ProximalPointStronglyConvex
from tendsto.theory.step_cycle import StepCycle as StepCycle
from tendsto.theory.step_cycle import step_cycle as step_cycle
from tendsto.theory.stochastic_gradient import SGDConvex as SGDConvex
from tendsto.theory.stochastic_gradient import SGDConvexDecreasing as SGDConvexDecreasing
from tendsto.theory.stochastic_gradient import SGDPolyakLojasiewicz as SGDPolyakLojasiewicz
from tendsto.theory.stochastic_gradient import SGDSmooth as SGDSmooth
from tendsto.theory.stochastic_gradient import SGDStronglyConvex as SGDStronglyConvex
from tendsto.theory.stochastic_gradient_steps import SGDConvexDecreasingLonger as SGDConvexDecreasingLonger
from tendsto.theory.stochastic_gradient_steps import SGDConvexLonger as SGDConvexLonger
from tendsto.theory.stochastic_gradient_steps import SGDMomentum as SGDMomentum
from tendsto.theory.stochastic_gradient_steps import SGDSwitching as SGDSwitching
from tendsto.theory.stochastic_polyak import PolyakLipschitz as PolyakLipschitz
from tendsto.theory.stochastic_polyak import PolyakSmooth as PolyakSmooth
from tendsto.theory.subgradient import ProjectedSubgradientBounded as ProjectedSubgradientBounded
from tendsto.theory.subgradient import ProjectedSubgradientStronglyConvex as ProjectedSubgradientStronglyConvex
from tendsto.theory.subgradient import SubgradientConstant as SubgradientConstant
from tendsto.theory.subgradient import SubgradientDecreasing as SubgradientDecreasing
