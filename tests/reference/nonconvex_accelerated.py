"""Yang, Asgharian, Bhatnagar (2020): accelerated gradient for nonconvex penalties, line by line."""

import math
from collections.abc import Callable

import numpy as np

Array = np.ndarray


def soft(v: Array, t: float) -> Array:
    return np.sign(v) * np.maximum(np.abs(v) - t, 0)


def accelerated(
    b: Array, gradient: Callable[[Array], Array], lam: float, beta: float, steps: int, first: float, restart: bool
) -> list[Array]:
    ag, md_old, moved_old, alpha, since = b, b, 0.0, first, 0
    points = [ag]
    for _ in range(steps):
        since += 1
        md = (1 - alpha) * ag + alpha * b
        g = gradient(md)
        step = beta / alpha
        b = soft(b - step * g, step * lam)
        ag = soft(md - beta * g, beta * lam)
        moved = np.linalg.norm(md - md_old)
        alpha = 2 / (1 + math.sqrt(1 + 4 / alpha**2))
        if restart and since >= 3 and moved < moved_old:
            alpha, b, since = first, ag, 0
        md_old, moved_old = md, moved
        points.append(ag)
    return points
