"""The supremum over a parameter, literally: every parameter of a fine grid, every atom, in exact arithmetic.

Source: definition of uniform convergence in distribution, Bengs and Holzmann (2019), arXiv:1903.09864.
"""

from __future__ import annotations

import math

import mpmath
from reference import uniform_family


def largest_on_grid(n: int, low: float, high: float, points: int) -> tuple[float, float]:
    """Largest Kolmogorov distance of a standardised Binomial(n, p), and its p, over evenly spaced p."""
    grid = [low + (high - low) * i / (points - 1) for i in range(points)]
    return max((uniform_family.kolmogorov(uniform_family.binomial(n, p)), p) for p in grid)


def exactly(n: int, p: float) -> mpmath.mpf:
    """The Kolmogorov distance of a standardised Binomial(n, p) to forty digits."""
    with mpmath.workdps(40):
        exact, before, largest = mpmath.mpf(p), mpmath.mpf(0), mpmath.mpf(0)
        for k in range(n + 1):
            at = mpmath.ncdf((k - n * exact) / mpmath.sqrt(n * exact * (1 - exact)))
            after = before + mpmath.binomial(n, k) * exact**k * (1 - exact) ** (n - k)
            largest = max(largest, abs(before - at), abs(after - at))
            before = after
        return largest


def berry_esseen(n: int, ps: list[float]) -> float:
    """0.4748 sup E|Y - p|³ / (σ³ √n)."""
    ratios = [(p * (1 - p) ** 3 + (1 - p) * p**3) / (p * (1 - p)) ** 1.5 for p in ps]
    return 0.4748 * max(ratios) / math.sqrt(n)
