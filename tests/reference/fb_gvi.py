"""Forward-backward Gaussian variational inference, Diao et al. (2023), Algorithm 1, line by line; and its rates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.linalg import sqrtm

Matrix = np.ndarray


def run(
    m: Matrix, s: Matrix, oracle: Callable[[Matrix, Matrix], tuple[Matrix, Matrix]], eta: float, steps: int
) -> list[tuple[Matrix, Matrix]]:
    """The Gaussians p_0, ..., p_steps; `oracle(m, s)` is (E grad V, E Hess V)."""
    visited, eye = [(m, s)], np.eye(len(m))
    for _ in range(steps):
        b, a = oracle(m, s)
        m = m - eta * b
        half = (eye - eta * a) @ s @ (eye - eta * a)
        s = 0.5 * (half + 2 * eta * eye + sqrtm(half @ (half + 4 * eta * eye)).real)
        visited.append((m, s))
    return visited


def contraction(alpha: float, eta: float, k: int, w0: float) -> float:
    """The bound on W2^2(p_k, p*)."""
    return math.exp(-alpha * eta * k) * w0


def sublinear(eta: float, k: int, w0: float) -> float:
    """The bound on F(p_k) - F(p*)."""
    return w0 / (2 * eta * k)
