"""The CUSUM test with dependent multipliers, with loops.

Source: Palm and Nagler (2025), arXiv:2505.02197, sequential processes and tests; the CUSUM is classical.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reference.multipliers import partial_sums


def cusum(x: Sequence[float]) -> tuple[float, int]:
    """max_k n^{-1/2} |S_k - (k/n) S_n| and the k that attains it, for a series on the scale of its deviation."""
    n = len(x)
    mean = sum(x) / n
    deviation = math.sqrt(sum((v - mean) ** 2 for v in x) / n)
    values = [abs(sum(x[:k]) - k / n * sum(x)) / math.sqrt(n) / deviation for k in range(1, n + 1)]
    return max(values), values.index(max(values)) + 1


def pvalue(x: Sequence[float], multipliers: Sequence[Sequence[float]]) -> float:
    n = len(x)
    mean = sum(x) / n
    deviation = math.sqrt(sum((v - mean) ** 2 for v in x) / n)
    residuals = [(v - mean) / deviation for v in x]
    statistic, beyond = cusum(x)[0], 0
    for draw in multipliers:
        sums = partial_sums(draw, residuals)
        bridge = max(abs(sums[k] - (k + 1) / n * sums[-1]) for k in range(n))
        beyond += bridge >= statistic
    return (1 + beyond) / (1 + len(multipliers))
