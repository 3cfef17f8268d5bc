"""Bounds on the Kolmogorov distance of a lattice sum from the normal law, over a whole box of parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tendsto.probability.interval import Interval, arithmetic, from_mpmath, normal_cdf, normal_pdf

if TYPE_CHECKING:
    from tendsto.probability.uniform_family import BernoulliMeans, PoissonMeans

__all__ = ["box_bounds"]

Array = NDArray[np.float64]

_ROUND = 2.0**-53
_TINY = 1e-300  # more than all that underflow can take away


class _Law(NamedTuple):
    """Enclosures at one parameter, for k in the window: P(S = k), P(S ≤ k - 1) and P(S ≤ k)."""

    mass: Interval
    before: Interval
    after: Interval


def box_bounds(family: BernoulliMeans | PoissonMeans, n: int, a: float, b: float) -> tuple[float, float, float]:
    """Return a proven lower bound of KS(n, θ) at some θ in the box, a proven upper bound over the box, and that θ.

    With F(k) = P(S ≤ k) the distance is the largest, over k, of ``F(k) - Φ(z_k)`` and ``Φ(z_k) - F(k-1)``. Both F and z
    decrease in θ, so the ends of the box bound each difference; the mean value form, at the middle, does so to second
    order in its width. The smaller of the two bounds counts.
    """
    middle = a + (b - a) / 2
    k = _window(family, n, a, b)
    at, right = _law(family, n, middle, k), _law(family, n, b, k)
    phi_at = normal_cdf(family.standard(n, Interval.of(middle), k))
    phi_right = normal_cdf(family.standard(n, Interval.of(b), k))
    over_at, under_at = at.after - phi_at, phi_at - at.before
    attained = max(float(over_at.low.max()), float(under_at.low.max()))
    if a == 0:
        # At the open end S = 0 and z_0 = 0, z_k = ∞ otherwise.
        phi_left, after_left, below = np.where(k == 0, 0.5, 1.0), np.ones_like(k), 0.0
    else:
        left = _law(family, n, a, k)
        phi_left = normal_cdf(family.standard(n, Interval.of(a), k)).high
        after_left, below = left.after.high, float(left.before.high[0])
    over = (Interval.of(after_left) - phi_right.low).high
    under = (Interval.of(phi_left) - right.before.low).high
    if a > 0:
        over_mean, under_mean = _mean_value(family, n, Interval(np.float64(a), np.float64(b)), middle, k, at)
        over = np.minimum(over, (over_at + over_mean).high)
        under = np.minimum(under, (under_at + under_mean).high)
    # What lies outside the window is bounded by the tails at its ends.
    outside = [0.0]
    if k[0] > 0:
        outside += [below, float(phi_left[0])]
    if family.largest(n) is None or k[-1] < n:
        outside += [1 - float(phi_right.low[-1]), 1 - float(right.after.low[-1])]
    return attained, max(float(over.max()), float(under.max()), *outside) * (1 + 4 * _ROUND), middle


def _window(family: BernoulliMeans | PoissonMeans, n: int, a: float, b: float) -> Array:
    """All k within seven deviations of the mean somewhere in the box, and 30 more."""
    (first, narrow), (last, wide) = family.spread(a, n), family.spread(b, n)
    top, reach = family.largest(n), 7 * max(narrow, wide) + 30
    high = math.ceil(last + reach)
    low = max(0, math.floor(first - reach))
    return np.arange(low, (high if top is None else min(high, top)) + 1, dtype=np.float64)


def _law(family: BernoulliMeans | PoissonMeans, n: int, theta: float, k: Array) -> _Law:
    """Masses by their ratios from one that mpmath encloses, at the mode; sums by bounds of rounding errors.

    A product of m correctly rounded factors, and a sum of m positive terms, is off by less than 2^-53 m (1 + 2^-40) in
    relative terms. Ratios fall away from the mode, so that what underflows there is never magnified again.
    """
    mean, _ = family.spread(theta, n)
    mode = int(min(max(math.floor(mean), k[0]), k[-1]))
    i = mode - int(k[0])
    ratio = family.ratio(n, Interval.of(theta), k)
    middle = from_mpmath(family.seed(arithmetic(), n, theta, mode))

    def product(factors: Array) -> Array:
        return np.concatenate([[1.0], np.cumprod(factors)])

    up, down = ratio[i:-1], 1.0 / ratio[:i] if i else ratio[:0]
    mass_low = np.concatenate([product(down.low[::-1])[:0:-1], product(up.low)]) * middle.low
    mass_high = np.concatenate([product(down.high[::-1])[:0:-1], product(up.high)]) * middle.high
    slack = 4 * (k.size + 4) * _ROUND
    mass = Interval(np.maximum(mass_low * (1 - slack) - _TINY, 0.0), mass_high * (1 + slack) + _TINY)
    # Below the window the masses fall faster than geometrically.
    below = 0.0
    if k[0] > 0:
        fall = (1.0 / family.ratio(n, Interval.of(theta), k[0] - 1.0)).high
        below = float(mass.high[0] * fall / (1 - fall)) * (1 + slack) if fall < 1 else 1.0
    after = Interval(
        np.cumsum(mass.low) * (1 - slack), np.minimum((below + np.cumsum(mass.high)) * (1 + slack) + _TINY, 1.0)
    )
    after = Interval(np.minimum(after.low, after.high), after.high)
    before = Interval(np.concatenate([[0.0], after.low[:-1]]), np.concatenate([[min(below, 1.0)], after.high[:-1]]))
    return _Law(mass, before, after)


def _mean_value(
    family: BernoulliMeans | PoissonMeans, n: int, box: Interval, middle: float, k: Array, at: _Law
) -> tuple[Interval, Interval]:
    """Enclosures of what ``F(k) - Φ(z_k)`` and ``Φ(z_k) - F(k-1)`` change by, from the middle to any θ of the box."""
    half = float(max((box.high - middle), (middle - box.low))) * (1 + 4 * _ROUND)
    point = Interval.of(middle)
    z = Interval(
        family.standard(n, Interval.of(float(box.high)), k).low, family.standard(n, Interval.of(float(box.low)), k).high
    )
    phi = normal_pdf(z) * family.standard_slope(n, box, k)
    after = _spread(family.cdf_slope(n, point, k, at.mass), family.log_slope(n, box, k), half)
    # -dF(k-1)/dθ = k P(S = k) / θ, for both families.
    before = _spread(at.mass * k / point, family.log_slope(n, box, k - 1.0), half)
    change = Interval(np.float64(-half), np.float64(half))
    return (phi - after) * change, (before - phi) * change


def _spread(value: Interval, log_slope: Interval, half: float) -> Interval:
    """A positive quantity over the box from its value at the middle: times e^{±t}, and e^t ≤ 1 + t + t² for t ≤ 1."""
    t = log_slope.high * half * (1 + 4 * _ROUND)
    low = value.low * np.maximum(1 - t, 0.0) * (1 - 8 * _ROUND)
    high = np.where(t <= 1, value.high * (1 + t + t * t) * (1 + 8 * _ROUND), np.inf)
    return Interval(np.maximum(low, 0.0), high)
