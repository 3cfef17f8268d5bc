"""Smith and Topin, Super-Convergence (2018), section 4: the estimate of three successive iterates, entry by entry."""

import numpy as np


def hessian_free(first: np.ndarray, second: np.ndarray, third: np.ndarray, lr: float) -> float:
    above = below = 0.0
    for a, b, c in zip(first, second, third, strict=True):
        above += abs(b - a)
        below += abs(2 * b - a - c)
    return lr * above / below
