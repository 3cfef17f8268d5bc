"""Hutchinson's estimate of a diagonal from an explicit matrix."""

import numpy as np


def diagonal(h: np.ndarray, draws: list[np.ndarray]) -> np.ndarray:
    """The mean of z_i sum_j H_ij z_j over the draws, entry by entry."""
    found = np.zeros(len(h))
    for z in draws:
        for i in range(len(h)):
            found[i] += z[i] * sum(h[i, j] * z[j] for j in range(len(h))) / len(draws)
    return found
