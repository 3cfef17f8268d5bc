"""Scalar networks in NumPy, as the paper writes them: gradient descent, and the end of flow by a bracketed root.

Source: Kreisler et al. 2023, arXiv 2305.13064, section 3; w_i^2 - w_j^2 is kept by gradient flow.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

Vector = np.ndarray


def loss(w: Vector, target: float = 1.0) -> float:
    return 0.5 * (np.prod(w) - target) ** 2


def gradient(w: Vector, target: float = 1.0) -> Vector:
    return np.array([(np.prod(w) - target) * np.prod(np.delete(w, i)) for i in range(len(w))])


def hessian(w: Vector, target: float = 1.0) -> Vector:
    d = len(w)
    h = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            h[i, j] = np.prod(np.delete(w, i)) * np.prod(np.delete(w, j))
            if i != j:
                h[i, j] += (np.prod(w) - target) * np.prod(np.delete(w, [i, j]))
    return h


def flow_squares(w: Vector, target: float = 1.0) -> Vector:
    """The squares w*_i^2 = u + w_i^2 - min w^2 whose product is target^2."""
    b = w**2 - np.min(w**2)
    u = brentq(lambda u: np.sum(np.log(u + b)) - 2 * np.log(target), 1e-300, 1 + target**2, xtol=1e-300, rtol=1e-14)
    return u + b


def gfs_sharpness(w: Vector, target: float = 1.0) -> float:
    return target**2 * float(np.sum(1 / flow_squares(w, target)))


def gradient_descent(w: Vector, lr: float, steps: int, target: float = 1.0) -> list[Vector]:
    points = [w]
    for _ in range(steps):
        w = w - lr * gradient(w, target)
        points.append(w)
    return points
