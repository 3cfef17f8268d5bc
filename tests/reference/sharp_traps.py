"""The bowl with sharp traps, one point and one trap at a time.

Source: Mohtashami, Jaggi, Stich 2023, arXiv 2205.15142 (functions of this kind); the function is this library's.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad

Vector = np.ndarray


def pull(rho: float, mu: float, radius: float, connector: float) -> float:
    """Q'."""
    if rho <= radius:
        return (mu - 1) * rho
    if rho <= radius + connector:
        return (mu - 1) * radius * (1 - (rho - radius) / connector)
    return 0.0


def gradient(x: Vector, minima: Vector, mu: float, radius: float, connector: float) -> Vector:
    g = x.copy()
    for minimum in minima:
        away = x - minimum * mu / (mu - 1)
        rho = float(np.linalg.norm(away))
        if rho > 0:
            g = g + pull(rho, mu, radius, connector) * away / rho
    return g


def value(x: Vector, minima: Vector, mu: float, radius: float, connector: float) -> float:
    """Q is minus the integral of Q' from where one is to where it is 0."""
    total = 0.5 * float(x @ x)
    for minimum in minima:
        rho = float(np.linalg.norm(x - minimum * mu / (mu - 1)))
        if rho < radius + connector:
            total -= quad(pull, rho, radius + connector, args=(mu, radius, connector), points=[radius])[0]
    return total
