"""The two conditions of the strong-order theorem, by looking at many points and pairs.

Source: Liu, Wu and Zuo (2023), arXiv:2308.13999, hypotheses as recalled.
"""

from __future__ import annotations

import numpy as np


def khasminskii_constant(f, g, p, size, points):
    """The largest (x f(x) + (p-1)/2 g(x)²) / (1 + x²) on |x| ≤ size."""
    return max((x * f(x) + (p - 1) / 2 * g(x) ** 2) / (1 + x**2) for x in np.linspace(-size, size, points))


def monotone_constant(f, g, p, size, points):
    """The largest ((x - y)(f(x) - f(y)) + (p-1)/2 (g(x) - g(y))²) / (x - y)² over pairs on |x|, |y| ≤ size."""
    grid = np.linspace(-size, size, points)
    return max(
        ((x - y) * (f(x) - f(y)) + (p - 1) / 2 * (g(x) - g(y)) ** 2) / (x - y) ** 2
        for x in grid
        for y in grid
        if x != y
    )
