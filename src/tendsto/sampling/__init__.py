"""Sampling and variational inference: targets known by a log-density, and what is carried to them."""

from __future__ import annotations

from tendsto.sampling.balanced_flow import BalancedFlow, certificate, deficiency_margin
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
from tendsto.sampling.deep_linear_generator import DeepLinearGenerator, balanced, end_to_end, imbalance
from tendsto.sampling.discrepancy import energy_distance
from tendsto.sampling.fb_gvi import FBGVI, entropy_prox, fb_gvi_step
from tendsto.sampling.gaussian_approximation import GaussianApproximation
from tendsto.sampling.gaussian_fit import GaussianFit, fit_gaussian
from tendsto.sampling.logistic_posterior import LogisticPosterior
from tendsto.sampling.target import Gaussian, LogDensity, Target

__all__ = [
    "BWGD",
    "FBGVI",
    "BalancedFlow",
    "Cloud",
    "CriticalPoint",
    "DeepLinearGenerator",
    "Gaussian",
    "GaussianApproximation",
    "GaussianFit",
    "LogDensity",
    "LogisticPosterior",
    "Target",
    "balanced",
    "bures_wasserstein_distance",
    "bw_loss",
    "bw_loss_gradient",
    "bwgd_step",
    "certificate",
    "critical_points",
    "deficiency_margin",
    "end_to_end",
    "energy_distance",
    "entropy_prox",
    "fb_gvi_step",
    "fit_gaussian",
    "gaussian_kl",
    "imbalance",
    "optimal_map",
    "square_root",
    "wasserstein_geodesic",
]
