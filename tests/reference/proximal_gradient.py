"""Rows H18 to H21 of the Handbook of Convergence Theorems (Garrigos and Gower), sums added up term by term.

Each function has the name of a theorem and its constants; `k` is the number of steps done, at least 1.
"""

import math


def ProximalGradientConvex(k, smooth, distance, step_size):
    return distance**2 / (2 * step_size * k)


def ProximalGradientStronglyConvex(k, smooth, strongly_convex, distance, step_size):
    """The proximal map of 0 on h x^2 / 2, for the worse of h = mu and h = L."""
    ends = []
    for h in (strongly_convex, smooth):
        x = distance
        for _ in range(k):
            x = x - step_size * h * x
        ends.append(x * x)
    return max(ends)


def _averaged(steps, smooth_max, noise, distance, gap):
    top = distance**2 + 2 * steps[0] * gap + 4 * noise * sum(s * s for s in steps)
    return top / (2 * sum(s * (1 - 4 * s * smooth_max) for s in steps))


def StochasticProximalGradientConvex(k, smooth_max, noise, distance, gap, step_size):
    return _averaged([step_size] * k, smooth_max, noise, distance, gap)


def StochasticProximalGradientDecreasing(k, smooth_max, noise, distance, gap, step_size):
    return _averaged([step_size / math.sqrt(t + 1) for t in range(k)], smooth_max, noise, distance, gap)


def StochasticProximalGradientStronglyConvex(k, smooth_max, strongly_convex, noise, distance, step_size):
    left = distance**2
    for _ in range(k):
        left *= 1 - step_size * strongly_convex
    return left + 2 * step_size * noise / strongly_convex
