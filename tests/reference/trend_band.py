"""A simultaneous band for a trend, by drawing the multipliers themselves.

Source: Palm and Nagler (2025), arXiv:2505.02197, application to trends; studentised as in the library.
"""

from __future__ import annotations

import numpy as np
from reference.multipliers import kernel
from reference.relative_clt import averaging


def band(x: np.ndarray, positions: np.ndarray, bandwidth: float, block: int, normals: np.ndarray, confidence: float):
    """(estimate, low, high) at the positions: the trend's local averages, plus and minus quantile times deviation.

    normals: shape (draws, n). Multipliers are L z with L Lᵀ the triangular covariance. The variant "paper".
    """
    n = len(x)
    smoother = averaging(n, bandwidth)
    residuals = x - smoother @ x
    covariance = np.array([[kernel(i - j, block) for j in range(n)] for i in range(n)])
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(n))
    rows = smoother[positions]
    exact = (rows * residuals) @ covariance @ (rows * residuals).T
    deviation = np.sqrt(np.diag(exact))
    largest = []
    for z in normals:
        multipliers = root @ z
        errors = [float(sum(row * multipliers * residuals)) for row in rows]
        largest.append(max(abs(e) / d for e, d in zip(errors, deviation, strict=True)))
    quantile = np.quantile(largest, confidence)
    estimate = rows @ x
    return estimate, estimate - quantile * deviation, estimate + quantile * deviation
