"""The expected number of points with fewer than k neighbours, by plain Monte Carlo over independent points."""

import numpy as np

Array = np.ndarray


def expected_isolated(points: Array, weights: Array, n: float, r: float, k: int, near: Array) -> float:
    """points: uniform on the domain, with the density's values as weights; near: other such points, to look from.

    Each ball's mass is the weighted share of `points` in it.
    """
    total = 0.0
    for x, _ in zip(near, range(len(near)), strict=True):
        inside = ((points - x) ** 2).sum(axis=1) <= r * r
        v = n * weights[inside].sum() / weights.sum()
        term, poisson = np.exp(-v), 0.0
        for j in range(k):
            poisson += term
            term *= v / (j + 1)
        total += poisson / len(near)
    return n * total
