"""Limit theorems as objects: a simulator, the law at finite n, the law in the limit, and the distance between them."""

from __future__ import annotations

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.connectivity import ConnectivityThreshold, LimitLaw, Thresholds, radius_for_connectivity
from tendsto.probability.distance import dkw_band, kolmogorov, kolmogorov_discrete
from tendsto.probability.geometric_graph import connectivity_threshold, largest_link
from tendsto.probability.geometry import Disc, Domain, Square, Torus
from tendsto.probability.rounded_normal import RoundedNormal
from tendsto.probability.uniform_clt import UniformCLT, certify_uniform_clt, lindeberg, sup_kolmogorov
from tendsto.probability.uniform_family import BernoulliMeans, LatticeMeans, PoissonMeans

__all__ = [
    "Assumption",
    "BernoulliMeans",
    "ConnectivityThreshold",
    "Disc",
    "Domain",
    "LatticeMeans",
    "LimitLaw",
    "PoissonMeans",
    "RoundedNormal",
    "Square",
    "Thresholds",
    "Torus",
    "UniformCLT",
    "certify_uniform_clt",
    "connectivity_threshold",
    "dkw_band",
    "kolmogorov",
    "kolmogorov_discrete",
    "largest_link",
    "lindeberg",
    "radius_for_connectivity",
    "require",
    "sup_kolmogorov",
]
