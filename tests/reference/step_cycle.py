"""Where constant steps end, by taking them in exact arithmetic until the last three points tell.

Source: Kumar 2024, arXiv 2401.08426 (examples recalled).
"""

from __future__ import annotations

from fractions import Fraction

from .absolute_value import descent, value


def end(lr: str, start: str, slope: str, d: str, steps: int = 400) -> tuple[set[float], float]:
    """The points of the cycle and the mean of f over it; {0} where the last point is nearly 0."""
    a, x, c, width = (Fraction(text) for text in (lr, start, slope, d))
    points = descent(x, a, steps, c, width)
    if abs(points[-1]) < Fraction(1, 10**6) and abs(points[-2]) < Fraction(1, 10**6):
        return {0.0}, 0.0
    assert points[-1] == points[-3] != points[-2]
    return {float(points[-1]), float(points[-2])}, float(sum(value(p, c, width) for p in points[-2:]) / 2)
