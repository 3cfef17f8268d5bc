"""Clipped extragradient and gradient descent-ascent in NumPy, without noise, as the paper writes them.

Source: Sadiev et al. 2023, arXiv 2302.00999, clipped-SEG and clipped-SGDA; recalled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from reference.clipped import clip

Vector = np.ndarray


def extragradient(
    x: Vector, operator: Callable[[Vector], Vector], lr: float, level: float, steps: int
) -> tuple[list[Vector], list[Vector]]:
    """x_0, ..., x_K and y_0, ..., y_{K-1}."""
    points, halves = [x], []
    for _ in range(steps):
        y = points[-1] - lr * clip(operator(points[-1]), level)
        points.append(points[-1] - lr * clip(operator(y), level))
        halves.append(y)
    return points, halves


def descent_ascent(
    x: Vector, operator: Callable[[Vector], Vector], lr: float, level: float, steps: int
) -> list[Vector]:
    points = [x]
    for _ in range(steps):
        points.append(points[-1] - lr * clip(operator(points[-1]), level))
    return points
