"""F(p) = E V + E log p, the expected derivatives, and one-sample estimates, by brute force on a grid in the plane."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Matrix = np.ndarray
Function = Callable[[Matrix], Matrix]


def grid(m: Matrix, s: Matrix, half: float = 8.0, points: int = 161) -> tuple[Matrix, Matrix]:
    """Points (n, 2) and weights of N(m, s) by the rectangle rule."""
    u = np.linspace(-half, half, points)
    z = np.stack(np.meshgrid(u, u, indexing="ij"), -1).reshape(-1, 2)
    w = np.exp(-0.5 * (z**2).sum(axis=1))
    return m + z @ np.linalg.cholesky(s).T, w / w.sum()


def objective(m: Matrix, s: Matrix, v: Function) -> float:
    x, w = grid(m, s)
    return float(w @ v(x)) - math.log(2 * math.pi * math.e) - 0.5 * float(np.linalg.slogdet(s)[1])


def derivatives(m: Matrix, s: Matrix, gradient: Function, hessian: Function) -> tuple[Matrix, Matrix]:
    x, w = grid(m, s)
    return w @ gradient(x), np.einsum("n,nij->ij", w, hessian(x))


def sampled(m: Matrix, s: Matrix, z: Matrix, gradient: Function, hessian: Function) -> tuple[Matrix, Matrix]:
    """One draw x = m + s^{1/2} z."""
    w, u = np.linalg.eigh(s)
    x = (m + (u * np.sqrt(w)) @ u.T @ z)[None]
    return gradient(x)[0], hessian(x)[0]


def hessian_free(m: Matrix, s: Matrix, z: Matrix, gradient: Function) -> Matrix:
    """The symmetric part of s^{-1} (x - m) grad V(x)^T."""
    w, u = np.linalg.eigh(s)
    x = m + (u * np.sqrt(w)) @ u.T @ z
    product = np.outer(np.linalg.solve(s, x - m), gradient(x[None])[0])
    return (product + product.T) / 2


def gradient_norm(s: Matrix, b: Matrix, a: Matrix) -> float:
    """The squared Bures-Wasserstein norm of the gradient."""
    off = a - np.linalg.inv(s)
    return float(b @ b + np.trace(off @ s @ off))
