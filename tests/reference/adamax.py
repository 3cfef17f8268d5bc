"""Kingma and Ba, Adam (2015), Algorithm 2 (AdaMax), line by line; no eps, as in the paper."""

import numpy as np


def adamax(theta: np.ndarray, gradients: list[np.ndarray], lr: float, beta1: float, beta2: float) -> np.ndarray:
    theta = theta.copy()
    m = np.zeros_like(theta)
    u = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g))
        theta = theta - lr / (1 - beta1**t) * m / u
    return theta
