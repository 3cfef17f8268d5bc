"""Theorems on Nesterov's accelerated gradient method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


@register("nesterov-convex")
@dataclass(frozen=True, kw_only=True)
class NesterovConvex(SteppedGuarantee):
    """Nesterov's method on convex L-smooth functions.

    >>> NesterovConvex(smooth=10.0).iterations(1e-3)
    141
    """

    smooth: float
    distance: float | None = None

    method = "nesterov"
    assumes = ("smooth", "convex")
    scale = "distance"
    statement = (
        "f(x_k) - f* <= 2 D^2 / (lr (k + 1)^2) for 0 < lr <= 1/L, where x_{k+1} = y_k - lr grad f(y_k),"
        " y_{k+1} = x_{k+1} + ((t_k - 1) / t_{k+1}) (x_{k+1} - x_k), y_0 = x_0, t_0 = 1,"
        " t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2."
    )
    proof = (
        "2 lr t_k^2 (f(x_{k+1}) - f*) + ||t_k x_{k+1} - (t_k - 1) x_k - x*||^2 does not increase,"
        " and t_k >= (k + 2) / 2."
    )
    source = "Nesterov (1983); Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm (2009), Theorem 4.4"

    def step_limit(self) -> tuple[float, str]:
        return 1 / self.smooth, "1/L"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "momentum": None}

    def formula(self, k: Array) -> Array:
        return 2 * unit(self.distance) ** 2 / (self.step_size * (k + 1) ** 2)


@register("nesterov-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class NesterovStronglyConvex(SteppedGuarantee):
    """Nesterov's method with constant momentum on mu-strongly convex L-smooth functions.

    gap: f(x_0) - f*; where it is not given, its largest possible value L D^2 / 2 stands for it.

    >>> g = NesterovStronglyConvex(smooth=10.0, strongly_convex=0.1)
    >>> g.iterations(1e-3), round(g.method_for().momentum, 4)
    (81, 0.8182)
    """

    smooth: float
    strongly_convex: float
    distance: float | None = None
    gap: float | None = None

    method = "nesterov"
    assumes = ("smooth", "strongly_convex")
    scale = "distance"
    statement = (
        "f(x_k) - f* <= (1 - sqrt(mu lr))^k (f(x_0) - f* + mu D^2 / 2) for 0 < lr <= 1/L, where"
        " x_{k+1} = y_k - lr grad f(y_k), y_{k+1} = x_{k+1} + b (x_{k+1} - x_k), y_0 = x_0,"
        " b = (1 - sqrt(mu lr)) / (1 + sqrt(mu lr))."
    )
    proof = (
        "f(x_k) - f* + (mu / 2) ||z_k - x*||^2, z_k = y_k + (y_k - x_k) / sqrt(mu lr),"
        " shrinks by 1 - sqrt(mu lr) at every step."
    )
    source = (
        "Nesterov, Lectures on Convex Optimization (2018), section 2.2; d'Aspremont, Scieur, Taylor, Acceleration"
        " Methods (2021), section 4.5; recalled, and compared with the solved worst case"
    )

    def step_limit(self) -> tuple[float, str]:
        return 1 / self.smooth, "1/L"

    def settings(self) -> dict[str, Any]:
        root = math.sqrt(self.strongly_convex * self.step_size)
        return {"lr": self.step_size, "momentum": (1 - root) / (1 + root)}

    def formula(self, k: Array) -> Array:
        distance = unit(self.distance)
        gap = self.smooth / 2 * distance**2 if self.gap is None else self.gap
        start = gap + self.strongly_convex / 2 * distance**2
        return (1 - math.sqrt(self.strongly_convex * self.step_size)) ** k * start
