"""Rows H4 to H10 of the Handbook of Convergence Theorems (Garrigos and Gower), sums added up term by term.

Each function has the name of a theorem and its constants; `k` is the number of steps done, at least 1.
"""

import math


def SGDConvex(k, smooth_max, noise, distance, step_size, horizon=None):
    steps = [step_size] * k
    return distance**2 / sum(steps) + 2 * noise * sum(s * s for s in steps) / sum(steps)


def SGDConvexDecreasing(k, smooth_max, noise, distance, step_size):
    steps = [step_size / math.sqrt(t + 1) for t in range(k)]
    return distance**2 / sum(steps) + 2 * noise * sum(s * s for s in steps) / sum(steps)


def SGDStronglyConvex(k, smooth_max, strongly_convex, noise, distance, step_size):
    left = distance**2
    for _ in range(k):
        left *= 1 - step_size * strongly_convex
    return left + 2 * step_size * noise / strongly_convex


def SGDPolyakLojasiewicz(k, smooth, smooth_max, polyak_lojasiewicz, function_noise, gap, step_size):
    for _ in range(k):
        gap *= 1 - step_size * polyak_lojasiewicz
    return gap + step_size * smooth * smooth_max * function_noise / polyak_lojasiewicz


def SGDSmooth(k, smooth, smooth_max, function_noise, gap, step_size, horizon=None):
    """The least over T <= k + 1, as the smallest gradient so far never grows."""
    growth = 1 + step_size**2 * smooth * smooth_max
    least = min(growth**T * gap / (step_size * T) for T in range(1, k + 2))
    return least + step_size * smooth * smooth_max * function_noise
