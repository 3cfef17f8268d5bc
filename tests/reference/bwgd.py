"""Bures-Wasserstein gradient descent, Lambert et al. (2022), with exact expectations, line by line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Matrix = np.ndarray


def run(
    m: Matrix, s: Matrix, oracle: Callable[[Matrix, Matrix], tuple[Matrix, Matrix]], eta: float, steps: int
) -> list[tuple[Matrix, Matrix]]:
    """The Gaussians p_0, ..., p_steps; `oracle(m, s)` is (E grad V, E Hess V)."""
    visited, eye = [(m, s)], np.eye(len(m))
    for _ in range(steps):
        b, a = oracle(m, s)
        move = eye - eta * (a - np.linalg.inv(s))
        m, s = m - eta * b, move @ s @ move
        visited.append((m, s))
    return visited
