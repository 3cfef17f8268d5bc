"""The iteration of the paper on the LASSO: w <- w - lr (X'(Xw - y)/n + penalty sign(w)).

Source: Kumar 2024, arXiv 2401.08426 (recalled).
"""

from __future__ import annotations

import numpy as np

Vector = np.ndarray


def ngdm(x: Vector, y: Vector, penalty: float, w: Vector, lr: float, steps: int) -> Vector:
    for _ in range(steps):
        w = w - lr * (x.T @ (x @ w - y) / len(y) + penalty * np.sign(w))
    return w
