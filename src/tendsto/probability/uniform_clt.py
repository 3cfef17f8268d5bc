"""Uniform central limit theorems: is a family asymptotically normal uniformly in its parameter?"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.lattice_enclosure import box_bounds
from tendsto.probability.uniform_family import BernoulliMeans, PoissonMeans, UniformFamily

__all__ = ["Enclosure", "Supremum", "UniformCLT", "certify_uniform_clt", "lindeberg", "sup_kolmogorov"]

IDENTICAL = 0.4748
"""Shevtsova's constant in the Berry-Esseen inequality for identically distributed summands (2011)."""


@dataclass(frozen=True)
class Supremum:
    """The largest value found over a family, and the parameter it was found at: a lower bound of the supremum."""

    value: float
    at: float


@dataclass(frozen=True)
class Enclosure:
    """A supremum between two proven bounds; ``at`` is a parameter at which ``low`` is exceeded. boxes: how many boxes
    were looked at."""

    low: float
    high: float
    at: float
    boxes: int

    @property
    def width(self) -> float:
        return self.high - self.low


def sup_kolmogorov(family: UniformFamily, n: int, *, points: int = 200) -> Supremum:
    """Largest ``KS(n, θ)`` on a grid of θ, refined at its three best points: a lower bound, and no proof.

    Raises:
        ValueError: n < 1 or points < 2.

    >>> found = sup_kolmogorov(BernoulliMeans(0.1, 0.5), 100)
    >>> round(found.value, 4), round(found.at, 3)
    (0.0832, 0.101)
    """
    from scipy.optimize import minimize_scalar

    if points < 2:
        raise ValueError(f"a grid of {points} points has no supremum to find; use 2 or more")
    grid = family.grid(n, points)
    values = np.array([family.kolmogorov(n, float(t)) for t in grid])
    best = Supremum(float(values.max()), float(grid[values.argmax()]))
    for i in np.argsort(values)[-3:]:
        between = (float(grid[max(i - 1, 0)]), float(grid[min(i + 1, len(grid) - 1)]))
        near = minimize_scalar(lambda t: -family.kolmogorov(n, float(t)), bounds=between, method="bounded")
        if -near.fun > best.value:
            best = Supremum(float(-near.fun), float(near.x))
    return best


def lindeberg(family: UniformFamily, n: int, eps: float, *, points: int = 200) -> Supremum:
    """``L_n(eps) = sup_θ Σ_i E[X_i² 1{|X_i| > eps}]``: exact for `BernoulliMeans`, else the largest on a grid of θ.

    Where it tends to 0 for each eps, and covariances converge uniformly, sums are asymptotically normal uniformly in θ.

    Raises:
        ValueError: eps is not positive.

    >>> lindeberg(BernoulliMeans(0.1, 0.5), 100, 0.5).value, lindeberg(BernoulliMeans(0.0, 0.5), 10**6, 0.5).value
    (0.0, 1.0)
    """
    if not eps > 0:
        raise ValueError(f"eps = {eps} is no threshold of a Lindeberg sum; use a positive number")
    if isinstance(family, BernoulliMeans):
        return Supremum(*family.largest_lindeberg(n, eps))
    value, at = max((family.lindeberg_at(n, float(t), eps), float(t)) for t in family.grid(n, points))
    return Supremum(value, at)


def certify_uniform_clt(
    family: BernoulliMeans | PoissonMeans, n: int, *, tolerance: float = 1e-3, most_boxes: int = 20_000
) -> Enclosure:
    """Proven bounds ``low ≤ sup_θ KS(n, θ) ≤ high`` over the whole parameter interval, by branch and bound.

    Each box of parameters has an upper bound, in interval arithmetic, over all its θ and all x; the box with the
    largest is halved until ``high - low ≤ tolerance · low``. With the open end 0 the supremum is over (0, high].

    Raises:
        TypeError: the family has no interval form. ValueError: n < 1 or tolerance ≤ 0. ArithmeticError: most_boxes did
        not do.

    >>> found = certify_uniform_clt(BernoulliMeans(0.1, 0.5), 100)
    >>> found.low <= 0.083203 <= found.high, found.width < 1e-4
    (True, True)
    """
    if not isinstance(family, BernoulliMeans | PoissonMeans):
        raise TypeError(
            f"{type(family).__name__} has no interval form: use BernoulliMeans or PoissonMeans, or sup_kolmogorov"
        )
    if n != int(n) or n < 1 or not tolerance > 0:
        raise ValueError(f"n = {n}, tolerance = {tolerance}: use n = 1, 2, ... and a positive tolerance")
    # A heap of (-upper bound, box); `low` is the best proven value at a midpoint.
    low, at, boxes = 0.0, family.high, 0
    heap = [(-1.0, family.low, family.high)]
    while boxes < most_boxes:
        upper, a, b = heapq.heappop(heap)
        if low > 0 and -upper <= low * (1 + tolerance):
            return Enclosure(low, max(-upper, low), at, boxes)
        middle = (a + b) / 2
        if not a < middle < b:
            raise ArithmeticError(f"the box [{a}, {b}] cannot be halved; use a larger tolerance than {tolerance}")
        for left, right in ((a, middle), (middle, b)):
            boxes += 1
            attained, bound, where = box_bounds(family, n, left, right)
            if attained > low:
                low, at = attained, where
            heapq.heappush(heap, (-min(bound, -upper), left, right))
    raise ArithmeticError(f"{boxes} boxes did not reach tolerance {tolerance}: the supremum is at least {low}")


@dataclass(frozen=True)
class UniformCLT:
    """The uniform Lindeberg-Feller theorem on one family: ``sup_θ sup_x |P(sum ≤ x) - Φ(x)| → 0``.

    ``assumptions()`` says which hypotheses hold, fail or are unknown; ``bound(n)`` is the Berry-Esseen envelope
    ``0.4748 sup_θ E|Y - m|³/σ³ / √n``, refused where a hypothesis fails.

    Source: Bengs and Holzmann (2019), arXiv:1903.09864, which gives no rate; hypotheses inferred from the standard
    theory. Envelope: Berry-Esseen with the constant of Shevtsova (2011).

    >>> theorem = UniformCLT(BernoulliMeans(0.1, 0.5))
    >>> round(theorem.bound(100), 4)
    0.1298
    >>> UniformCLT(BernoulliMeans(0.0, 0.5)).bound(100)
    Traceback (most recent call last):
        ...
    ValueError: the uniform central limit theorem does not apply: uniform Lindeberg condition fails: at p = 1/n and ...
    """

    family: UniformFamily

    def assumptions(self) -> tuple[Assumption, ...]:
        """The hypotheses on this family, with witnesses."""
        return self.family.assumptions()

    def bound(self, n: int) -> float:
        """Upper envelope of ``sup_θ KS(n, θ)``: exact in the parameter for `BernoulliMeans`, on a grid for others.

        Raises:
            ValueError: a hypothesis fails, or n < 1.
        """
        require("uniform central limit theorem", *self.assumptions())
        if n != int(n) or n < 1:
            raise ValueError(f"n = {n} is no number of summands; use 1, 2, ...")
        family = self.family
        # For Bernoulli laws the ratio falls and rises again: it is largest at an end.
        looked_at = [family.low, family.high] if isinstance(family, BernoulliMeans) else family.grid(n, 200)
        return IDENTICAL * max(family.third_moment(float(t)) for t in looked_at) / math.sqrt(n)
