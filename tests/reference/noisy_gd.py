"""Gradient descent with noise and a drop of the step, in NumPy; the noise is handed over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Vector = np.ndarray


def descent(
    x: Vector,
    gradient: Callable[[Vector], Vector],
    noise: list[Vector],
    lr: float,
    variance: float,
    drop: float,
    after: int,
) -> list[Vector]:
    points = [x]
    for t, xi in enumerate(noise):
        step = lr if t < after else lr * drop
        x = x - step * gradient(x) + np.sqrt(step * variance) * xi
        points.append(x)
    return points
