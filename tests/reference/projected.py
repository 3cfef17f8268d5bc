"""Heo et al., AdamP (2021), Algorithms 1 (SGDP) and 2 (AdamP), line by line, one tensor of at least two axes."""

import math

import numpy as np


def project(
    w: np.ndarray, g: np.ndarray, p: np.ndarray, delta: float, ratio: float, eps: float
) -> tuple[np.ndarray, float]:
    """Return the projected update and the factor of weight decay."""
    for rows in (w.shape[0], 1):
        wr, gr, pr = (t.reshape(rows, -1) for t in (w, g, p))
        cosines = [abs(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in zip(gr, wr, strict=True)]
        if max(cosines) < delta / math.sqrt(wr.shape[1]):
            out = []
            for a, b in zip(wr, pr, strict=True):
                unit = a / (np.linalg.norm(a) + eps)
                out.append(b - unit * (unit @ b))
            return np.stack(out).reshape(w.shape), ratio
    return p, 1.0


def sgdp(
    w: np.ndarray,
    gradient_at: object,
    steps: int,
    lr: float,
    momentum: float,
    decay: float,
    nesterov: bool = False,
    official: bool = False,
    delta: float = 0.1,
    ratio: float = 0.1,
) -> np.ndarray:
    w, buf = w.copy(), np.zeros_like(w)
    for t in range(steps):
        g = gradient_at(w, t)  # type: ignore[operator]
        buf = momentum * buf + g
        p = g + momentum * buf if nesterov else buf
        p, factor = project(w, g, p, delta, ratio, 1e-8)
        if official and not nesterov:
            buf = p
        w = w * (1 - lr * decay * factor / (1 - momentum)) - lr * p
    return w


def adamp(
    w: np.ndarray,
    gradient_at: object,
    steps: int,
    lr: float,
    decay: float,
    nesterov: bool = False,
    delta: float = 0.1,
    ratio: float = 0.1,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> np.ndarray:
    w, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
    for t in range(steps):
        g = gradient_at(w, t)  # type: ignore[operator]
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        numerator = b1 * m + (1 - b1) * g if nesterov else m
        p = numerator / (1 - b1 ** (t + 1)) / (np.sqrt(v / (1 - b2 ** (t + 1))) + eps)
        p, factor = project(w, g, p, delta, ratio, 1e-8)
        w = w * (1 - lr * decay * factor) - lr * p
    return w
