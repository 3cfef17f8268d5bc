"""Dependent multipliers from their definition: moving averages, their covariance, and the law of weighted sums.

Source: Palm and Nagler (2025), arXiv:2505.02197, bootstrap inference, triangular kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def kernel(lag: int, block: int) -> float:
    """κ(lag / m) = (1 - |lag| / m)_+."""
    return max(0.0, 1 - abs(lag) / block)


def moving_average(normals: Sequence[float], n: int, block: int) -> list[float]:
    """V_i = m^{-1/2} Σ_{j=i}^{i+m-1} Z_j."""
    return [sum(normals[i : i + block]) / math.sqrt(block) for i in range(n)]


def partial_sums(multipliers: Sequence[float], residuals: Sequence[float]) -> list[float]:
    """n^{-1/2} Σ_{i≤k} V_i e_i for k = 1, ..., n."""
    total, sums = 0.0, []
    for v, e in zip(multipliers, residuals, strict=True):
        total += v * e
        sums.append(total / math.sqrt(len(residuals)))
    return sums


def covariance(contributions: Sequence[Sequence[float]], block: int) -> list[list[float]]:
    """Cov of Σ_i V_i c_i given c: Σ_ij κ((i - j) / m) c_i c_jᵀ over all n² pairs."""
    n, width = len(contributions), len(contributions[0])
    return [
        [
            sum(
                kernel(i - j, block) * contributions[i][a] * contributions[j][b]
                for i in range(n)
                for j in range(max(0, i - block), min(n, i + block + 1))
            )
            for b in range(width)
        ]
        for a in range(width)
    ]


def bartlett(x: Sequence[float], block: int) -> float:
    """Newey-West's long-run variance Σ_{|h|<m} (1 - |h|/m) γ(h), γ(h) = n^{-1} Σ_i (x_i - x̄)(x_{i+h} - x̄)."""
    n = len(x)
    mean = sum(x) / n
    total = 0.0
    for h in range(-(block - 1), block):
        gamma = sum((x[i] - mean) * (x[i + h] - mean) for i in range(n) if 0 <= i + h < n) / n
        total += (1 - abs(h) / block) * gamma
    return total
