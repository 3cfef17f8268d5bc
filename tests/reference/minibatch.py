"""The constants of a minibatch by enumeration: every batch of a small sum, drawn with or without replacement."""

from itertools import combinations, product

import numpy as np


def variance(gradients: np.ndarray, batch: int, replacement: bool) -> float:
    """The mean of ||mean of the batch||^2 over all batches of terms whose gradients (n, d) add up to 0."""
    n = len(gradients)
    drawn = product(range(n), repeat=batch) if replacement else combinations(range(n), batch)
    return float(np.mean([np.sum(gradients[list(which)].mean(axis=0) ** 2) for which in drawn]))


def smoothness(hessians: np.ndarray, batch: int, replacement: bool) -> float:
    """The largest eigenvalue of E[H_B^2] relative to E[H], over all batches of quadratic terms: expected smoothness."""
    n = len(hessians)
    drawn = list(product(range(n), repeat=batch) if replacement else combinations(range(n), batch))
    means = np.array([hessians[list(which)].mean(axis=0) for which in drawn])
    square, mean = np.mean([h @ h for h in means], axis=0), hessians.mean(axis=0)
    return float(np.linalg.eigvals(np.linalg.solve(mean, square)).real.max())
