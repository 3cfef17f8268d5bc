"""Gradient descent on the layers of a linear generator, line by line."""

from __future__ import annotations

from functools import reduce

import numpy as np
from reference.bures_wasserstein_loss import gradient

Matrix = np.ndarray


def product(layers: list[Matrix], size: int) -> Matrix:
    """layers[-1] ... layers[0]."""
    return reduce(lambda whole, w: w @ whole, layers, np.eye(size))


def gradients(layers: list[Matrix], cov: Matrix) -> list[Matrix]:
    """(W_N ... W_{j+1})' G (W_{j-1} ... W_1)', G the gradient in the product."""
    g = gradient(product(layers, layers[0].shape[1]), cov)
    found = []
    for j, w in enumerate(layers):
        ahead, behind = product(layers[j + 1 :], w.shape[0]), product(layers[:j], layers[0].shape[1])
        found.append(ahead.T @ g @ behind.T)
    return found


def descend(layers: list[Matrix], cov: Matrix, lr: float, steps: int) -> list[list[Matrix]]:
    visited = [layers]
    for _ in range(steps):
        layers = [w - lr * g for w, g in zip(layers, gradients(layers, cov), strict=True)]
        visited.append(layers)
    return visited
