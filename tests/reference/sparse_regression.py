"""ISTA for ||Xw - y||^2 / (2n) + penalty ||w||_1, literally."""

from __future__ import annotations

import numpy as np

Vector = np.ndarray


def objective(x: Vector, y: Vector, penalty: float, w: Vector) -> float:
    return float(((x @ w - y) ** 2).sum() / (2 * len(y)) + penalty * np.abs(w).sum())


def ista(x: Vector, y: Vector, penalty: float, w: Vector, lr: float, steps: int) -> Vector:
    for _ in range(steps):
        v = w - lr * x.T @ (x @ w - y) / len(y)
        w = np.array([max(abs(e) - lr * penalty, 0.0) * (1.0 if e > 0 else -1.0) for e in v])
    return w
