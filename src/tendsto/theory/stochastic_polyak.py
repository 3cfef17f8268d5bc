"""Theorems on the stochastic Polyak step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tendsto.core.guarantee import Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array
from tendsto.theory.stochastic_gradient import HANDBOOK


@register("polyak-lipschitz")
@dataclass(frozen=True, kw_only=True)
class PolyakLipschitz(Guarantee):
    """Convex terms, each G-Lipschitz on the ball of radius D around x*; the average of x_0, ..., x_{k-1}.

    >>> PolyakLipschitz(lipschitz=2.0, distance=1.0).bound(100)
    0.2
    """

    lipschitz: float
    distance: float | None = None

    method = "stochastic-polyak"
    runs = "averaged-stochastic-polyak"
    assumes = ("lipschitz", "convex")
    scale = "distance"
    point = "average"
    mode = "expectation"
    statement = "E f(mean of x_0 to x_{k-1}) - f* <= G D / sqrt(k), and ||x_t - x*|| never increases."
    proof = (
        "||x_{t+1} - x*||^2 <= ||x_t - x*||^2 - (f_i(x_t) - f_i(x*))_+^2 / ||grad f_i(x_t)||^2; bound the gradients by"
        " G, sum, and use Jensen's inequality twice."
    )
    source = f"{HANDBOOK}, v3 of 2024, stochastic Polyak step, Lipschitz terms; derived, its wording there may differ"

    def formula(self, k: Array) -> Array:
        return self.lipschitz * unit(self.distance) / np.sqrt(k)


@register("polyak-smooth")
@dataclass(frozen=True, kw_only=True)
class PolyakSmooth(Guarantee):
    """Convex L_max-smooth terms; the average of x_0, ..., x_{k-1}. Under interpolation (Delta = 0) it is 2 L_max D^2/k.

    >>> PolyakSmooth(smooth_max=2.0, function_noise=0.0, distance=1.0).bound(100)
    0.04
    """

    smooth_max: float
    function_noise: float
    distance: float | None = None

    method = "stochastic-polyak"
    runs = "averaged-stochastic-polyak"
    assumes = ("smooth_max", "convex", "function_noise")
    scale = "distance"
    point = "average"
    mode = "expectation"
    statement = (
        "E f(mean of x_0 to x_{k-1}) - f* <= 2 L_max D^2 / k + sqrt(2 L_max Delta / k) D, Delta = f* - E inf f_i."
    )
    proof = (
        "as for Lipschitz terms, with ||grad f_i||^2 <= 2 L_max (f_i - inf f_i); z^2 / (z + d) is convex in z, so its"
        " mean bounds the square of the mean gap over the mean gap and Delta; solve the quadratic inequality."
    )
    source = f"{HANDBOOK}, v3 of 2024, stochastic Polyak step, smooth terms; derived, its wording there may differ"

    def formula(self, k: Array) -> Array:
        size, at = unit(self.distance), np.maximum(k, 1)
        noise = np.sqrt(2 * self.smooth_max * self.function_noise / at) * size
        return np.where(k == 0, np.inf, 2 * self.smooth_max * size**2 / at + noise)
