"""Frank-Wolfe in NumPy, as the papers write it.

Source: Carderera, Besancon, Pokutta 2021, arXiv 2105.13913, Algorithm 1 and the official code's halving rules,
recalled; backtracking: Pedregosa et al. 2020, Algorithm 2, from a given first guess of L.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Vector = np.ndarray


def monotone(
    x: Vector, f: Callable[[Vector], float], gradient: Callable[[Vector], Vector], vertices: Vector, steps: int
) -> list[Vector]:
    """Accept 2/(t+2) iff the candidate is in dom f (f finite) and f does not rise."""
    points = [x]
    for t in range(steps):
        v = vertices[np.argmin(vertices @ gradient(x))]
        candidate = x + 2 / (t + 2) * (v - x)
        if np.isfinite(f(candidate)) and f(candidate) <= f(x):
            x = candidate
        points.append(x)
    return points


def open_loop(x: Vector, gradient: Callable[[Vector], Vector], vertices: Vector, steps: int) -> list[Vector]:
    points = [x]
    for t in range(steps):
        v = vertices[np.argmin(vertices @ gradient(x))]
        x = x + 2 / (t + 2) * (v - x)
        points.append(x)
    return points


def halving(
    x: Vector,
    f: Callable[[Vector], float],
    gradient: Callable[[Vector], Vector],
    vertices: Vector,
    steps: int,
    *,
    persistent: bool,
) -> list[Vector]:
    """Steps 2^(1-N)/(t+2); N starts at 0, at each t or once for all."""
    points, n = [x], 0
    for t in range(steps):
        n = n if persistent else 0
        v = vertices[np.argmin(vertices @ gradient(x))]
        while not f(x + 2.0 ** (1 - n) / (t + 2) * (v - x)) <= f(x):
            n += 1
        x = x + 2.0 ** (1 - n) / (t + 2) * (v - x)
        points.append(x)
    return points


def backtracking(
    x: Vector,
    f: Callable[[Vector], float],
    gradient: Callable[[Vector], Vector],
    vertices: Vector,
    steps: int,
    smooth: float,
) -> list[Vector]:
    points = [x]
    for _ in range(steps):
        g = gradient(x)
        d = vertices[np.argmin(vertices @ g)] - x
        gap = -g @ d
        smooth = 0.9 * smooth
        while True:
            size = min(gap / (smooth * (d @ d)), 1.0)
            if f(x + size * d) <= f(x) - size * gap + size**2 * smooth / 2 * (d @ d):
                break
            smooth = 2 * smooth
        x = x + size * d
        points.append(x)
    return points
