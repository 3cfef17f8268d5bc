"""Connectivity thresholds where points are not uniform, or their number is random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft2, rfft2
from scipy.special import gammaincc

from tendsto.probability.connectivity import Thresholds
from tendsto.probability.geometric_graph import connectivity_threshold, largest_link
from tendsto.probability.geometry import Disc, Domain, Square, Torus

__all__ = ["NonuniformConnectivity"]

Array = NDArray[np.float64]
Density = Callable[[Array], Array]

GRID = 768
"""Cells a side of the grid on which masses of balls are integrated."""


def uniform(points: Array) -> Array:
    """The density that is 1 everywhere."""
    return np.ones(len(points))


@dataclass(frozen=True, eq=False)
class NonuniformConnectivity:
    """Law of T_{n,k} and U_{n,k} for n independent points of a density on a planar domain, or a Poisson number of them.

    density: maps points (m, 2) to positive numbers (m,), up to a constant. poisson: whether the number of points is a
    Poisson number of mean n.

    With f the density that integrates to 1, the expected number of points with fewer than k neighbours is

        Λ_k(r) = n ∫_A Q(k, n ∫_{B(x,r)} f) f(x) dx,   Q(k, v) = Σ_{j<k} e^{-v} v^j / j!

    and ``P(U ≤ r) ≈ exp(-Λ_k(r))``: the centring is implicit, -log Λ_k(U) tends to a Gumbel variable. Where f is
    small decides. Integrals are sums over a grid of `GRID` cells a side, balls by the fast Fourier transform.

    Raises:
        ValueError: k < 1, or a density that is not positive and finite on the domain.
        TypeError: a domain that is no Disc, Square or Torus.

    Source: M. D. Penrose and X. Yang, Annals of Applied Probability 35(6), 3906-3941 (2025), arXiv:2406.00647, whose
    abstract covers both; the formula is the Poisson approximation that it rests on.

    >>> law = NonuniformConnectivity(Square(), lambda x: 1 + x[:, 0])
    >>> bool(law.finite_n_cdf(500, 0.05) < 0.1 < 0.9 < law.finite_n_cdf(500, 0.2))
    True
    """

    domain: Domain = field(default_factory=Disc)
    density: Density = uniform
    k: int = 1
    poisson: bool = False

    def __post_init__(self) -> None:
        if self.k != int(self.k) or self.k < 1:
            raise ValueError(f"k = {self.k} is not a connectivity; k = 1, 2, ... is needed")
        if not isinstance(self.domain, Disc | Square | Torus):
            raise TypeError(f"{self.domain!r} does not say which points lie in it: use a Disc, a Square or a Torus")
        self._mass  # noqa: B018

    @property
    def _mass(self) -> Array:
        return _masses(self.domain, self.density)[0]

    def sample_points(self, n: int, rng: np.random.Generator) -> Array:
        """Draw the points, (n, 2), or as many as the Poisson number says, by rejection."""
        # A little above the largest value on the grid; what exceeds it between centres is drawn as if it did not.
        most = 1.05 * _masses(self.domain, self.density)[1]
        count = int(rng.poisson(n)) if self.poisson else n
        drawn: list[Array] = []
        left = count
        while left > 0:
            candidates = self.domain.sample(2 * left + 16, rng)
            kept = candidates[rng.random(len(candidates)) * most < self.density(candidates)][:left]
            drawn.append(kept)
            left -= len(kept)
        return np.concatenate(drawn) if drawn else np.empty((0, 2))

    def simulate(self, n: int, rng: np.random.Generator) -> Thresholds:
        """One replication of (T_{n,k}, U_{n,k}). Raises ValueError unless there are more than k points."""
        points, period = self.sample_points(n, rng), self.domain.period
        return Thresholds(
            connectivity_threshold(points, self.k, period=period), largest_link(points, self.k, period=period)
        )

    def sample(self, n: int, repetitions: int, rng: np.random.Generator) -> Thresholds:
        """Independent replications, two vectors of length ``repetitions``."""
        pairs = np.array([self.simulate(n, rng) for _ in range(repetitions)]).reshape(-1, 2)
        return Thresholds(pairs[:, 0], pairs[:, 1])

    def expected_isolated(self, n: float, r: ArrayLike) -> Array:
        """``Λ_k(r)`` for radii of any shape; ValueError for a radius below 2 cells of the grid, or above the domain."""
        radii = np.asarray(r, dtype=np.float64)
        mass = self._mass
        least = 2 * _side(self.domain) / GRID
        if radii.size and not (radii.min() >= least and radii.max() <= self.domain.diameter):
            raise ValueError(
                f"radii from {radii.min():g} to {radii.max():g} leave [{least:g}, {self.domain.diameter:g}], "
                "where the grid resolves a ball"
            )
        values = [float(n * (mass * gammaincc(self.k, n * self._balls(float(x)))).sum()) for x in radii.ravel()]
        return np.array(values).reshape(radii.shape)[()]

    def finite_n_cdf(self, n: float, r: ArrayLike) -> Array:
        """Poisson prediction ``P(U_{n,k} ≤ r) ≈ exp(-Λ_k(r))``, for radii of any shape."""
        return np.exp(-self.expected_isolated(n, r))

    def _balls(self, r: float) -> Array:
        """The mass of the ball around each cell's centre."""
        mass = self._mass
        cells = GRID if isinstance(self.domain, Torus) else 2 * GRID
        fine = (np.arange(4) + 0.5) / 4 - 0.5
        step = _side(self.domain) / GRID
        away = np.minimum(np.arange(cells), cells - np.arange(cells))
        square = ((away[:, None] + fine) * step) ** 2
        # The share of each cell that the ball covers, by 16 points a cell.
        share = np.mean([square[:, i, None] + square[None, :, j] <= r * r for i in range(4) for j in range(4)], axis=0)
        found = irfft2(rfft2(mass, (cells, cells)) * rfft2(share), (cells, cells))
        return np.maximum(found[:GRID, :GRID], 0)


def _side(domain: Domain) -> float:
    return 2 * domain.radius if isinstance(domain, Disc) else domain.side  # type: ignore[reportAttributeAccessIssue]


@lru_cache(maxsize=4)
def _centres(domain: Domain) -> tuple[Array, NDArray[np.bool_]]:
    """Centres (GRID², 2) of the cells of the box around the domain, and which lie in it."""
    side = _side(domain)
    low = -side / 2 if isinstance(domain, Disc) else 0.0
    line = low + (np.arange(GRID) + 0.5) * side / GRID
    centres = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = (centres**2).sum(axis=1) <= domain.radius**2 if isinstance(domain, Disc) else np.ones(len(centres), bool)
    return centres, inside


@lru_cache(maxsize=4)
def _masses(domain: Domain, density: Density) -> tuple[Array, float]:
    """The mass of each cell, (GRID, GRID), of sum 1, and the largest value of the density as it was given."""
    centres, inside = _centres(domain)
    values = np.asarray(density(centres[inside]), dtype=np.float64)
    if values.shape != (int(inside.sum()),) or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"the density gives values of shape {values.shape} from {values.min():g} to {values.max():g}; one positive "
            "finite number a point is needed everywhere on the domain"
        )
    mass = np.zeros(len(centres))
    mass[inside] = values / values.sum()
    return mass.reshape(GRID, GRID), float(values.max())
