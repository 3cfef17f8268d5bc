"""Yao et al., ADAHESSIAN (2020), Algorithms 1 and 2, line by line; one point, gradients and products as functions."""

from collections.abc import Callable

import numpy as np

Function = Callable[..., np.ndarray]


def spatial_average(d: np.ndarray, block: int, absolute: bool) -> np.ndarray:
    """Equation 10: every b entries in a row get their mean; the last block may be shorter."""
    flat = np.abs(d).ravel() if absolute else d.ravel().copy()
    for start in range(0, flat.size, block):
        flat[start : start + block] = flat[start : start + block].mean()
    return flat.reshape(d.shape)


def adahessian(
    theta: np.ndarray,
    gradient: Function,
    product: Function,
    draws: list[list[np.ndarray]],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    power: float,
    decay: float = 0.0,
    block: int = 1,
    absolute: bool = True,
    every: int = 1,
) -> np.ndarray:
    """`draws` holds, for every step, the vectors z of that step."""
    theta = theta.copy()
    m, v, d = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for t, zs in enumerate(draws, start=1):
        g = gradient(theta)
        if (t - 1) % every == 0:
            estimate = np.mean([z * product(theta, z) for z in zs], axis=0)
            d = spatial_average(estimate, block, absolute)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * d * d
        top = m / (1 - beta1**t)
        bottom = (np.sqrt(v) / np.sqrt(1 - beta2**t)) ** power + eps
        theta = theta - lr * (top / bottom + decay * theta)
    return theta
