"""Families of standardised sums, indexed by a parameter in which a central limit theorem may or may not be uniform."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tendsto.probability.assumption import Assumption
from tendsto.probability.distance import kolmogorov_discrete

__all__ = ["BernoulliMeans", "LatticeSum", "PoissonMeans", "UniformFamily", "unit_variance"]

Array = NDArray[np.float64]


class LatticeSum(NamedTuple):
    """Law of a standardised lattice sum: increasing atoms and their masses, two vectors of one length."""

    atoms: NDArray[Any]
    masses: NDArray[Any]


@dataclass(frozen=True)
class UniformFamily(ABC):
    """For each parameter θ in [low, high], sums ``(S_n - n m(θ)) / (σ(θ) √n)`` of n independent copies.

    A subclass gives ``law(n, θ)``, ``lindeberg_at(n, θ, eps)``, ``third_moment(θ)`` and ``assumptions()``. A `low` at
    which the variance vanishes stands for an open end.

    Source: Bengs and Holzmann (2019), arXiv:1903.09864: triangular arrays of row-wise independent summands; the
    hypotheses of its uniform Lindeberg-Feller theorem are inferred from the standard theory.
    """

    low: float
    high: float

    @abstractmethod
    def law(self, n: int, theta: float) -> LatticeSum:
        """The exact law of the standardised sum, but for rounding."""

    @abstractmethod
    def lindeberg_at(self, n: int, theta: float, eps: float) -> float:
        """``Σ_i E[X_i² 1{|X_i| > eps}]`` of the n standardised summands."""

    @abstractmethod
    def third_moment(self, theta: float) -> float:
        """``E|Y - m|³ / σ³`` of one summand."""

    @abstractmethod
    def assumptions(self) -> tuple[Assumption, ...]:
        """The hypotheses of the uniform central limit theorem on this family."""

    def kolmogorov(self, n: int, theta: float) -> float:
        """``sup_x |P(sum ≤ x) - Φ(x)|``, both sides of every atom looked at.

        Raises:
            ValueError: θ is outside the family, or n < 1.
        """
        from scipy.special import ndtr

        return kolmogorov_discrete(*self.law(n, theta), ndtr)

    def grid(self, n: int, points: int) -> Array:
        """Parameters to look at: evenly spaced, and geometrically from 1/(100 n) where the low end is 0."""
        from_zero = 0.01 / n if self.low == 0 else self.low
        even = np.linspace(self.low, self.high, points + 1)[1 if self.low == 0 else 0 :]
        return np.union1d(even, np.geomspace(min(from_zero, self.high), self.high, points) if from_zero > 0 else even)

    def _inside(self, n: int, theta: float) -> None:
        if n != int(n) or n < 1:
            raise ValueError(f"n = {n} is no number of summands; use 1, 2, ...")
        if not (self.low <= theta <= self.high) or theta == self.low == 0:
            bracket = "(" if self.low == 0 else "["
            raise ValueError(f"parameter {theta} is outside the family's {bracket}{self.low:g}, {self.high:g}]")


@dataclass(frozen=True)
class BernoulliMeans(UniformFamily):
    """Standardised means of n Bernoulli(p) variables, p in [low, high]; ``low = 0`` stands for the open end (0, high].

    With low > 0 the theorem is uniform; on (0, high] it holds at every p and is not uniform, since p = c/n keeps the
    Lindeberg sum at 1 - p. Raises ValueError unless 0 ≤ low < high < 1.

    >>> family = BernoulliMeans(0.1, 0.5)
    >>> round(family.kolmogorov(100, 0.1), 4)
    0.0832
    >>> family.lindeberg_at(100, 0.1, 0.5), BernoulliMeans(0.0, 0.5).lindeberg_at(100, 0.01, 0.5)
    (0.0, 0.99)
    """

    low: float = 0.1
    high: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < 1:
            raise ValueError(
                f"p from {self.low} to {self.high} is no range of a Bernoulli law; use 0 <= low < high < 1"
            )

    def law(self, n: int, theta: float) -> LatticeSum:
        from scipy.stats import binom

        self._inside(n, theta)
        k = np.arange(n + 1)
        return LatticeSum((k - n * theta) / math.sqrt(n * theta * (1 - theta)), binom.pmf(k, n, theta))

    def lindeberg_at(self, n: int, theta: float, eps: float) -> float:
        """``q 1{q² > eps² n p q} + p 1{p² > eps² n p q}``."""
        self._inside(n, theta)
        p, q = theta, 1 - theta
        return q * (q > eps**2 * n * p) + p * (p > eps**2 * n * q)

    def largest_lindeberg(self, n: int, eps: float) -> tuple[float, float]:
        """The exact supremum over the family and where it lies: each indicator's part is largest at an end."""
        if self.low == 0:
            return 1.0, 0.0
        return max((self.lindeberg_at(n, p, eps), p) for p in (self.low, self.high))

    def third_moment(self, theta: float) -> float:
        return (theta**2 + (1 - theta) ** 2) / math.sqrt(theta * (1 - theta))

    def assumptions(self) -> tuple[Assumption, ...]:
        if self.low == 0:
            witness = "at p = 1/n and eps = 1/2 the sum is 1 - 1/n for every n > 2, and does not vanish"
            return (unit_variance(), Assumption("uniform Lindeberg condition", "fails", witness))
        return (unit_variance(), _lyapunov(max(self.third_moment(self.low), self.third_moment(self.high))))

    # What certify_uniform_clt asks: the pieces of P(S ≤ k) and of z_k = (k - np)/√(npq), all of whose signs are known.

    def spread(self, theta: float, n: int) -> tuple[float, float]:
        """Mean and standard deviation of the sum."""
        return n * theta, math.sqrt(n * theta * (1 - theta))

    def largest(self, n: int) -> int | None:
        return n

    def seed(self, iv: Any, n: int, theta: float, k: int) -> Any:
        p = iv.mpf(theta)
        return iv.mpf(math.comb(n, k)) * p**k * (1 - p) ** (n - k)

    def ratio(self, n: int, theta: Any, k: Array) -> Any:
        """``P(S = k+1) / P(S = k)``."""
        return (theta / (1.0 - theta)) * (n - k) / (k + 1.0)

    def standard(self, n: int, theta: Any, k: Array) -> Any:
        return (k - theta * n) / (theta * (1.0 - theta) * n).sqrt()

    def standard_slope(self, n: int, theta: Any, k: Array) -> Any:
        """``-dz_k/dp = n (np + k (1 - 2p)) / (2 (npq)^{3/2})``, never negative."""
        variance = theta * (1.0 - theta) * n
        return (theta * n + (1.0 - theta * 2.0) * k) * n / (variance * variance.sqrt() * 2.0)

    def cdf_slope(self, n: int, theta: Any, k: Array, mass: Any) -> Any:
        """``-dP(S ≤ k)/dp = (n - k) P(S = k) / q``."""
        return mass * (n - k) / (1.0 - theta)

    def log_slope(self, n: int, theta: Any, k: Array) -> Any:
        """``|d log cdf_slope / dp| = |k - (n-1) p| / (pq)``."""
        return abs(k - theta * (n - 1.0)) / (theta * (1.0 - theta))


@dataclass(frozen=True)
class PoissonMeans(UniformFamily):
    """Standardised sums of n Poisson(θ) variables, θ in [low, high]; ``low = 0`` stands for the open end (0, high].

    Raises ValueError unless 0 ≤ low < high < ∞.

    >>> round(PoissonMeans(1.0, 2.0).kolmogorov(100, 1.0), 4)
    0.0266
    """

    low: float = 0.5
    high: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < math.inf:
            raise ValueError(f"means from {self.low} to {self.high} are no range; use 0 <= low < high, both finite")

    def law(self, n: int, theta: float) -> LatticeSum:
        from scipy.stats import poisson

        self._inside(n, theta)
        mean = n * theta
        # Beyond 12 deviations and 60 more the mass is below 1e-30.
        k = np.arange(max(0, int(mean - 12 * math.sqrt(mean)) - 60), int(mean + 12 * math.sqrt(mean)) + 60)
        return LatticeSum((k - mean) / math.sqrt(mean), poisson.pmf(k, mean))

    def lindeberg_at(self, n: int, theta: float, eps: float) -> float:
        from scipy.stats import poisson

        self._inside(n, theta)
        k = np.arange(int(theta + 12 * math.sqrt(theta)) + 60)
        far = np.abs(k - theta) > eps * math.sqrt(n * theta)
        return float(((k - theta) ** 2 * poisson.pmf(k, theta) * far).sum() / theta)

    def third_moment(self, theta: float) -> float:
        from scipy.stats import poisson

        k = np.arange(int(theta + 12 * math.sqrt(theta)) + 60)
        return float((np.abs(k - theta) ** 3 * poisson.pmf(k, theta)).sum() / theta**1.5)

    def assumptions(self) -> tuple[Assumption, ...]:
        if self.low == 0:
            witness = "at a mean of 1/n and eps = 1/2 the sum is at least 1 - 1/n for every n > 2, and does not vanish"
            return (unit_variance(), Assumption("uniform Lindeberg condition", "fails", witness))
        # E|Y - θ|³ ≤ (E(Y - θ)² E(Y - θ)⁴)^{1/2} = θ^{3/2} (3 + 1/θ)^{1/2}, which decreases in θ.
        return (unit_variance(), _lyapunov(math.sqrt(3 + 1 / self.low)))

    def spread(self, theta: float, n: int) -> tuple[float, float]:
        return n * theta, math.sqrt(n * theta)

    def largest(self, n: int) -> int | None:
        return None

    def seed(self, iv: Any, n: int, theta: float, k: int) -> Any:
        mean = iv.mpf(theta) * n
        return iv.exp(-mean) * mean**k / iv.mpf(math.factorial(k))

    def ratio(self, n: int, theta: Any, k: Array) -> Any:
        return theta * n / (k + 1.0)

    def standard(self, n: int, theta: Any, k: Array) -> Any:
        return (k - theta * n) / (theta * n).sqrt()

    def standard_slope(self, n: int, theta: Any, k: Array) -> Any:
        mean = theta * n
        return (mean + k) * n / (mean * mean.sqrt() * 2.0)

    def cdf_slope(self, n: int, theta: Any, k: Array, mass: Any) -> Any:
        return mass * n

    def log_slope(self, n: int, theta: Any, k: Array) -> Any:
        return abs(k - theta * n) / theta


def unit_variance() -> Assumption:
    """Standardised sums have the covariance of their limit."""
    return Assumption("covariances converge uniformly", "holds", "each sum is standardised, of variance 1")


def _lyapunov(worst: float) -> Assumption:
    witness = f"E|Y - m|³/σ³ ≤ {worst:.4g} for all parameters, so the sum is at most {worst:.4g} / (eps √n)"
    return Assumption("uniform Lindeberg condition", "holds", witness)
