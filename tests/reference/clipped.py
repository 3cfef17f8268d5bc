"""Clipped SGD and clipped SSTM in NumPy, as the paper writes them.

Source: Sadiev et al. 2023, arXiv 2302.00999; SSTM read where a later paper restates it, SGD recalled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

Vector = np.ndarray
Gradient = Callable[[Vector, int], Vector]


def clip(v: Vector, level: float) -> Vector:
    length = float(np.linalg.norm(v))
    return v if length <= level else level / length * v


def sgd(x: Vector, gradient: Gradient, samples: Sequence[int], lr: float, level: float, decay: float) -> list[Vector]:
    points = [x]
    for k, i in enumerate(samples):
        points.append(points[-1] - lr * clip(gradient(points[-1], i), level * math.exp(-decay * lr * (1 + k / 2))))
    return points


def sstm(x0: Vector, gradient: Gradient, samples: Sequence[int], smooth: float, a: float, level: float) -> list[Vector]:
    """y_0, ..., y_K; the level of step k + 1 is level / a_{k+1}."""
    total, y, z, points = 0.0, x0, x0, [x0]
    for k, i in enumerate(samples):
        size = (k + 2) / (2 * a * smooth)
        new = total + size
        x = (total * y + size * z) / new
        z = z - size * clip(gradient(x, i), level / size)
        y = (total * y + size * z) / new
        total = new
        points.append(y)
    return points
