"""Squared regression in NumPy: loss, gradient and Hessian entry by entry, and its gradient flow by an ODE solver.

Source: Kreisler et al. 2023, arXiv 2305.13064, the squared regression model.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

Vector = np.ndarray


def loss(x: Vector, y: Vector, u: Vector, v: Vector) -> float:
    return 0.5 * float(np.sum((x @ (u * u - v * v) - y) ** 2))


def gradient(x: Vector, y: Vector, u: Vector, v: Vector) -> tuple[Vector, Vector]:
    r = x @ (u * u - v * v) - y
    return 2 * u * (x.T @ r), -2 * v * (x.T @ r)


def hessian(x: Vector, y: Vector, u: Vector, v: Vector, h: float = 1e-5) -> Vector:
    """By central differences of the gradient, column by column."""
    d = len(u)
    z = np.concatenate([u, v])
    columns = []
    for i in range(2 * d):
        e = np.zeros(2 * d)
        e[i] = h
        up, down = (np.concatenate(gradient(x, y, (z + s * e)[:d], (z + s * e)[d:])) for s in (1, -1))
        columns.append((up - down) / (2 * h))
    return np.array(columns)


def flow(x: Vector, y: Vector, u: Vector, v: Vector, time: float) -> tuple[Vector, Vector]:
    d = len(u)

    def field(_: float, z: Vector) -> Vector:
        return -np.concatenate(gradient(x, y, z[:d], z[d:]))

    z = solve_ivp(field, (0, time), np.concatenate([u, v]), method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    return z[:d], z[d:]
