"""Conjugate directions of the gradient mapping, line by line; beta as in Hager and Zhang's survey (2006)."""

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def conjugate(
    x: Array,
    whole: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    prox: Callable[[Array, float], Array],
    lr: float,
    rule: str,
    steps: int,
) -> list[Array]:
    points, g_old, d_old = [x], np.zeros_like(x), np.zeros_like(x)
    for _ in range(steps):
        g = (x - prox(x - lr * gradient(x), lr)) / lr
        y = g - g_old
        beta = 0.0
        if rule == "dai-yuan" and d_old @ y != 0:
            beta = (g @ g) / (d_old @ y)
        elif rule == "polak-ribiere" and g_old @ g_old != 0:
            beta = max((g @ y) / (g_old @ g_old), 0)
        elif rule == "hager-zhang" and d_old @ y != 0:
            beta = ((y - 2 * d_old * (y @ y) / (d_old @ y)) @ g) / (d_old @ y)
        d = -g + beta * d_old
        if d @ g > -1e-4 * (g @ g):
            d = -g
        for halvings in range(21):
            t = 0.5**halvings
            if whole(x + t * lr * d) <= whole(x) - 1e-4 * t * lr * (g @ g):
                x = x + t * lr * d
                break
        else:
            d = -g
            x = x - lr * g
        g_old, d_old = g, d
        points.append(x)
    return points
