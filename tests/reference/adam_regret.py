"""Theorem 4.1 of Kingma and Ba 2015, arXiv 1412.6980, term by term (recalled; refuted by Reddi, Kale and Kumar)."""

from __future__ import annotations

import math


def bound(
    rounds: int,
    lr: float,
    beta1: float,
    beta2: float,
    decay: float,
    diameter: float,
    width: float,
    largest_gradient: float,
    second_moments: list[float],
    gradient_norms: list[float],
) -> float:
    """The bound on R(T): second_moments are v^_{T,i}, gradient_norms ||g_{1:T,i}||_2, one an entry."""
    gamma = beta1**2 / math.sqrt(beta2)
    first = diameter**2 / (2 * lr * (1 - beta1)) * sum(math.sqrt(rounds * v) for v in second_moments)
    second = (
        lr
        * (1 + beta1)
        * largest_gradient
        / ((1 - beta1) * math.sqrt(1 - beta2) * (1 - gamma) ** 2)
        * sum(gradient_norms)
    )
    third = sum(
        width**2 * largest_gradient * math.sqrt(1 - beta2) / (2 * lr * (1 - beta1) * (1 - decay) ** 2)
        for _ in second_moments
    )
    return first + second + third
