"""SCAD and MCP regression by cyclic coordinate descent (Breheny and Huang 2011), each coordinate by its closed form."""

import numpy as np

Array = np.ndarray


def threshold(z: float, v: float, kind: str, lam: float, a: float) -> float:
    """argmin_b v b^2 / 2 - z b + P(b), for v above the penalty's curvature."""
    sign, size = np.sign(z), abs(z)
    if kind == "mcp":
        return float(sign * max(size - lam, 0) / (v - 1 / a)) if size <= v * a * lam else z / v
    if size <= lam * (1 + v):
        return float(sign * max(size - lam, 0) / v)
    if size <= v * a * lam:
        return float(sign * max(size - a * lam / (a - 1), 0) / (v - 1 / (a - 1)))
    return z / v


def descend(X: Array, y: Array, b: Array, kind: str, lam: float, a: float, sweeps: int) -> Array:
    """From b, the columns of X and y centred; a stationary point of ||y - X b||^2 / (2 n) + sum P."""
    n = len(y)
    b, r = b.copy(), y - X @ b
    for _ in range(sweeps):
        for j in range(X.shape[1]):
            v = X[:, j] @ X[:, j] / n
            new = threshold(X[:, j] @ r / n + v * b[j], v, kind, lam, a)
            r += X[:, j] * (b[j] - new)
            b[j] = new
    return b
