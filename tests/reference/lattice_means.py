"""Law of a sum by the definition of a convolution."""

from __future__ import annotations


def convolved(summand: list[float], n: int) -> list[float]:
    """Law of the sum of n copies, by the definition of a convolution."""
    total = [1.0]
    for _ in range(n):
        longer = [0.0] * (len(total) + len(summand) - 1)
        for i, a in enumerate(total):
            for j, b in enumerate(summand):
                longer[i + j] += a * b
        total = longer
    return total
