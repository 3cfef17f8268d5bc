"""Hutchinson's estimate of a diagonal from an explicit matrix."""

from collections.abc import Callable

import numpy as np


def diagonal(h: np.ndarray, draws: list[np.ndarray]) -> np.ndarray:
    """The mean of z_i sum_j H_ij z_j over the draws, entry by entry."""
    found = np.zeros(len(h))
    for z in draws:
        for i in range(len(h)):
            found[i] += z[i] * sum(h[i, j] * z[j] for j in range(len(h))) / len(draws)
    return found


def product(gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray, v: np.ndarray, eps: float) -> np.ndarray:
    """(grad(x + h v) - grad(x)) / h with h = eps^(1/3) max(1, |x|) / |v|: the product with the Hessian, nearly."""
    lengths = [sum(entry**2 for entry in vector.ravel()) ** 0.5 for vector in (x, v)]
    h = eps ** (1 / 3) * max(1.0, lengths[0]) / lengths[1]
    return (gradient(x + h * v) - gradient(x)) / h
