"""The oracle inequality of sparse variational networks, number by number."""

import math


def rate(n, d, L, D, S, B, inner, outer):
    return (
        (L * S / n) * math.log(B * D)
        + (2 * S / n) * math.log(inner * d * L * max(n / S, 1))
        + (S / n) * math.log(outer * D)
    )


def bound(n, d, L, D, S, B, sigma, alpha, approximation, log_prior, inner=7.0, outer=4.0):
    estimation = (1 + sigma**2 / alpha) * rate(n, d, L, D, S, B, inner, outer)
    penalty = 2 * sigma**2 / (alpha * (1 - alpha)) * math.log(1 / math.exp(log_prior)) / n
    return 2 / (1 - alpha) * approximation**2 + 2 / (1 - alpha) * estimation + penalty
