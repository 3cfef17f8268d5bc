"""Sampling and variational inference: targets known by a log-density, and what is carried to them."""

from __future__ import annotations

from tendsto.sampling.cloud import Cloud
from tendsto.sampling.discrepancy import energy_distance
from tendsto.sampling.target import Gaussian, LogDensity, Target

__all__ = [
    "Cloud",
    "Gaussian",
    "LogDensity",
    "Target",
    "energy_distance",
]
