"""Zhang and Cutkosky (2024), Algorithms 1 and 2: the conversion with online gradient descent, line by line."""

from collections.abc import Callable

import numpy as np


def convert(
    x0: np.ndarray,
    gradient_at: Callable[[np.ndarray, int], np.ndarray],
    scales: list[float],
    eta: float,
    beta: float,
    mu: float,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return the points x_1, ..., x_N, the stochastic gradients at them, and the averages."""
    x, delta = x0.copy(), np.zeros_like(x0)
    points: list[np.ndarray] = []
    gradients: list[np.ndarray] = []
    averages: list[np.ndarray] = []
    for n, s in enumerate(scales, start=1):
        x = x + s * delta
        g = gradient_at(x, n)
        delta = (delta - eta * g) * beta / (1 + eta * mu)
        points.append(x)
        gradients.append(g)
        weights = [beta ** (n - t) for t in range(1, n + 1)]
        averages.append(sum(w * p for w, p in zip(weights, points, strict=True)) / sum(weights))
    return points, gradients, averages
