"""Laws of standardised sums, written out one term at a time.

Source: definitions in Bengs and Holzmann (2019), arXiv:1903.09864, and of the binomial and Poisson laws.
"""

from __future__ import annotations

import math
from fractions import Fraction


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def binomial(n: int, p: float) -> list[float]:
    """Masses in exact rational arithmetic, rounded at the end."""
    exact = Fraction(p)
    return [float(math.comb(n, k) * exact**k * (1 - exact) ** (n - k)) for k in range(n + 1)]


def poisson(mean: float, largest: int) -> list[float]:
    return [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(largest + 1)]


def kolmogorov(masses: list[float]) -> float:
    """Distance of the standardised law of these masses on 0, 1, 2, ... from the normal law, at and before each atom."""
    mean = math.fsum(k * m for k, m in enumerate(masses))
    deviation = math.sqrt(math.fsum((k - mean) ** 2 * m for k, m in enumerate(masses)))
    largest, before = 0.0, 0.0
    for k, mass in enumerate(masses):
        at = normal((k - mean) / deviation)
        largest = max(largest, abs(before - at), abs(before + mass - at))
        before += mass
    return largest


def lindeberg(summand: list[float], n: int, eps: float) -> float:
    """Σ_i E[X_i² 1{|X_i| > eps}] with X_i = (Y - m) / (σ √n)."""
    mean = sum(k * m for k, m in enumerate(summand))
    variance = sum((k - mean) ** 2 * m for k, m in enumerate(summand))
    total = 0.0
    for k, mass in enumerate(summand):
        x = (k - mean) / math.sqrt(variance * n)
        if abs(x) > eps:
            total += n * x * x * mass
    return total
