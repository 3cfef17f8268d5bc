"""A random mask around AdamW, entry by entry: as many entries as agree are expected to move, whichever they are."""

from __future__ import annotations

import math
from collections.abc import Callable


def trajectory(
    x: list[float],
    gradients: list[list[float]],
    draw: Callable[[int], list[float]],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> list[list[float]]:
    """The points after each gradient; draw(t) gives one number in [0, 1) an entry for step t = 1, 2, ..."""
    n = len(x)
    x, m, v, points = list(x), [0.0] * n, [0.0] * n, []
    for t, gradient in enumerate(gradients, start=1):
        moves = []
        for i, g in enumerate(gradient):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            moves.append(lr * (m[i] / (1 - beta1**t)) / (math.sqrt(v[i] / (1 - beta2**t)) + eps))
        density = sum(1 for u, g in zip(moves, gradient, strict=True) if u * g > 0) / n
        drawn = draw(t)
        for i in range(n):
            x[i] *= 1 - lr * weight_decay
            if drawn[i] < density:
                x[i] -= moves[i] / max(density, 1e-3)
        points.append(list(x))
    return points
