"""Composite mirror descent in the Euclidean case, with its three schedules, as the paper writes it.

Source: Liu and Zhou 2024, arXiv 2312.08531, Algorithm 1; schedules read in reviews of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Vector = np.ndarray


def steps(schedule: str, lr: float, horizon: int, cap: float = math.inf) -> list[float]:
    """lr_1, ..., lr_T."""
    sizes = {
        "inverse-sqrt": [lr / math.sqrt(t) for t in range(1, horizon + 1)],
        "constant": [lr / math.sqrt(horizon) for _ in range(1, horizon + 1)],
        "linear-decay": [lr * (horizon - t + 1) / horizon**1.5 for t in range(1, horizon + 1)],
    }[schedule]
    return [min(cap, size) for size in sizes]


def points(
    x: Vector, gradient: Callable[[Vector], Vector], prox: Callable[[Vector, float], Vector], sizes: list[float]
) -> list[Vector]:
    """x_1, ..., x_{T+1}; `prox(v, s)` is argmin over the set of r(y) + ||y - v||^2 / (2 s)."""
    found = [x]
    for size in sizes:
        found.append(prox(found[-1] - size * gradient(found[-1]), size))
    return found
