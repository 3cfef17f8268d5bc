"""Covering numbers by trying all sets of centres, and the entropy sum term by term.

Source: Noda (2023), arXiv:2305.13224; the form of the condition is recalled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence


def covering_number(distances: Sequence[Sequence[float]], radius: float) -> int:
    points = range(len(distances))
    for count in range(1, len(distances) + 1):
        for centres in itertools.combinations(points, count):
            if all(min(distances[x][c] for c in centres) <= radius for x in points):
                return count
    raise AssertionError("all points together cover")


def entropy_sum(number: Callable[[float], float], alpha: float, first: int, last: int) -> float:
    return sum(number(2.0**-k) ** 2 * math.exp(-(2.0 ** (alpha * k))) for k in range(first, last + 1))
