"""The potential of Bayesian logistic regression and its derivatives, written out."""

from __future__ import annotations

import numpy as np

Matrix = np.ndarray


def potential(x: Matrix, rows: Matrix, prior: float) -> Matrix:
    return np.logaddexp(0, -x @ rows.T).sum(axis=-1) + prior / 2 * (x**2).sum(axis=-1)


def gradient(x: Matrix, rows: Matrix, prior: float) -> Matrix:
    return -(1 / (1 + np.exp(x @ rows.T))) @ rows + prior * x


def hessian(x: Matrix, rows: Matrix, prior: float) -> Matrix:
    t = x @ rows.T
    weights = 1 / ((1 + np.exp(t)) * (1 + np.exp(-t)))
    return np.einsum("...n,ni,nj->...ij", weights, rows, rows) + prior * np.eye(x.shape[-1])
