"""Orders of the restarted and the operator rows of the table of Sadiev et al. (2023), as complexities turned over.

A complexity max(n_1(eps), n_2(eps)) is a bound: the eps at which it equals the number of steps k.
"""

import math

from scipy.optimize import brentq


def _turned(complexity, k: float) -> float:
    return math.exp(brentq(lambda e: math.log(complexity(math.exp(e))) - math.log(k), -60, 20))


def restarted(k, smooth, strongly_convex, distance, noise_power, noise_scale):
    """max(sqrt(L/mu) log(mu R^2/eps), (sigma^2 / (mu eps))^{a/(2(a-1))})."""
    a, mu = noise_power, strongly_convex

    def complexity(eps):
        smoothly = math.sqrt(smooth / mu) * max(math.log(mu * distance**2 / eps), 1e-300)
        return max(smoothly, (noise_scale**2 / (mu * eps)) ** (a / (2 * (a - 1))))

    return _turned(complexity, k)


def operator(k, smooth, distance, noise_power, noise_scale):
    """max(l^2 R^2 / eps, (l sigma R / eps)^{a/(a-1)}) for the mean of ||F||^2."""
    a = noise_power
    return _turned(
        lambda eps: max(smooth**2 * distance**2 / eps, (smooth * noise_scale * distance / eps) ** (a / (a - 1))),
        k,
    )
