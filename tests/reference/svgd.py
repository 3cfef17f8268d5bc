"""SVGD, Liu and Wang 2016, Algorithm 1, plain and with the steps of its authors' code."""

from collections.abc import Callable

import numpy as np
from reference.stein import median_rule, rbf, stein_direction


def svgd(x: np.ndarray, score: Callable, lr: float, steps: int, adaptive: bool = False) -> np.ndarray:
    history = None
    for _ in range(steps):
        phi = stein_direction(x, score(x), rbf(median_rule(x)))
        if adaptive:
            history = phi**2 if history is None else 0.9 * history + 0.1 * phi**2
            x = x + lr * phi / (1e-6 + np.sqrt(history))
        else:
            x = x + lr * phi
    return x
