"""Liang, Chen, Liu and Liu, Cautious Optimizers (2024), Algorithm 1 for AdamW, line by line, one tensor."""

import numpy as np


def cautious_adamw(
    theta: np.ndarray,
    gradients: list[np.ndarray],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    scale: str,
) -> np.ndarray:
    theta = theta.copy()
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        u = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        mask = (u * g > 0).astype(float)
        factor = {
            "mean": 1 / max(mask.mean(), 1e-3),
            "original": mask.size / (mask.sum() + 1),
            "paper": 1 / (mask.mean() + 1e-8),
            "none": 1.0,
        }[scale]
        theta = theta * (1 - lr * decay) - lr * factor * mask * u
    return theta
