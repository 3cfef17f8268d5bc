"""Zhang and Cutkosky, Random Scaling and Momentum (2024): SGD with momentum, and AdamW, with random scaling."""

import numpy as np


def rsgdm(x: np.ndarray, gradients: list[np.ndarray], scales: list[float], lr: float, momentum: float) -> np.ndarray:
    x, m = x.copy(), np.zeros_like(x)
    for g, s in zip(gradients, scales, strict=True):
        m = momentum * m - lr * g
        x = x + s * m
    return x


def randomised_adamw(
    x: np.ndarray,
    gradients: list[np.ndarray],
    scales: list[float],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> np.ndarray:
    x, m, v = x.copy(), np.zeros_like(x), np.zeros_like(x)
    for t, (g, s) in enumerate(zip(gradients, scales, strict=True), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        x = x + s * -lr * (m_hat / (np.sqrt(v_hat) + eps) + decay * x)
    return x
