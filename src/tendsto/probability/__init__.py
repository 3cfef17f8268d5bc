"""Limit theorems as objects: a simulator, the law at finite n, the law in the limit, and the distance between them."""

from __future__ import annotations

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.change_test import ChangeTest, change_test
from tendsto.probability.clock import InverseStable, InverseTemperedStable, stable_increments
from tendsto.probability.connectivity import ConnectivityThreshold, LimitLaw, Thresholds, radius_for_connectivity
from tendsto.probability.distance import dkw_band, kolmogorov, kolmogorov_discrete
from tendsto.probability.geometric_graph import connectivity_threshold, largest_link
from tendsto.probability.geometry import Disc, Domain, Square, Torus
from tendsto.probability.innovations import CentredExponential, Gaussian, Student, SymmetricPareto
from tendsto.probability.lattice_means import LatticeMeans
from tendsto.probability.linear_process import LinearProcess, fractional_noise
from tendsto.probability.local_times import (
    StarLimit,
    gaussian_field,
    inverse_laplace_functional,
    local_time_cdf,
    simulate_local_times,
)
from tendsto.probability.metric_entropy import LocalTimeLimit, covering_number, metric_entropy_condition
from tendsto.probability.multipliers import GaussianLaw, block_multipliers, multiplier_law, partial_sum_draws
from tendsto.probability.network_models import critical_tree, gasket, path, star, uniform_spanning_tree
from tendsto.probability.noise import GridNoise, LaplaceNoise, MixtureNoise, Noise
from tendsto.probability.noise_vector import ProductNoise, VectorMixtureNoise, VectorNoise
from tendsto.probability.nonuniform_connectivity import NonuniformConnectivity
from tendsto.probability.norm_concentration import NormBound, subgamma_norm_bound
from tendsto.probability.product_process import ProductProcess
from tendsto.probability.product_rate import MarcinkiewiczLaw, product_rate
from tendsto.probability.rate_diagnostic import RateDiagnostic, rate_diagnostic
from tendsto.probability.relative_clt import MeanInterval, RelativeCLT, mean_interval
from tendsto.probability.resistance_network import ResistanceNetwork
from tendsto.probability.rounded_normal import RoundedNormal
from tendsto.probability.smoothed_location import SmoothedLocation, smoothed_newton
from tendsto.probability.star_mesh import exact_resistance, exact_trace
from tendsto.probability.strong_order import MilsteinOrder
from tendsto.probability.tail_and_memory import memory_exponent, moments_above, short_memory, tail_index
from tendsto.probability.time_changed import Solution, TimeChangedNoise, Truncation, solve_time_changed
from tendsto.probability.trend_band import TrendBand, trend_band
from tendsto.probability.uniform_clt import UniformCLT, certify_uniform_clt, lindeberg, sup_kolmogorov
from tendsto.probability.uniform_family import BernoulliMeans, PoissonMeans

__all__ = [
    "Assumption",
    "BernoulliMeans",
    "CentredExponential",
    "ChangeTest",
    "ConnectivityThreshold",
    "Disc",
    "Domain",
    "Gaussian",
    "GaussianLaw",
    "GridNoise",
    "InverseStable",
    "InverseTemperedStable",
    "LaplaceNoise",
    "LatticeMeans",
    "LimitLaw",
    "LinearProcess",
    "LocalTimeLimit",
    "MarcinkiewiczLaw",
    "MeanInterval",
    "MilsteinOrder",
    "MixtureNoise",
    "Noise",
    "NonuniformConnectivity",
    "NormBound",
    "PoissonMeans",
    "ProductNoise",
    "ProductProcess",
    "RateDiagnostic",
    "RelativeCLT",
    "ResistanceNetwork",
    "RoundedNormal",
    "SmoothedLocation",
    "Solution",
    "Square",
    "StarLimit",
    "Student",
    "SymmetricPareto",
    "Thresholds",
    "TimeChangedNoise",
    "Torus",
    "TrendBand",
    "Truncation",
    "UniformCLT",
    "VectorMixtureNoise",
    "VectorNoise",
    "block_multipliers",
    "certify_uniform_clt",
    "change_test",
    "connectivity_threshold",
    "covering_number",
    "critical_tree",
    "dkw_band",
    "exact_resistance",
    "exact_trace",
    "fractional_noise",
    "gasket",
    "gaussian_field",
    "inverse_laplace_functional",
    "kolmogorov",
    "kolmogorov_discrete",
    "largest_link",
    "lindeberg",
    "local_time_cdf",
    "mean_interval",
    "memory_exponent",
    "metric_entropy_condition",
    "moments_above",
    "multiplier_law",
    "partial_sum_draws",
    "path",
    "product_rate",
    "radius_for_connectivity",
    "rate_diagnostic",
    "require",
    "short_memory",
    "simulate_local_times",
    "smoothed_newton",
    "solve_time_changed",
    "stable_increments",
    "star",
    "subgamma_norm_bound",
    "sup_kolmogorov",
    "tail_index",
    "trend_band",
    "uniform_spanning_tree",
]
