"""Sampling and variational inference: targets known by a log-density, and what is carried to them."""

from __future__ import annotations

from tendsto.sampling.balanced_flow import BalancedFlow, certificate, deficiency_margin
from tendsto.sampling.betting import CoinBetting
from tendsto.sampling.breast_cancer_posterior import BreastCancerPosterior
from tendsto.sampling.bures_wasserstein import (
    bures_wasserstein_distance,
    gaussian_kl,
    optimal_map,
    square_root,
    wasserstein_geodesic,
)
from tendsto.sampling.bures_wasserstein_loss import CriticalPoint, bw_loss, bw_loss_gradient, critical_points
from tendsto.sampling.bwgd import BWGD, bwgd_step
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.coin import Coin, coin_ksdd, coin_lawgd, coin_svgd
from tendsto.sampling.deep_linear_generator import DeepLinearGenerator, balanced, end_to_end, imbalance
from tendsto.sampling.direction import Direction, KSDDescent, Score, Stein
from tendsto.sampling.discrepancy import energy_distance, mmd, sliced_wasserstein, wasserstein, wasserstein_1d
from tendsto.sampling.entropic_examples import SineNetwork, TumourNetwork, UserNetwork
from tendsto.sampling.entropic_functional import EntropicFunctional
from tendsto.sampling.entropic_problem import NodeMeasure, ParticleMeasure
from tendsto.sampling.fb_gvi import FBGVI, entropy_prox, fb_gvi_step
from tendsto.sampling.fictitious_play import EntropicFictitiousPlay
from tendsto.sampling.gaussian_approximation import GaussianApproximation
from tendsto.sampling.gaussian_fit import GaussianFit, fit_gaussian
from tendsto.sampling.kernels import IMQ, RBF, Kernel, median_rule
from tendsto.sampling.langevin import MALA, ULA
from tendsto.sampling.lawgd import LAWGD
from tendsto.sampling.logistic_posterior import LogisticPosterior
from tendsto.sampling.particle_fictitious_play import MeanFieldLangevin, ParticleFictitiousPlay
from tendsto.sampling.sample import Sample, sample, to_arviz
from tendsto.sampling.sparse_bound import SparseNetworkBound
from tendsto.sampling.sparse_variational import SparseVariationalRegressor
from tendsto.sampling.stein import ksd, ksd_gradients, stein_direction
from tendsto.sampling.svgd import AdaptiveFlow, ParticleFlow, svgd, svgd_adagrad
from tendsto.sampling.target import Gaussian, LogDensity, Target
from tendsto.sampling.zoo import Banana, Donut, Funnel, Mixture, Squiggle

__all__ = [
    "BWGD",
    "FBGVI",
    "IMQ",
    "LAWGD",
    "MALA",
    "RBF",
    "ULA",
    "AdaptiveFlow",
    "BalancedFlow",
    "Banana",
    "BreastCancerPosterior",
    "Cloud",
    "Coin",
    "CoinBetting",
    "CriticalPoint",
    "DeepLinearGenerator",
    "Direction",
    "Donut",
    "EntropicFictitiousPlay",
    "EntropicFunctional",
    "Funnel",
    "Gaussian",
    "GaussianApproximation",
    "GaussianFit",
    "KSDDescent",
    "Kernel",
    "LogDensity",
    "LogisticPosterior",
    "MeanFieldLangevin",
    "Mixture",
    "NodeMeasure",
    "ParticleFictitiousPlay",
    "ParticleFlow",
    "ParticleMeasure",
    "Sample",
    "Score",
    "SineNetwork",
    "SparseNetworkBound",
    "SparseVariationalRegressor",
    "Squiggle",
    "Stein",
    "Target",
    "TumourNetwork",
    "UserNetwork",
    "balanced",
    "bures_wasserstein_distance",
    "bw_loss",
    "bw_loss_gradient",
    "bwgd_step",
    "certificate",
    "coin_ksdd",
    "coin_lawgd",
    "coin_svgd",
    "critical_points",
    "deficiency_margin",
    "end_to_end",
    "energy_distance",
    "entropy_prox",
    "fb_gvi_step",
    "fit_gaussian",
    "gaussian_kl",
    "imbalance",
    "ksd",
    "ksd_gradients",
    "median_rule",
    "mmd",
    "optimal_map",
    "sample",
    "sliced_wasserstein",
    "square_root",
    "stein_direction",
    "svgd",
    "svgd_adagrad",
    "to_arviz",
    "wasserstein",
    "wasserstein_1d",
    "wasserstein_geodesic",
]
