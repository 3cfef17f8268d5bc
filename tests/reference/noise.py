"""Smoothed densities, scores and Fisher information, by plain sums over a grid.

Source: Gupta, Lee and Price (2023), arXiv:2302.02497: f_r = f * N(0, r²), s_r = f_r'/f_r, I_r = E s_r².
"""

from __future__ import annotations

import math


def normal(x, variance):
    return math.exp(-x * x / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def smoothed(density, x, r, low, high, cells):
    """f_r(x) = ∫ f(y) φ_r(x - y) dy, midpoint rule."""
    width = (high - low) / cells
    points = [low + (i + 0.5) * width for i in range(cells)]
    return sum(density(y) * normal(x - y, r * r) for y in points) * width


def score(density, x, r, low, high, cells, step=1e-4):
    """s_r(x), the derivative of log f_r by a central difference."""
    above, below = (math.log(smoothed(density, x + s, r, low, high, cells)) for s in (step, -step))
    return (above - below) / (2 * step)


def information(density, r, low, high, cells):
    """I_r = ∫ s_r² f_r, midpoint rule."""
    width = (high - low) / cells
    points = [low + (i + 0.5) * width for i in range(cells)]
    total = 0.0
    for x in points:
        f = sum(density(y) * normal(x - y, r * r) for y in points) * width
        slope = sum(density(y) * normal(x - y, r * r) * (y - x) / (r * r) for y in points) * width
        total += slope * slope / f * width
    return total
