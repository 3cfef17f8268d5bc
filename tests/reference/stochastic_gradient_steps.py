"""Rows H4, H8 and H12 of the Handbook of Convergence Theorems (Garrigos and Gower), sums added up term by term.

Each function has the name of a theorem and its constants; `k` is the number of steps done, at least 1.
"""

import math


def _averaged(steps, smooth_max, noise, distance):
    top = distance**2 + 2 * noise * sum(s * s for s in steps)
    return top / (2 * sum(s * (1 - 2 * s * smooth_max) for s in steps))


def SGDConvexLonger(k, smooth_max, noise, distance, step_size):
    return _averaged([step_size] * k, smooth_max, noise, distance)


def SGDConvexDecreasingLonger(k, smooth_max, noise, distance, step_size):
    return _averaged([step_size / math.sqrt(t + 1) for t in range(k)], smooth_max, noise, distance)


def SGDSwitching(k, smooth_max, strongly_convex, noise, distance, step_size):
    """Before the switch the larger of the constant step's bound and the late bound at the switch."""
    ratio = math.ceil(smooth_max / strongly_convex)

    def late(t):
        return 8 * noise / (strongly_convex**2 * t) + 16 / math.e**2 * ratio**2 * distance**2 / t**2

    if k >= 4 * ratio:
        return late(k)
    early = (1 - step_size * strongly_convex) ** k * distance**2 + 2 * step_size * noise / strongly_convex
    return max(early, late(4 * ratio))


def SGDMomentum(k, smooth_max, noise, distance, step_size, horizon=None):
    return distance**2 / (step_size * (k + 1)) + 2 * step_size * noise
