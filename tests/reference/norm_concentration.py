"""The two norm bounds of a subgamma vector, for a diagonal covariance, term by term.

Source: Gupta, Lee and Price (2023), arXiv:2302.02497, constants as recalled; the second by a net of the sphere.
"""

from __future__ import annotations

import math


def recalled(variances, scale, delta):
    trace, largest = sum(variances), max(variances)
    return math.sqrt(trace) + 4 * math.sqrt(largest * math.log(2 / delta)) + 16 * scale * math.log(2 / delta)


def net(variances, scale, delta):
    """Twice the least t with 5^d exp(-min(t²/(2σ²), t/(2C))) ≤ delta, found by bisection."""
    d, largest = len(variances), max(variances)
    low, high = 0.0, 1e9
    for _ in range(200):
        t = (low + high) / 2
        rate = min(t * t / (2 * largest), t / (2 * scale) if scale else math.inf)
        low, high = (low, t) if d * math.log(5) - rate <= math.log(delta) else (t, high)
    return 2 * high
