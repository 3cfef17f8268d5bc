"""Jordan et al., Muon (2024): momentum, Nesterov's form, five Newton-Schulz iterations, one matrix, line by line."""

import numpy as np


def newton_schulz(g: np.ndarray, steps: int = 5) -> np.ndarray:
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (np.linalg.norm(g) + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if tall else x


def muon(w: np.ndarray, gradients: list[np.ndarray], lr: float, momentum: float, decay: float) -> np.ndarray:
    w = w.copy()
    rows, columns = w.shape
    buffer = np.zeros_like(w)
    for g in gradients:
        buffer = momentum * buffer + (1 - momentum) * g
        mixed = (1 - momentum) * g + momentum * buffer
        u = newton_schulz(mixed)
        w = (1 - lr * decay) * w - lr * np.sqrt(max(1, rows / columns)) * u
    return w
