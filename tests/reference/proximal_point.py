"""Rows H22 and H23 of the Handbook of Convergence Theorems (Garrigos and Gower), sums added up term by term.

Each function has the name of a theorem and its constants; `k` is the number of steps done, at least 1.
"""

import math


def ProximalPointStronglyConvex(k, strongly_convex_min, noise, distance, step_size):
    left, relative = distance**2, step_size * strongly_convex_min
    for _ in range(k):
        left /= (1 + relative) ** 2
    return left + step_size * noise / (strongly_convex_min * (2 + relative))


def _averaged(steps, lipschitz, distance):
    return (distance**2 + lipschitz**2 * sum(s * s for s in steps)) / (2 * sum(steps))


def ProximalPointConstant(k, lipschitz, distance, step_size, horizon=None):
    return _averaged([step_size] * k, lipschitz, distance)


def ProximalPointDecreasing(k, lipschitz, distance, step_size, horizon=None):
    return _averaged([step_size / math.sqrt(t + 1) for t in range(k)], lipschitz, distance)
