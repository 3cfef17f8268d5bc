"""Stein's identity with a kernel, pair by pair: Liu and Wang 2016, equation 8; Liu, Lee, Jordan 2016, Theorem 3.6."""

from collections.abc import Callable

import numpy as np


def median_rule(x: np.ndarray) -> float:
    """h^2 = 0.5 med / log(n + 1), med over all n^2 squared distances."""
    n = len(x)
    squares = [float(np.sum((x[i] - x[j]) ** 2)) for i in range(n) for j in range(n)]
    return 0.5 * float(np.median(squares)) / np.log(n + 1)


def rbf(h2: float) -> Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, float]]:
    """k(x, y), its gradient in x, and div_x grad_y k."""

    def kernel(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, float]:
        r = x - y
        k = np.exp(-(r @ r) / (2 * h2))
        return k, -r / h2 * k, k * (len(x) / h2 - (r @ r) / h2**2)

    return kernel


def imq(h2: float, b: float) -> Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, float]]:
    def kernel(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, float]:
        r, d = x - y, len(x)
        u = 1 + (r @ r) / h2
        divergence = -2 * b * d / h2 * u ** (b - 1) - 4 * b * (b - 1) / h2**2 * (r @ r) * u ** (b - 2)
        return u**b, 2 * b / h2 * u ** (b - 1) * r, divergence

    return kernel


def stein_direction(x: np.ndarray, s: np.ndarray, kernel: Callable) -> np.ndarray:
    phi = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(len(x)):
            k, gradient, _ = kernel(x[j], x[i])
            phi[i] += (k * s[j] + gradient) / len(x)
    return phi


def ksd(x: np.ndarray, s: np.ndarray, kernel: Callable) -> float:
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            k, in_x, divergence = kernel(x[i], x[j])
            # The gradient in y is minus that in x.
            total += k * s[i] @ s[j] + s[i] @ -in_x + s[j] @ in_x + divergence
    return total / len(x) ** 2
