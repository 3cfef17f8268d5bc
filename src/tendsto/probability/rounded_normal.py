"""Continuous mapping, uniformly: normal laws rounded to a grid, and their images under sin(2πx²)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.distance import kolmogorov_discrete
from tendsto.probability.uniform_family import LatticeSum

__all__ = ["RoundedNormal", "arcsine_cdf", "wrapped_cdf"]

Array = NDArray[np.float64]

_REACH = 9.0  # deviations; beyond is less than 1e-18
_FAR = 10.0  # from this mean on the phase of x² is uniform to 1e-20


def arcsine_cdf(y: ArrayLike) -> Array:
    """``1/2 + asin(y)/π``, the law of the sine of a uniform phase.

    >>> arcsine_cdf(0.0).item()
    0.5
    """
    return 0.5 + np.arcsin(np.clip(np.asarray(y, dtype=np.float64), -1, 1)) / math.pi


def wrapped_cdf(y: ArrayLike, theta: float) -> Array:
    """``P(sin(2πX²) ≤ y)`` for X of law N(θ, 1): the sum of P(X² in [j + 1/2 - a, j + 1 + a]), a = asin(y)/(2π).

    From ``|θ| = 10`` on it is the arcsine law to within 1e-20, since ``|E exp(2πimX²)| ≤ exp(-0.49 θ²)``.

    >>> bool(abs(wrapped_cdf(0.3, 9.9) - arcsine_cdf(0.3)) < 1e-12)
    True
    """
    from scipy.special import ndtr

    if abs(theta) >= _FAR:
        return arcsine_cdf(y)
    a = np.arcsin(np.clip(np.asarray(y, dtype=np.float64), -1, 1))[..., None] / (2 * math.pi)
    j = np.arange(-1, math.ceil((abs(theta) + _REACH) ** 2) + 1)
    inner, outer = np.sqrt(np.maximum(j + 0.5 - a, 0)), np.sqrt(np.maximum(j + 1 + a, 0))
    above = ndtr(outer - theta) - ndtr(inner - theta)
    below = ndtr(-inner - theta) - ndtr(-outer - theta)
    return (above + below).sum(axis=-1)


@dataclass(frozen=True)
class RoundedNormal:
    """X_{n,θ}: N(θ, 1) rounded to the grid of mesh 1/n, θ in [low, high]; high may be infinite.

    X_{n,θ} tends to N(θ, 1) uniformly over all θ: ``KS ≤ 1/(2n√(2π))``. Whether h(x) = sin(2πx²), continuous but not
    uniformly so, keeps that depends on the limits alone: over a bounded range they are tight and it does; at θ = n² the
    points of the grid are so sparse beside the turns of h that images stay apart from theirs.

    Source: the theorem is of Bengs and Holzmann (2019), arXiv:1903.09864 (hypotheses inferred); the example is derived.
    Raises ValueError unless low < high.

    >>> family = RoundedNormal(0.0, math.inf)
    >>> round(family.kolmogorov(10, 100.0), 4), round(family.image_kolmogorov(10, 100.0), 4)
    (0.0199, 0.2531)
    >>> RoundedNormal(0.0, 1.0).image_limit(0.5, 1.0).round(3).item()
    0.636
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"means from {self.low} to {self.high} are no range; use low < high")

    def assumptions(self) -> tuple[Assumption, ...]:
        """The hypotheses of the uniform continuous mapping theorem: the limits tight, the map continuous."""
        if math.isfinite(self.low) and math.isfinite(self.high):
            witness = f"all but 0.01 of every limit lies in [{self.low - 2.58:g}, {self.high + 2.58:g}]"
            tight = Assumption("limits are uniformly tight", "holds", witness)
        else:
            tight = Assumption("limits are uniformly tight", "fails", "N(n², 1) leaves every bounded set as n grows")
        return (tight, Assumption("map is continuous", "holds", "sin(2πx²) is smooth"))

    def image_limit(self, y: ArrayLike, theta: float) -> Array:
        """Distribution function of h at the limit N(θ, 1), to which images tend uniformly by the theorem.

        Raises:
            ValueError: a hypothesis of the theorem fails on this range, or θ is outside it.
        """
        require("uniform continuous mapping theorem", *self.assumptions())
        self._inside(1, theta)
        return wrapped_cdf(y, theta)

    def law(self, n: int, theta: float) -> LatticeSum:
        """Atoms M/n within nine deviations of θ, and their masses."""
        places, masses = self._grid(n, theta)
        return LatticeSum(places / n, masses)

    def kolmogorov(self, n: int, theta: float) -> float:
        """Distance of X_{n,θ} from N(θ, 1)."""
        from scipy.special import ndtr

        places, masses = self._grid(n, theta)
        # Centred before dividing: θ may be large.
        return kolmogorov_discrete((places - n * theta) / n, masses, ndtr)

    def image_law(self, n: int, theta: float) -> LatticeSum:
        """Law of ``sin(2π X²)``, equal values merged: the phase M²/n² is reduced in integers, so ties are exact."""
        places, masses = self._grid(n, theta)
        square = n * n
        turn = places.astype(np.int64) % square
        phase = turn * turn % square
        # Fold a phase t/n² onto the quarter turns where the sine rises, in units of 1/(2n²).
        folded = np.where(4 * phase <= square, 2 * phase, np.where(4 * phase <= 3 * square, square - 2 * phase, 0))
        folded = np.where(4 * phase > 3 * square, 2 * phase - 2 * square, folded)
        keys, where = np.unique(folded, return_inverse=True)
        return LatticeSum(np.sin(math.pi * keys / square), np.bincount(where, weights=masses))

    def image_kolmogorov(self, n: int, theta: float) -> float:
        """Distance of h(X_{n,θ}) from the law of h at N(θ, 1), asked whether or not the theorem applies."""
        return kolmogorov_discrete(*self.image_law(n, theta), lambda y: wrapped_cdf(y, theta))

    def _grid(self, n: int, theta: float) -> tuple[Array, Array]:
        from scipy.special import ndtr

        self._inside(n, theta)
        centre = round(n * theta)
        places = np.arange(centre - math.ceil(_REACH * n), centre + math.ceil(_REACH * n) + 1, dtype=np.float64)
        rest = (places - n * theta) / n
        edges = np.concatenate([rest - 0.5 / n, rest[-1:] + 0.5 / n])
        return places, np.diff(ndtr(edges))

    def _inside(self, n: int, theta: float) -> None:
        # Beyond, neighbouring sines near 1 are equal in float64.
        if n != int(n) or not 1 <= n <= 10_000:
            raise ValueError(f"n = {n} is no mesh 1/n that can be told apart; use 1, ..., 10000")
        if not self.low <= theta <= self.high or abs(theta) * n > 2.0**52:
            raise ValueError(f"mean {theta} is outside [{self.low:g}, {self.high:g}] or too large for the grid 1/{n}")
