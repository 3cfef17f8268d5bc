"""Further theorems in high probability on clipped methods: with restarts, and on the norm of an operator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tendsto.core.registry import register
from tendsto.core.trace import Array
from tendsto.theory.clipped import SADIEV, _Order


@register("restarted-clipped-sstm-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class RestartedClippedSSTMStronglyConvex(_Order):
    """f strongly convex and L-smooth; accelerated stages, each from the last.

    >>> known = {"smooth": 1.0, "strongly_convex": 0.1, "distance": 1.0, "noise_power": 2.0, "noise_scale": 1.0}
    >>> round(RestartedClippedSSTMStronglyConvex(**known).bound(1000), 3)
    0.01
    """

    smooth: float
    strongly_convex: float
    distance: float

    method = "restarted-clipped-sstm"
    assumes = ("smooth", "strongly_convex", "distance", "noise_power", "noise_scale")
    statement = (
        "f(x_K) - f* <= max(exp(-K sqrt(mu / L)) mu R^2, sigma^2 / (mu K^(2(alpha-1)/alpha))) up to constants and"
        " logarithms."
    )
    source = f"{SADIEV}, R-clipped-SSTM, strongly convex; recalled"

    def parts(self, k: Array) -> tuple[Array, Array]:
        mu = self.strongly_convex
        decay = np.exp(-k * np.sqrt(mu / self.smooth)) * mu * self.distance**2
        return decay, self.noise_scale**2 / mu / k ** (2 * self.exponent)


@register("clipped-gda-operator")
@dataclass(frozen=True, kw_only=True)
class ClippedGDAOperator(_Order):
    """F star-cocoercive with constant L, the smallest norm of F.

    >>> ClippedGDAOperator(smooth=1.0, distance=1.0, noise_power=2.0, noise_scale=1.0).bound(100)
    0.1
    """

    smooth: float
    distance: float

    method = "clipped-gda"
    assumes = ("smooth", "distance", "noise_power", "noise_scale")
    measure = "||F||^2"
    point = "best"
    statement = (
        "the mean of ||F(x_k)||^2 is at most max(L^2 R^2 / K, L sigma R / K^((alpha-1)/alpha)) up to constants and"
        " logarithms."
    )
    source = f"{SADIEV}, clipped-SGDA, star-cocoercive; recalled"

    def parts(self, k: Array) -> tuple[Array, Array]:
        size = self.smooth * self.distance
        return size**2 / k, size * self.noise_scale / k**self.exponent
