"""Limit theorems as objects: a simulator, the law at finite n, the law in the limit, and the distance between them."""

from __future__ import annotations

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.connectivity import ConnectivityThreshold, LimitLaw, Thresholds, radius_for_connectivity
from tendsto.probability.distance import dkw_band, kolmogorov
from tendsto.probability.geometric_graph import connectivity_threshold, largest_link
from tendsto.probability.geometry import Disc, Domain, Square, Torus

__all__ = [
    "Assumption",
    "ConnectivityThreshold",
    "Disc",
    "Domain",
    "LimitLaw",
    "Square",
    "Thresholds",
    "Torus",
    "connectivity_threshold",
    "dkw_band",
    "kolmogorov",
    "largest_link",
    "radius_for_connectivity",
    "require",
]
