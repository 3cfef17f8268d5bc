"""|x| and Huber's function, and gradient descent on them, literally.

Source: Kumar 2024, arXiv 2401.08426 (examples recalled).
"""

from __future__ import annotations

from typing import Any


def value(x: Any, slope: Any, d: Any) -> Any:
    return slope * (x * x / (2 * d) if abs(x) < d else abs(x) - d / 2)


def subgradient(x: Any, slope: Any, d: Any) -> Any:
    """0 at the kink, as autograd has it."""
    if abs(x) < d:
        return slope * x / d
    return slope if x > 0 else -slope if x < 0 else 0 * slope


def descent(x: Any, lr: Any, steps: int, slope: Any, d: Any) -> list[Any]:
    points = [x]
    for _ in range(steps):
        x = x - lr * subgradient(x, slope, d)
        points.append(x)
    return points
