"""Exponents of sums of products, by going through every set of factors.

Source: Kouritzin and Paul (2022), arXiv:2007.06083; the exponent calculus is derived (see the library's docstring).
"""

from __future__ import annotations

from collections.abc import Sequence


def exponent(decays: Sequence[float], tail: float, skewed: bool) -> float:
    """max over: 1 / min(α, 2); and 1 - Σ_{r∈S} (σ_r - 1/2) where Σ_{r∈S} (2σ_r - 1) < 1, else 1/2, for allowed S."""
    largest = 1 / min(tail, 2)
    factors = len(decays)
    for mask in range(1, 2**factors):
        inside = [decays[r] for r in range(factors) if mask >> r & 1]
        outside = factors - len(inside)
        # The factors outside S must have a product whose mean is not 0: one alone has mean 0.
        if outside == 1 or (outside % 2 == 1 and not skewed):
            continue
        if sum(2 * s - 1 for s in inside) < 1:
            largest = max(largest, 1 - sum(s - 0.5 for s in inside))
        else:
            largest = max(largest, 0.5)
    return largest
