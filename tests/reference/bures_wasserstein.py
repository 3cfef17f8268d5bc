"""The Bures-Wasserstein distance, map and divergence as textbooks write them, for nonsingular covariances."""

from __future__ import annotations

import numpy as np
from scipy.linalg import sqrtm

Matrix = np.ndarray


def squared_distance(m0: Matrix, s0: Matrix, m1: Matrix, s1: Matrix) -> float:
    r = sqrtm(s0).real
    return float(((m0 - m1) ** 2).sum() + np.trace(s0 + s1 - 2 * sqrtm(r @ s1 @ r).real))


def optimal_map(s0: Matrix, s1: Matrix) -> Matrix:
    r = sqrtm(s0).real
    inverse = np.linalg.inv(r)
    return inverse @ sqrtm(r @ s1 @ r).real @ inverse


def kl(m0: Matrix, s0: Matrix, m1: Matrix, s1: Matrix) -> float:
    p = np.linalg.inv(s1)
    logs = np.linalg.slogdet(s1)[1] - np.linalg.slogdet(s0)[1]
    return float(0.5 * (np.trace(p @ s0) + (m1 - m0) @ p @ (m1 - m0) - len(m0) + logs))
