"""Theorems on the stochastic proximal point method: any step, and no smoothness."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import RECOMMENDED, Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array
from tendsto.theory.stochastic_gradient import HANDBOOK
from tendsto.theory.subgradient import SubgradientConstant, SubgradientDecreasing


@register("proximal-point-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class ProximalPointStronglyConvex(Guarantee):
    """Constant steps, every term mu_min-strongly convex; the last point. sigma^2 is of subgradients at x* of mean 0.

    Raises:
        ValueError: a step size that is not above 0.

    >>> round(ProximalPointStronglyConvex(strongly_convex_min=1.0, noise=0.3, step_size=1.0).bound(100), 6)
    0.1
    """

    strongly_convex_min: float
    noise: float
    distance: float | None = None
    step_size: float = RECOMMENDED

    method = "stochastic-proximal-point"
    assumes = ("strongly_convex_min", "noise")
    measure = "||x - x*||^2"
    scale = "distance"
    mode = "expectation"
    statement = "E||x_k - x*||^2 <= (1 + lr mu_min)^(-2k) D^2 + lr sigma^2 / (mu_min (2 + lr mu_min)) for any lr > 0."
    proof = (
        "the proximal map of f_i contracts by 1/(1 + lr mu_min) and maps x* + lr s_i to x*, s_i a subgradient of f_i"
        " there; the cross term vanishes in the mean; a geometric sum."
    )
    source = f"{HANDBOOK}, v3 of 2024, section 12, stochastic proximal point; derived, its wording there may differ"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_size is RECOMMENDED:
            object.__setattr__(self, "step_size", 1 / self.strongly_convex_min)
        if not 0 < self.step_size < math.inf:
            raise ValueError(f"step size {self.step_size:g} is none: use a finite number above 0")

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.0}

    def for_accuracy(self, eps: float) -> ProximalPointStronglyConvex:
        # Half of eps for the floor, at most lr sigma^2 / (2 mu_min).
        step = eps * self.strongly_convex_min / self.noise if self.noise else math.inf
        return dataclasses.replace(self, step_size=min(1 / self.strongly_convex_min, step))

    def formula(self, k: Array) -> Array:
        relative = self.step_size * self.strongly_convex_min
        floor = self.step_size * self.noise / (self.strongly_convex_min * (2 + relative))
        return (1 + relative) ** (-2 * k) * unit(self.distance) ** 2 + floor


@register("proximal-point-constant")
@dataclass(frozen=True, kw_only=True)
class ProximalPointConstant(SubgradientConstant):
    """Constant steps, convex terms, each G-Lipschitz; the average of x_0, ..., x_{k-1}.

    >>> ProximalPointConstant(lipschitz=2.0, distance=1.0, horizon=100).bound(100)
    0.2
    """

    method = "stochastic-proximal-point"
    runs = "averaged-stochastic-proximal-point"
    statement = "E f(mean of x_0 to x_{k-1}) - f* <= D^2 / (2 lr k) + lr G^2 / 2 for any lr > 0."
    proof = (
        "2 lr (f_i(x_{t+1}) - f_i(x*)) <= ||x_t - x*||^2 - ||x_{t+1} - x*||^2 - ||x_{t+1} - x_t||^2, and"
        " f_i(x_t) <= f_i(x_{t+1}) + G ||x_{t+1} - x_t||; sum, and use convexity."
    )
    source = f"{HANDBOOK}, v3 of 2024, section 12, stochastic proximal point; derived, its wording there may differ"


@register("proximal-point-decreasing")
@dataclass(frozen=True, kw_only=True)
class ProximalPointDecreasing(SubgradientDecreasing):
    """Steps lr / sqrt(t + 1), convex G-Lipschitz terms; weights proportional to the steps.

    >>> round(ProximalPointDecreasing(lipschitz=2.0, distance=1.0).bound(10_000), 3)
    0.054
    """

    method = "stochastic-proximal-point"
    runs = "averaged-stochastic-proximal-point"
    statement = (
        "E f(xbar_k) - f* <= (D^2 + G^2 S_2) / (2 S_1), S_p = sum_{t < k} lr_t^p, lr_t = lr / sqrt(t + 1), any lr > 0."
    )
    proof = "as for constant steps, the t-th inequality weighted by lr_t."
    source = f"{HANDBOOK}, v3 of 2024, section 12, stochastic proximal point; derived, its wording there may differ"
