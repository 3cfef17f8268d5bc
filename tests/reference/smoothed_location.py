"""The smoothed estimator on one sample, value by value.

Source: Gupta, Lee and Price (2023), arXiv:2302.02497, and Gupta, Lee, Price and Valiant (2022), arXiv:2206.02348, as
recalled: a crude estimate, added noise, one Newton step with the information of f_r.
"""

from __future__ import annotations

import math


def mixture_score(x, weights, means, scales, r):
    """f_r'(x) / f_r(x) of a Gaussian mixture."""
    above = below = 0.0
    for w, m, s in zip(weights, means, scales, strict=True):
        v = s * s + r * r
        density = w * math.exp(-((x - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v)
        above += density * (m - x) / v
        below += density
    return above / below


def estimate(samples, added, first, score, information):
    """λ_1 - 1/(n I_r) Σ s_r(x_i + z_i - λ_1)."""
    total = 0.0
    for x, z in zip(samples, added, strict=True):
        total += score(x + z - first)
    return first - total / (len(samples) * information)


def median_of_means(samples, blocks):
    size = len(samples) // blocks
    means = sorted(sum(samples[i * size : (i + 1) * size]) / size for i in range(blocks))
    middle = blocks // 2
    return means[middle] if blocks % 2 else (means[middle - 1] + means[middle]) / 2
