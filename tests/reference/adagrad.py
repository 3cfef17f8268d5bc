"""Diagonal AdaGrad, entry by entry. Source: Duchi, Hazan and Singer 2011; eps after the root, as torch has it."""

from __future__ import annotations

import math


def trajectory(
    x: list[float], gradients: list[list[float]], lr: float, eps: float, weight_decay: float
) -> list[list[float]]:
    """The points after each of the gradients."""
    x, total, points = list(x), [0.0] * len(x), []
    for gradient in gradients:
        for i, g in enumerate(gradient):
            g += weight_decay * x[i]
            total[i] += g**2
            x[i] -= lr * g / (math.sqrt(total[i]) + eps)
        points.append(list(x))
    return points
