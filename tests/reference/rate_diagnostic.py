"""Tail index, memory exponent and growth of block sums, from their definitions.

Sources: Hill (1975); Robinson (1995); the block fit is the library's own (see its docstring).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from statistics import median


def hill(x: Sequence[float], count: int) -> float:
    ordered = sorted((abs(v) for v in x), reverse=True)
    return count / sum(math.log(ordered[i] / ordered[count]) for i in range(count))


def local_whittle(x: Sequence[float], frequencies: Sequence[int], grid: Sequence[float]) -> float:
    """The d on the grid that minimises log mean_j(λ_j^{2d} I_j) - 2d mean_j(log λ_j)."""
    n = len(x)
    waves = [2 * math.pi * j / n for j in frequencies]
    power = [abs(sum(v * cmath.exp(-1j * w * k) for k, v in enumerate(x))) ** 2 for w in waves]

    def criterion(d: float) -> float:
        mean = sum(w ** (2 * d) * p for w, p in zip(waves, power, strict=True)) / len(waves)
        return math.log(mean) - 2 * d * sum(math.log(w) for w in waves) / len(waves)

    return min(grid, key=criterion)


def block_slope(part: Sequence[float]) -> float:
    """Least-squares slope of log median |sum of a block| on log m, m = 8, 16, ..., an eighth of the part."""
    points = []
    m = 8
    while m <= len(part) / 8:
        sums = [abs(sum(part[i * m : (i + 1) * m])) for i in range(len(part) // m)]
        points.append((math.log(m), math.log(median(sums))))
        m *= 2
    mean_x, mean_y = (sum(p[k] for p in points) / len(points) for k in (0, 1))
    return sum((a - mean_x) * (b - mean_y) for a, b in points) / sum((a - mean_x) ** 2 for a, _ in points)
