"""The image of a rounded normal law under sin(2πx²), one point of the grid after the other.

Source: derived example for the uniform continuous mapping theorem of Bengs and Holzmann (2019), arXiv:1903.09864.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction

from reference.uniform_family import normal


def image(n: int, theta: int, reach: int = 9) -> dict[Fraction, float]:
    """Masses of sin(2πX²) by the exact phase of the sine, folded into [-1/4, 1/4] of a turn."""
    masses: dict[Fraction, float] = defaultdict(float)
    for m in range(-reach * n, reach * n + 1):
        mass = normal((m + 0.5) / n) - normal((m - 0.5) / n)
        turn = Fraction(theta * n + m, n) ** 2 % 1
        if Fraction(1, 4) < turn <= Fraction(3, 4):
            turn = Fraction(1, 2) - turn
        elif turn > Fraction(3, 4):
            turn -= 1
        masses[turn] += mass
    return masses


def distance(masses: dict[Fraction, float], cdf: Callable[[float], float]) -> float:
    largest, before = 0.0, 0.0
    for turn in sorted(masses):
        at = cdf(math.sin(2 * math.pi * turn))
        largest = max(largest, abs(before - at), abs(before + masses[turn] - at))
        before += masses[turn]
    return largest


def arcsine(y: float) -> float:
    return 0.5 + math.asin(max(-1.0, min(1.0, y))) / math.pi


def wrapped(y: float, theta: float, cells: int = 400_000, reach: float = 9.0) -> float:
    """P(sin(2πX²) ≤ y), X of law N(θ, 1), by the midpoint rule."""
    total, width = 0.0, 2 * reach / cells
    for i in range(cells):
        u = -reach + (i + 0.5) * width
        if math.sin(2 * math.pi * (theta + u) ** 2) <= y:
            total += math.exp(-u * u / 2) * width
    return total / math.sqrt(2 * math.pi)
