"""Coin sampling, Sharrock and Nemeth 2023, adaptive form of Algorithm 1: each coordinate of each particle alone."""

from collections.abc import Callable

import numpy as np


def coin(x0: np.ndarray, direction: Callable, steps: int, alpha: float = 0.0, floor: float = 1e-10) -> np.ndarray:
    particles, d = x0.shape
    x = x0.copy()
    L, S, G, R = np.full((particles, d), floor), *np.zeros((3, particles, d))
    for _ in range(steps):
        c = direction(x)
        for i in range(particles):
            for j in range(d):
                L[i, j] = max(L[i, j], abs(c[i, j]))
                S[i, j] += c[i, j]
                G[i, j] += abs(c[i, j])
                R[i, j] = max(R[i, j] + (x[i, j] - x0[i, j]) * c[i, j], 0.0)
                bet = S[i, j] / (L[i, j] * max(G[i, j] + L[i, j], alpha * L[i, j]))
                x[i, j] = x0[i, j] + bet * (L[i, j] + R[i, j])
    return x
