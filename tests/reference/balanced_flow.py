"""Gradient flow of balanced layers, integrated as it stands; and that of one singular value where all commutes."""

from __future__ import annotations

import numpy as np
from reference.deep_linear_generator import gradients
from scipy.integrate import solve_ivp

Matrix = np.ndarray


def flow(layers: list[Matrix], cov: Matrix, times: Matrix) -> list[list[Matrix]]:
    """The layers at each of the times."""
    cuts = np.cumsum([w.size for w in layers])[:-1]

    def unpack(y: Matrix) -> list[Matrix]:
        return [part.reshape(w.shape) for part, w in zip(np.split(y, cuts), layers, strict=True)]

    def field(_: float, y: Matrix) -> Matrix:
        return -np.concatenate([g.ravel() for g in gradients(unpack(y), cov)])

    start = np.concatenate([w.ravel() for w in layers])
    solved = solve_ivp(field, (0, times[-1]), start, t_eval=times, method="DOP853", rtol=1e-11, atol=1e-13)
    return [unpack(y) for y in solved.y.T]


def singular_value(s: float, eigenvalue: float, depth: int, times: Matrix) -> Matrix:
    """ds/dt = -2 N s^(2 - 2/N) (s - l^(1/2))."""

    def field(_: float, y: Matrix) -> Matrix:
        return -2 * depth * y ** (2 - 2 / depth) * (y - np.sqrt(eigenvalue))

    return solve_ivp(field, (0, times[-1]), [s], t_eval=times, method="DOP853", rtol=1e-11, atol=1e-13).y[0]
