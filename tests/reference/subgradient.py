"""Rows H15 to H17 of the Handbook of Convergence Theorems (Garrigos and Gower), sums added up term by term.

Each function has the name of a theorem and its constants; `k` is the number of steps done, at least 1.
"""

import math


def _averaged(steps, lipschitz, distance):
    return (distance**2 + lipschitz**2 * sum(s * s for s in steps)) / (2 * sum(steps))


def SubgradientConstant(k, lipschitz, distance, step_size, horizon=None):
    return _averaged([step_size] * k, lipschitz, distance)


def SubgradientDecreasing(k, lipschitz, distance, step_size, horizon=None):
    return _averaged([step_size / math.sqrt(t + 1) for t in range(k)], lipschitz, distance)


def ProjectedSubgradientBounded(k, lipschitz, distance):
    """The ball around x_0 has twice the radius D that is needed."""
    return 3 * (2 * distance) * lipschitz / math.sqrt(k)


def ProjectedSubgradientStronglyConvex(k, lipschitz, strongly_convex):
    """The t-th inequality, weighted by t, leaves G^2 / mu sum t / (t + 1); each term is below 1."""
    weights = [2 * t / (k * (k + 1)) for t in range(1, k + 1)]
    return sum(weights) * 2 * lipschitz**2 / (strongly_convex * (k + 1))
