"""Standardised sums of any law on 0, ..., m that depends on a parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.assumption import Assumption
from tendsto.probability.uniform_family import LatticeSum, UniformFamily, unit_variance

__all__ = ["LatticeMeans"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LatticeMeans(UniformFamily):
    """Standardised sums of any variable on the integers 0, ..., m whose masses are a function of θ in [low, high].

    masses: from θ to a vector of m + 1 probabilities. The law of the sum is an n-fold convolution, as a power of the
    discrete Fourier transform: its only error is rounding, about 1e-14 an atom.

    >>> from tendsto.probability.uniform_family import BernoulliMeans
    >>> family = LatticeMeans(0.1, 0.5, masses=lambda p: [1 - p, p])
    >>> abs(family.kolmogorov(100, 0.1) - BernoulliMeans(0.1, 0.5).kolmogorov(100, 0.1)) < 1e-12
    True
    """

    masses: Callable[[float], ArrayLike]

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"parameters from {self.low} to {self.high} are no range; use low < high, both finite")

    def summand(self, theta: float) -> Array:
        """The masses at θ. Raises ValueError if they are no law, or all on one point, so that nothing standardises."""
        weights = np.asarray(self.masses(theta), dtype=np.float64)
        if weights.ndim != 1 or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-9:
            raise ValueError(
                f"masses {weights.tolist()} at {theta} are no law: a vector of non-negative numbers of sum 1"
            )
        if np.count_nonzero(weights) < 2:
            raise ValueError(f"at {theta} all mass is on one point: the variance is 0 and nothing can be standardised")
        return weights

    def grid(self, n: int, points: int) -> Array:
        return np.linspace(self.low, self.high, points)

    def law(self, n: int, theta: float) -> LatticeSum:
        self._inside(n, theta)
        weights = self.summand(theta)
        k = np.arange(n * (weights.size - 1) + 1)
        power = np.fft.rfft(weights, n=2 * k.size) ** n
        total = np.maximum(np.fft.irfft(power, n=2 * k.size)[: k.size], 0.0)
        mean, deviation = _moments(weights)
        return LatticeSum((k - n * mean) / (deviation * math.sqrt(n)), total / total.sum())

    def lindeberg_at(self, n: int, theta: float, eps: float) -> float:
        weights = self.summand(theta)
        mean, deviation = _moments(weights)
        size = np.abs(np.arange(weights.size) - mean) / deviation
        return float((size**2 * weights)[size > eps * math.sqrt(n)].sum())

    def third_moment(self, theta: float) -> float:
        weights = self.summand(theta)
        mean, deviation = _moments(weights)
        return float(((np.abs(np.arange(weights.size) - mean) / deviation) ** 3 * weights).sum())

    def assumptions(self) -> tuple[Assumption, ...]:
        try:
            worst = max(self.third_moment(float(t)) for t in self.grid(1, 201))
        except ValueError as error:
            return (Assumption("variance bounded below", "fails", str(error)),)
        seen = f"on 201 parameters E|Y - m|³/σ³ is at most {worst:.4g}; a bound over all of them would decide"
        return (unit_variance(), Assumption("uniform Lindeberg condition", "unknown", seen))

    def _inside(self, n: int, theta: float) -> None:
        if n != int(n) or n < 1:
            raise ValueError(f"n = {n} is no number of summands; use 1, 2, ...")
        if not self.low <= theta <= self.high:
            raise ValueError(f"parameter {theta} is outside the family's [{self.low:g}, {self.high:g}]")


def _moments(weights: Array) -> tuple[float, float]:
    k = np.arange(weights.size)
    mean = float(k @ weights)
    return mean, math.sqrt(float((k - mean) ** 2 @ weights))
