"""Random clocks: inverses of subordinators, the operational time of a subdiffusion.

A subordinator D is an increasing process with independent increments, ``E exp(-s D_t) = exp(-t φ(s))``; its inverse
``E_t = inf{u: D_u > t}`` is a clock that stands still whenever D jumps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["InverseStable", "InverseSubordinator", "InverseTemperedStable", "stable_increments", "whole_number"]

Array = NDArray[np.float64]

_BLOCK = 64


def stable_increments(beta: float, length: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
    """Independent increments of the β-stable subordinator over a time ``length``: ``E exp(-s D) = exp(-length s^β)``.

    ``D = length^{1/β} sin(βU) / sin(U)^{1/β} (sin((1-β)U) / W)^{(1-β)/β}``, U uniform on (0, π), W exponential. Raises
    ValueError for β outside (0, 1) or a length that is not positive. Source: Kanter (1975), as in Chambers, Mallows and
    Stuck (1976).

    >>> stable_increments(0.5, 1.0, 3, np.random.default_rng(0)).shape
    (3,)
    """
    _check_beta(beta)
    if not 0 < length < math.inf:
        raise ValueError(f"length {length} is no time; a positive number is needed")
    # 1 - U is in (0, 1], so that no sine vanishes.
    u, w = math.pi * (1 - rng.random(shape)), rng.exponential(size=shape)
    # Near U = π the sine is rounding, and a power of it would be of a negative number.
    sine = np.maximum(np.sin(u), np.finfo(np.float64).tiny)
    jump = np.sin(beta * u) / sine ** (1 / beta) * (np.sin((1 - beta) * u) / w) ** ((1 - beta) / beta)
    return length ** (1 / beta) * jump


@dataclass(frozen=True)
class InverseSubordinator:
    """A clock: the inverse of a subordinator. A subclass gives its ``exponent`` φ and its ``increments``."""

    def exponent(self, s: Any) -> Any:
        """Laplace exponent ``φ(s)``, for s real or complex with positive real part."""
        raise NotImplementedError(f"{type(self).__name__} has no Laplace exponent: define exponent(s)")

    def increments(self, length: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        """Independent increments of the subordinator over a time ``length``."""
        raise NotImplementedError(f"{type(self).__name__} cannot be simulated: define increments(length, shape, rng)")

    def sample(self, horizon: float, mesh: float, paths: int, rng: np.random.Generator) -> Array:
        """Clock times at ``horizon``, rounded down to the mesh: ``E_δ(t) = (min{n: D_{nδ} > t} - 1) δ``, (paths,).

        ``E_t - δ ≤ E_δ(t) ≤ E_t``. Raises ValueError for a mesh that does not divide the horizon, or no path.

        >>> InverseStable(0.8).sample(0.5, 1 / 4, 4, np.random.default_rng(0)).tolist()
        [1.0, 0.5, 0.0, 0.0]
        """
        whole_number(horizon, mesh, "mesh", "horizon")
        if paths < 1:
            raise ValueError(f"{paths} paths hold no clock; at least 1 is needed")
        counts = np.zeros(paths, np.int64)
        active, level = np.arange(paths), np.zeros(paths)
        while active.size:
            walk = level + np.cumsum(self.increments(mesh, (_BLOCK, active.size), rng), axis=0)
            counts[active] += (walk <= horizon).sum(axis=0)
            going = walk[-1] <= horizon
            active, level = active[going], walk[-1][going]
        return np.asarray(counts * mesh, np.float64)

    def moment(self, k: int, t: float) -> float:
        """``E[E_t^k]``, whose Laplace transform in t is ``k! / (s φ(s)^k)``: inverted numerically, to about 1e-9.

        Raises ValueError unless k = 0, 1, ... and t > 0. Source: of the inversion, Abate and Valkó (2004), the fixed
        Talbot contour.
        """
        _check_moment(k, t)
        points = 24
        r, theta = 2 * points / (5 * t), np.arange(1, points) * math.pi / points
        s = r * theta * (1 / np.tan(theta) + 1j)
        turn = theta + (theta / np.tan(theta) - 1) / np.tan(theta)

        def transform(s: Any) -> Any:
            return math.factorial(k) / (s * self.exponent(s) ** k)

        half = 0.5 * transform(r) * math.exp(r * t)
        return float(r / points * (half + np.real(np.exp(t * s) * transform(s) * (1 + 1j * turn)).sum()))


@dataclass(frozen=True)
class InverseStable(InverseSubordinator):
    """The inverse of the β-stable subordinator, ``φ(s) = s^β``: the clock of a subdiffusion, ``E[E_t] ~ t^β``.

    Raises ValueError for β outside (0, 1). Source: standard; as used by Liu, Wu and Zuo (2023), arXiv:2308.13999.

    >>> round(InverseStable(0.8).moment(1, 0.5), 4)
    0.6167
    """

    beta: float = 0.8

    def __post_init__(self) -> None:
        _check_beta(self.beta)

    def exponent(self, s: Any) -> Any:
        return s**self.beta

    def increments(self, length: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return stable_increments(self.beta, length, shape, rng)

    def moment(self, k: int, t: float) -> float:
        """``E[E_t^k] = k! t^{kβ} / Γ(1 + kβ)``, the moments of the Mittag-Leffler law."""
        _check_moment(k, t)
        return math.factorial(k) * t ** (k * self.beta) / math.gamma(1 + k * self.beta)


@dataclass(frozen=True)
class InverseTemperedStable(InverseSubordinator):
    """The inverse of the tempered stable subordinator, ``φ(s) = (s + θ)^β - θ^β``: subdiffusive early, diffusive late.

    Its increments are stable ones, accepted with probability ``exp(-θ D)``. Raises ValueError for β outside (0, 1) or a
    tempering θ that is not positive. Source: standard; as used by Liu, Wu and Zuo (2023), arXiv:2308.13999.

    >>> round(InverseTemperedStable(0.8, tempering=2.0).moment(1, 0.5), 4)
    0.7848
    """

    beta: float = 0.8
    tempering: float = 1.0

    def __post_init__(self) -> None:
        _check_beta(self.beta)
        if not 0 < self.tempering < math.inf:
            raise ValueError(f"tempering {self.tempering} is not a positive number; without it use InverseStable")

    def exponent(self, s: Any) -> Any:
        return (s + self.tempering) ** self.beta - self.tempering**self.beta

    def increments(self, length: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        # A step is accepted with probability exp(-length θ^β): over a long time, add up short ones.
        pieces = max(1, math.ceil(length * self.tempering**self.beta))
        return np.sum([self._accepted(length / pieces, shape, rng) for _ in range(pieces)], axis=0)

    def _accepted(self, length: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        jumps = np.empty(shape)
        flat = jumps.reshape(-1)
        open_ = np.arange(flat.size)
        while open_.size:
            flat[open_] = stable_increments(self.beta, length, open_.size, rng)
            open_ = open_[rng.exponential(size=open_.size) < self.tempering * flat[open_]]
        return jumps


def whole_number(long: float, short: float, short_name: str, long_name: str) -> int:
    """How often ``short`` goes into ``long``; ValueError unless it is a whole number, up to rounding."""
    if not (0 < short < math.inf and 0 < long < math.inf):
        raise ValueError(f"{short_name} {short} and {long_name} {long} are no times; positive numbers are needed")
    ratio = long / short
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-9 * ratio:
        near = long / max(1, round(ratio))
        raise ValueError(f"{short_name} {short:g} does not divide {long_name} {long:g}; {near:.6g} would")
    return round(ratio)


def _check_beta(beta: float) -> None:
    if not 0 < beta < 1:
        raise ValueError(f"β = {beta} gives no stable subordinator; a number strictly between 0 and 1 is needed")


def _check_moment(k: int, t: float) -> None:
    if k != int(k) or k < 0 or not 0 < t < math.inf:
        raise ValueError(f"moment {k} at time {t} is not defined; k = 0, 1, ... and a time t > 0 are needed")
