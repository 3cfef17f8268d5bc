"""The oracle inequality of sparse variational networks, with its constants as arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tendsto.core.guarantee import Guarantee
from tendsto.core.trace import Array

__all__ = ["SparseNetworkBound"]


@dataclass(frozen=True, kw_only=True)
class SparseNetworkBound(Guarantee):
    """Risk of the tempered spike-and-slab law over ReLU networks, k = n data, for one architecture.

    layers: L >= 3; width: D >= d = `dimension`; nonzeros: S, weights and biases, at most T; entries bounded by `entry`
    B >= 2. sigma: the noise's standard deviation. alpha: the tempering, in (0, 1). approximation: ||f_theta* -
    f_0||_inf of any theta* of the architecture. log_prior: log of the architecture's prior weight where it was selected
    by the ELBO among several, 0 where it was not. inner, outer: the numbers inside the logarithms, not certain (see
    Source): the order is, these are not.

    Raises:
        ValueError: an architecture, alpha, sigma or B that the theorem does not cover.

    >>> bound = SparseNetworkBound(layers=3, width=20, nonzeros=40, approximation=0.05, sigma=0.2)
    >>> round(float(bound.rate(np.array(10_000))), 4), round(bound.bound(10_000), 4)
    (0.1303, 0.573)
    """

    layers: int
    width: int
    nonzeros: int
    dimension: int = 1
    entry: float = 2.0
    sigma: float = 1.0
    alpha: float = 0.5
    approximation: float = 0.0
    log_prior: float = 0.0
    inner: float = 7.0
    outer: float = 4.0

    method = "sparse-variational"
    assumes = ()
    measure = "risk"
    mode: ClassVar[Literal["sure", "expectation", "high-probability"]] = "expectation"
    along = "n"
    statement = (
        "E int ||f_theta - f_0||^2 q(dtheta) <= 2/(1-alpha) ||f_theta* - f_0||_inf^2 + 2/(1-alpha) (1 + sigma^2/alpha)"
        " r_n + 2 sigma^2/(alpha (1-alpha)) log(1/pi)/n, r_n = S/n (L log(B D) + 2 log(inner d L max(n/S, 1)) +"
        " log(outer D))."
    )
    proof = (
        "tempered posteriors concentrate where the prior puts mass around theta*; a slab of width about 1/n around"
        " theta* costs S log n and the choice of its support S log T."
    )
    source = (
        "Cherief-Abdellatif, Convergence Rates of Variational Inference in Sparse Deep Learning (2020, arXiv"
        " 1908.04847); structure recalled, the numbers inside the logarithms uncertain"
    )

    def __post_init__(self) -> None:
        total = self.width * (self.dimension + 1) + (self.layers - 2) * self.width * (self.width + 1) + self.width + 1
        if self.layers < 3 or self.dimension < 1 or self.width < self.dimension:
            raise ValueError(
                f"layers = {self.layers}, width = {self.width}, dimension = {self.dimension} is not covered: use at"
                " least 3 layers, and a width of at least the dimension"
            )
        if not 1 <= self.nonzeros <= total:
            raise ValueError(f"nonzeros = {self.nonzeros} of {total} weights: use a number from 1 to {total}")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha = {self.alpha} is not covered: the proof tempers, so use a number in (0, 1)")
        if not 2 <= self.entry < math.inf:
            raise ValueError(f"entry = {self.entry} bounds no weight as the theorem asks: use a number of at least 2")
        for name, least in (("sigma", 0), ("inner", 1), ("outer", 1)):
            if not least < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is not possible: use a finite number above {least}")
        if not 0 <= self.approximation < math.inf or not -math.inf < self.log_prior <= 0:
            raise ValueError(
                f"approximation = {self.approximation} must be a finite number of at least 0, and log_prior ="
                f" {self.log_prior} a finite one of at most 0"
            )

    def rate(self, n: Array) -> Array:
        """r_n; infinite at n = 0."""
        share = self.nonzeros / np.where(n > 0, n, np.nan)
        logs = 2 * np.log(self.inner * self.dimension * self.layers * np.maximum(1 / share, 1))
        fixed = self.layers * math.log(self.entry * self.width) + math.log(self.outer * self.width)
        return np.where(n > 0, share * (fixed + logs), np.inf)

    def formula(self, k: Array) -> Array:
        kept = 1 - self.alpha
        with np.errstate(divide="ignore"):
            penalty = 2 * self.sigma**2 / (self.alpha * kept) * -self.log_prior / k if self.log_prior else 0.0
        return 2 / kept * (self.approximation**2 + (1 + self.sigma**2 / self.alpha) * self.rate(k)) + penalty
