"""Liu et al., Distributed Lion (2024), Algorithm 1, line by line, with whole numbers in the place of messages."""

from collections.abc import Callable

import numpy as np


def distributed_lion(
    x: np.ndarray,
    gradient_at: Callable[[np.ndarray, int, int], np.ndarray],
    steps: int,
    workers: int,
    lr: float,
    beta1: float,
    beta2: float,
    decay: float,
    vote: bool,
    tied: Callable[[int], np.ndarray],
) -> np.ndarray:
    """`tied(t)` is, entry by entry, what -1, 0 or 1 stands at step t for the sign of a direction or sum that is 0."""
    x = x.copy()
    m = [np.zeros_like(x) for _ in range(workers)]
    for t in range(1, steps + 1):
        tie = tied(t)
        total = np.zeros(len(x), int)
        for i in range(workers):
            g = gradient_at(x, t, i)
            c = beta1 * m[i] + (1 - beta1) * g
            total += np.where(c == 0, tie, np.sign(c)).astype(int)
            m[i] = beta2 * m[i] + (1 - beta2) * g
        if vote:
            direction = np.where(total == 0, tie, np.sign(total)).astype(float)
        else:
            direction = total / workers
        x = x - lr * (direction + decay * x)
    return x
