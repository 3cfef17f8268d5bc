"""Adly, EXAdam: The Power of Adaptive Cross-Moments (2024), the algorithm of versions 1 and 2, line by line."""

import numpy as np


def exadam(
    theta: np.ndarray,
    gradients: list[np.ndarray],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float = 0.0,
    version: int = 2,
) -> np.ndarray:
    theta = theta.copy()
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        theta = theta - lr * decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        d1 = 1 + v / (v + eps) * beta2**t
        d2 = 1 + m**2 / (m**2 + eps) * beta1**t
        m_tilde = m / (1 - beta1**t) * d1
        v_tilde = v / (1 - beta2**t) * d2
        g_tilde = g / (1 - beta1**t) * d1
        alpha = lr if version == 2 else lr * np.log(np.sqrt(2) * np.sqrt(t + 1))
        theta = theta - alpha * (m_tilde + g_tilde) / (np.sqrt(v_tilde) + eps)
    return theta
