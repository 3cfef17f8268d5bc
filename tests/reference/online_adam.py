"""Projected Adam with decreasing steps and momentum, entry by entry, as the papers write it.

Source: Kingma and Ba 2015, arXiv 1412.6980, Algorithm 1 with the schedule of Theorem 4.1 (recalled; the bias of a
momentum that decays is corrected by the product of its rates, which is inferred); Reddi, Kale and Kumar 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

Vector = list[float]


class Rounds(NamedTuple):
    """What came of T rounds: x_1, ..., x_{T+1}; the losses paid; sum_i sqrt(v^_i) and sum_i ||g_{1:T,i}|| at T."""

    points: list[Vector]
    losses: list[float]
    roots: float
    norms: float


def rounds(
    losses: Sequence[Callable[[Vector], tuple[float, Vector]]],
    dimension: int,
    radius: float,
    lr: float,
    beta1: float,
    beta2: float,
    decay: float,
    eps: float,
    amsgrad: bool,
    bias_correction: bool,
) -> Rounds:
    """Play a list of losses, each a function of x that returns f_t(x) and its gradient, from x_1 = 0."""
    x = [0.0] * dimension
    m, v, largest = [0.0] * dimension, [0.0] * dimension, [0.0] * dimension
    gradients: list[Vector] = []
    points, paid = [list(x)], []
    rates = 1.0
    used = [0.0] * dimension
    for t, loss in enumerate(losses, start=1):
        value, g = loss(x)
        paid.append(value)
        gradients.append(g)
        beta1_t = beta1 * decay ** (t - 1)
        rates *= beta1_t
        for i in range(dimension):
            m[i] = beta1_t * m[i] + (1 - beta1_t) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            m_hat = m[i] / (1 - rates) if bias_correction else m[i]
            v_hat = v[i] / (1 - beta2**t) if bias_correction else v[i]
            largest[i] = max(largest[i], v_hat)
            used[i] = largest[i] if amsgrad else v_hat
            moved = x[i] - lr / math.sqrt(t) * m_hat / (math.sqrt(used[i]) + eps)
            x[i] = min(max(moved, -radius), radius)
        points.append(list(x))
    norms = sum(math.sqrt(sum(g[i] ** 2 for g in gradients)) for i in range(dimension))
    return Rounds(points, paid, sum(math.sqrt(u) for u in used), norms)
