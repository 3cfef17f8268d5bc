"""Chen et al., Symbolic Discovery of Optimization Algorithms (2023), Algorithm 2 (Lion), line by line."""

import numpy as np


def lion(
    theta: np.ndarray, gradients: list[np.ndarray], lr: float, beta1: float, beta2: float, decay: float
) -> np.ndarray:
    theta = theta.copy()
    m = np.zeros_like(theta)
    for g in gradients:
        c = beta1 * m + (1 - beta1) * g
        theta = theta - lr * (np.sign(c) + decay * theta)
        m = beta2 * m + (1 - beta2) * g
    return theta
