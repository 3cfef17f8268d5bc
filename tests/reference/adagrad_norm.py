"""AdaGrad-Norm (Ward, Wu and Bottou, 2019), Algorithm 1, and the class of the code of AdAdaGrad (Lau et al., 2024)."""

import contextlib
from typing import Any

import numpy as np


def adagrad_norm(x: np.ndarray, gradients: list[np.ndarray], lr: float, initial: float) -> np.ndarray:
    """Algorithm 1, line by line; a step's gradients are those of all tensors."""
    x, s = x.copy(), initial
    for g in gradients:
        s = s + (g**2).sum()
        x = x - lr * g / np.sqrt(s)
    return x


def official(weights: list[np.ndarray], steps: list[list[np.ndarray]], lr: float, initial: float) -> list[np.ndarray]:
    """The class of the authors' code, without momentum and decay: tensors in order, their gradients step by step."""
    weights, sums = [w.copy() for w in weights], [np.full(w.shape, initial) for w in weights]
    for gradients in steps:
        rows: Any = None
        for i, g in enumerate(gradients):
            if g.ndim in (2, 4):
                rows = np.array([np.linalg.norm(row) ** 2 for row in g])
                for o in range(len(g)):
                    sums[i][o] += rows[o]
            else:
                with contextlib.suppress(AttributeError, IndexError, ValueError):
                    sums[i] += rows.reshape(g.shape[0], -1).mean(axis=1)
                sums[i] += g * g
            weights[i] -= lr * g / (np.sqrt(sums[i]) + 1e-10)
    return weights
