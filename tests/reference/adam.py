"""Kingma and Ba, Adam (2015), Algorithm 1, line by line; AdamW after Loshchilov and Hutter (2019), Algorithm 2."""

import numpy as np


def adam(
    theta: np.ndarray,
    gradients: list[np.ndarray],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float = 0.0,
    amsgrad: bool = False,
) -> np.ndarray:
    theta = theta.copy()
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    largest = np.zeros_like(theta)
    t = 0
    for g in gradients:
        t = t + 1
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        m_hat = m / (1 - beta1**t)
        v_hat = (largest if amsgrad else v) / (1 - beta2**t)
        theta = theta - lr * decay * theta - lr * m_hat / (np.sqrt(v_hat) + eps)
    return theta
