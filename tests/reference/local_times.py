"""The walk in continuous time, one jump after the other, and the law of a tip's local time as its series.

Source: definitions in Noda (2023), arXiv:2305.13224; the compound Poisson law is that of excursions from the root.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence


def walk(
    edges: Sequence[tuple[int, int]],
    conductances: Sequence[float],
    measure: Sequence[float],
    root: int,
    level: float,
    rng: random.Random,
) -> list[float]:
    """Local times ``∫ 1{X = x} ds / μ(x)`` when that of the root reaches the level."""
    near: list[list[tuple[int, float]]] = [[] for _ in measure]
    for (x, y), c in zip(edges, conductances, strict=True):
        near[x].append((y, c))
        near[y].append((x, c))
    occupation, x = [0.0] * len(measure), root
    while True:
        rate = sum(c for _, c in near[x]) / measure[x]
        wait = rng.expovariate(rate)
        if x == root and (occupation[x] + wait) / measure[x] >= level:
            occupation[x] = level * measure[x]
            return [time / mass for time, mass in zip(occupation, measure, strict=True)]
        occupation[x] += wait
        x = rng.choices([y for y, _ in near[x]], [c for _, c in near[x]])[0]


def local_time_cdf(level: float, resistance: float, at: float) -> float:
    """Σ_k P(Poisson(ℓ/r) = k) P(Gamma(k) ≤ b/r), with the atom at k = 0."""
    if at < 0:
        return 0.0
    mean, b = level / resistance, at / resistance
    total, poisson = math.exp(-mean), math.exp(-mean)
    fewer, term = 0.0, math.exp(-b)
    for k in range(1, 2000):
        poisson *= mean / k
        # P(Gamma(k) ≤ b) = 1 - Σ_{j<k} e^{-b} b^j / j!
        fewer += term
        term *= b / k
        total += poisson * max(0.0, 1 - fewer)
    return total
