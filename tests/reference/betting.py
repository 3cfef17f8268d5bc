"""Krichevsky and Trofimov's bettor, Orabona and Pal 2016, Algorithm 1: every sum taken anew."""

from collections.abc import Callable

import numpy as np


def betting(x0: np.ndarray, direction: Callable, steps: int, wealth: float) -> np.ndarray:
    """The mean of x_1, ..., x_steps."""
    points: list[np.ndarray] = []
    coins: list[np.ndarray] = []
    for t in range(1, steps + 1):
        won = sum((c @ (x - x0) for c, x in zip(coins, points, strict=True)), 0.0)
        x = x0 + sum(coins, np.zeros_like(x0)) / t * (wealth + won)
        points.append(x)
        coins.append(direction(x))
    return np.mean(points, axis=0)
