"""The two inequalities of large steps, literally.

Source: Mohtashami, Jaggi, Stich 2023, arXiv 2205.15142.
"""

from __future__ import annotations


def admissible(lr: float, mu: float, smooth: float, trap: float) -> bool:
    return 2 / trap < lr <= mu / smooth**2


def squared_distances(start: float, lr: float, mu: float, steps: int) -> list[float]:
    """||x+ - x*||^2 <= (1 - lr mu) ||x - x*||^2, step by step."""
    found = [start**2]
    for _ in range(steps):
        found.append((1 - lr * mu) * found[-1])
    return found


def steps_to_leave(distance: float, radius: float, lr: float, trap: float) -> int:
    """||x+ - x_d|| >= (lr mu_d - 1) ||x - x_d||, step by step, until it is above the radius."""
    steps = 0
    while distance <= radius:
        distance, steps = (lr * trap - 1) * distance, steps + 1
    return steps
