"""Gradient flow by the classical Runge-Kutta method with one small step, and the top eigenvalue of a Hessian.

Source: Kreisler et al. 2023, arXiv 2305.13064: the gradient flow solution is the limit of x' = -grad f(x).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Vector = np.ndarray


def flow_end(gradient: Callable[[Vector], Vector], x: Vector, step: float, steps: int) -> Vector:
    for _ in range(steps):
        k1 = -gradient(x)
        k2 = -gradient(x + step / 2 * k1)
        k3 = -gradient(x + step / 2 * k2)
        k4 = -gradient(x + step * k3)
        x = x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def top_eigenvalue(gradient: Callable[[Vector], Vector], x: Vector, h: float = 1e-5) -> float:
    """Of the Hessian by central differences."""
    columns = []
    for i in range(len(x)):
        e = np.zeros(len(x))
        e[i] = h
        columns.append((gradient(x + e) - gradient(x - e)) / (2 * h))
    matrix = np.array(columns)
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
