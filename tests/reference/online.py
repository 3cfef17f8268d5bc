"""Regret, from its definition: what was paid, less what the best point in hindsight would have paid."""

from __future__ import annotations

import math


def logistic(row: list[float], x: list[float]) -> tuple[float, list[float]]:
    """log(1 + exp(-row . x)) and its gradient."""
    margin = sum(a * b for a, b in zip(row, x, strict=True))
    value = math.log1p(math.exp(-margin)) if margin > 0 else -margin + math.log1p(math.exp(margin))
    return value, [-a / (1 + math.exp(margin)) for a in row]


def alternating(t: int, large: float, x: list[float]) -> tuple[float, list[float]]:
    """large x where t mod 3 = 1, else -x, and its gradient."""
    slope = large if t % 3 == 1 else -1.0
    return slope * x[0], [slope]


def least_logistic(rows: list[list[float]], radius: float, tolerance: float) -> float:
    """min over the box [-radius, radius]^d of sum_t logistic(rows_t, x), to `tolerance`.

    Projected gradient steps of length 1/L with momentum, until max_{y in box} <gradient, x - y>, which bounds what is
    left by convexity, is below it.
    """
    dimension = len(rows[0])
    smooth = sum(a * a for row in rows for a in row) / 4
    x = y = [0.0] * dimension
    for k in range(100_000):
        answers = [logistic(row, y) for row in rows]
        g = [sum(answer[1][i] for answer in answers) for i in range(dimension)]
        left = sum(gi * yi + radius * abs(gi) for gi, yi in zip(g, y, strict=True))
        inside = all(abs(yi) <= radius for yi in y)
        if inside and left <= tolerance:
            return sum(answer[0] for answer in answers)
        new = [min(max(yi - gi / smooth, -radius), radius) for yi, gi in zip(y, g, strict=True)]
        y = [ni + k / (k + 3) * (ni - xi) for ni, xi in zip(new, x, strict=True)]
        y = [min(max(yi, -radius), radius) for yi in y]
        x = new
    raise ArithmeticError("the best point in hindsight was not found")
