"""The relative central limit theorem's variance of weighted means, by matrices of size n × n.

Source: Palm and Nagler (2025), arXiv:2505.02197; the corrections are derived in the library and here again, from the
quadratic form of white noise.
"""

from __future__ import annotations

import numpy as np
from reference.multipliers import kernel


def triangular(n: int, block: int) -> np.ndarray:
    return np.array([[kernel(i - j, block) for j in range(n)] for i in range(n)])


def averaging(n: int, bandwidth: float | None) -> np.ndarray:
    """The matrix that takes a series to its local averages (Epanechnikov weights), or to its mean."""
    if bandwidth is None:
        return np.full((n, n), 1 / n)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            u = (i - j) / (bandwidth * n)
            matrix[i, j] = max(0.0, 1 - u * u)
        matrix[i] /= matrix[i].sum()
    return matrix


def covariance(x: np.ndarray, weights: np.ndarray, block: int, bandwidth: float | None) -> np.ndarray:
    """Σ_ij κ((i-j)/m) w_{a,i} e_i e_j w_{b,j}, shape (K, K): the paper's, without corrections."""
    n = len(x)
    residuals = x - averaging(n, bandwidth) @ x
    weighted = weights * residuals
    return weighted @ triangular(n, block) @ weighted.T


def centring_of_the_mean(n: int, block: int) -> float:
    """E of n^{-1} Σ κ e_i e_j over its value without centring, for white noise: n^{-1} tr(M T M), M = I - 11ᵀ/n."""
    m = np.eye(n) - averaging(n, None)
    return float(np.trace(m @ triangular(n, block) @ m) / n)


def centring_inside(n: int, block: int, bandwidth: float) -> float:
    """The same share at the middle of the series, where averages are two-sided: Σ_j κ Cov(e_mid, e_j)."""
    m = np.eye(n) - averaging(n, bandwidth)
    covariance_of_residuals = m @ m.T
    middle = n // 2
    return float(triangular(n, block)[middle] @ covariance_of_residuals[middle])


def degrees(x: np.ndarray, weights: np.ndarray, block: int, bandwidth: float | None) -> float:
    """Satterthwaite's (tr A)² / tr(A²) with A = V^{1/2} T V^{1/2}, V = diag(w_i² s_i²) slowly varying."""
    n = len(x)
    residuals = x - averaging(n, bandwidth) @ x
    scale = averaging(n, 0.1 if bandwidth is None else bandwidth) @ residuals**2
    root = np.sqrt(weights**2 * scale)
    a = root[:, None] * triangular(n, block) * root[None, :]
    return float(np.trace(a) ** 2 / np.trace(a @ a))


def autoregression_covariance(scale: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Covariance of X_i = s_i e_i, e_i = φ_i e_{i-1} + η_i, e_1 = η_1: by the matrix that takes η to X."""
    n = len(scale)
    matrix = np.zeros((n, n))
    for i in range(n):
        if i:
            matrix[i] = phi[i] * matrix[i - 1]
        matrix[i, i] = 1.0
    matrix *= scale[:, None]
    return matrix @ matrix.T
