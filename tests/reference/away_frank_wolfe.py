"""Away-step and pairwise Frank-Wolfe in NumPy, as the papers write them.

Source: Pedregosa et al. 2020, arXiv 1806.05123, Algorithms 1 and 2, from a given first guess of L; recalled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Vector = np.ndarray


def away(
    weights: Vector,
    f: Callable[[Vector], float],
    gradient: Callable[[Vector], Vector],
    vertices: Vector,
    steps: int,
    smooth: float,
    *,
    pairwise: bool,
) -> list[Vector]:
    """Away-step or pairwise Frank-Wolfe with backtracking; `weights` are those of the vertices in x."""
    z = weights.copy()
    points = [z @ vertices]
    for _ in range(steps):
        x = z @ vertices
        scores = vertices @ gradient(x)
        best = int(np.argmin(scores))
        active = [i for i in range(len(z)) if z[i] > 0]
        worst = max(active, key=lambda i: scores[i])
        towards, back = gradient(x) @ x - scores[best], scores[worst] - gradient(x) @ x
        if pairwise:
            d, gap, longest = vertices[best] - vertices[worst], scores[worst] - scores[best], z[worst]
        elif towards >= back:
            d, gap, longest = vertices[best] - x, towards, 1.0
        else:
            d, gap, longest = x - vertices[worst], back, z[worst] / (1 - z[worst])
        smooth = 0.9 * smooth
        while True:
            size = min(gap / (smooth * (d @ d)), longest)
            if f(x + size * d) <= f(x) - size * gap + size**2 * smooth / 2 * (d @ d):
                break
            smooth = 2 * smooth
        if pairwise:
            z[best] += size
            z[worst] = 0.0 if size == longest else z[worst] - size
        elif towards >= back:
            z = (1 - size) * z
            z[best] += size
        else:
            z = (1 + size) * z
            z[worst] = 0.0 if size == longest else z[worst] - size
        points.append(z @ vertices)
    return points
