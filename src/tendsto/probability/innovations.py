"""Independent innovations with mean 0, from thin to heavy tails, with the moments that theorems ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["CentredExponential", "Gaussian", "Innovation", "Student", "SymmetricPareto"]

Array = NDArray[np.float64]


class Innovation(Protocol):
    """variance: infinite where there is none. skewness: ``E ξ³`` (not standardised), NaN where there is none.

    tail: the index a of ``P(|ξ| > t) ~ t^{-a}``, infinite for thinner tails.
    """

    @property
    def variance(self) -> float: ...
    @property
    def skewness(self) -> float: ...
    @property
    def tail(self) -> float: ...
    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array: ...


@dataclass(frozen=True)
class Gaussian:
    """Standard normal innovations.

    >>> Gaussian().tail
    inf
    """

    variance = 1.0
    skewness = 0.0
    tail = math.inf

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.standard_normal(shape)


@dataclass(frozen=True)
class CentredExponential:
    """``E - 1`` for an exponential E: variance 1, ``E ξ³ = 2``.

    >>> CentredExponential().skewness
    2.0
    """

    variance = 1.0
    skewness = 2.0
    tail = math.inf

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.standard_exponential(shape) - 1


@dataclass(frozen=True)
class _Tailed:
    """Symmetric, with ``P(|ξ| > t)`` of order ``t^{-a}`` and, where it is finite, variance ``a / (a - 2)``."""

    tail: float

    def __post_init__(self) -> None:
        if not self.tail > 1:
            raise ValueError(f"tail {self.tail} leaves no mean; above 1 is needed")

    @property
    def variance(self) -> float:
        return self.tail / (self.tail - 2) if self.tail > 2 else math.inf

    @property
    def skewness(self) -> float:
        return 0.0 if self.tail > 3 else math.nan


@dataclass(frozen=True)
class SymmetricPareto(_Tailed):
    """``P(|ξ| > t) = t^{-a}`` for t ≥ 1, either sign equally often; variance ``a / (a - 2)``. ValueError for a ≤ 1.

    >>> SymmetricPareto(3.0).variance
    3.0
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        # One uniform number carries sign and size: 2u - 1 is uniform on (-1, 1), and never 0 up to rounding.
        u = 2 * rng.random(shape) - 1
        u[u == 0] = 1.0
        return np.sign(u) * np.abs(u) ** (-1 / self.tail)


@dataclass(frozen=True)
class Student(_Tailed):
    """Student's t with ``tail`` degrees of freedom, variance ``a / (a - 2)``. ValueError for a ≤ 1.

    >>> Student(1.5).variance
    inf
    """

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.standard_t(self.tail, shape)
