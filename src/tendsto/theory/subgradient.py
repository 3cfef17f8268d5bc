"""Theorems on the stochastic subgradient method, of which E||g_t||^2 <= G^2 is all that is asked."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import RECOMMENDED, Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array
from tendsto.theory.stochastic_gradient import HANDBOOK, harmonic_sum, inverse_sqrt_sum


@dataclass(frozen=True, kw_only=True)
class AnyStep(Guarantee):
    """A theorem that admits every step size: the one that is best at `horizon` is recommended.

    Raises:
        ValueError: a step size or a horizon that is none.
    """

    lipschitz: float
    distance: float | None = None
    horizon: int = 1000
    step_size: float = RECOMMENDED

    assumes = ("lipschitz", "convex")
    scale = "distance"
    point = "average"
    mode = "expectation"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.horizon < 1:
            raise ValueError(f"horizon = {self.horizon} is no number of steps: use a whole number of at least 1")
        if self.step_size is RECOMMENDED:
            object.__setattr__(self, "step_size", self.step_advised())
        if not 0 < self.step_size < math.inf:
            raise ValueError(f"step size {self.step_size:g} is none: use a finite number above 0")

    def step_advised(self) -> float:
        """Return D / (G sqrt(horizon)), which makes the bound G D / sqrt(horizon) for constant steps."""
        return unit(self.distance) / (self.lipschitz * math.sqrt(self.horizon))


@register("subgradient-constant")
@dataclass(frozen=True, kw_only=True)
class SubgradientConstant(AnyStep):
    """Constant steps, the average of x_0, ..., x_{k-1}.

    >>> SubgradientConstant(lipschitz=2.0, distance=1.0, horizon=100).bound(100)
    0.2
    """

    method = "subgradient"
    runs = "averaged-sgd"
    statement = (
        "E f(mean of x_0 to x_{k-1}) - f* <= D^2 / (2 lr k) + lr G^2 / 2; for lr = D / (G sqrt(k)), G D / sqrt(k)."
    )
    proof = "E||x_{t+1} - x*||^2 <= ||x_t - x*||^2 - 2 lr (f(x_t) - f*) + lr^2 G^2; sum, and use convexity."
    source = f"{HANDBOOK}, stochastic subgradient descent, convex; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.0, "power": 0.0}

    def for_accuracy(self, eps: float) -> SubgradientConstant:
        horizon = max(1, math.ceil((self.lipschitz * unit(self.distance) / eps) ** 2))
        return dataclasses.replace(self, horizon=horizon, step_size=RECOMMENDED)

    def formula(self, k: Array) -> Array:
        return unit(self.distance) ** 2 / (2 * self.step_size * k) + self.step_size * self.lipschitz**2 / 2


@register("subgradient-decreasing")
@dataclass(frozen=True, kw_only=True)
class SubgradientDecreasing(AnyStep):
    """Steps lr / sqrt(t + 1), the average of x_0, ..., x_{k-1} with weights proportional to the steps.

    >>> round(SubgradientDecreasing(lipschitz=2.0, distance=1.0).bound(10_000), 3)
    0.054
    """

    method = "subgradient"
    runs = "averaged-sgd"
    statement = (
        "E f(xbar_k) - f* <= (D^2 + G^2 S_2) / (2 S_1), S_p = sum_{t < k} lr_t^p, lr_t = lr / sqrt(t + 1); at most"
        " (5/8) (D^2/lr + lr G^2 (1 + log k)) / sqrt(k)."
    )
    proof = "as for constant steps, the t-th inequality weighted by lr_t."
    source = (
        f"{HANDBOOK}, stochastic subgradient descent, decreasing step, before the sums are simplified; derived again"
    )

    def step_advised(self) -> float:
        # With lr = D/G the two parts of the numerator are D^2 and D^2 log k.
        return unit(self.distance) / self.lipschitz

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.5, "power": -0.5}

    def formula(self, k: Array) -> Array:
        at = np.maximum(k, 1)
        squares = (self.lipschitz * self.step_size) ** 2 * harmonic_sum(at)
        values = (unit(self.distance) ** 2 + squares) / (2 * self.step_size * inverse_sqrt_sum(at))
        return np.where(k == 0, np.inf, values)


@register("projected-subgradient-bounded")
@dataclass(frozen=True, kw_only=True)
class ProjectedSubgradientBounded(Guarantee):
    """Projection onto a ball of radius R = 2 D around x_0, steps R / (G sqrt(t + 1)), the mean of x_0, ..., x_{k-1}.

    Any ball that holds x* will do; 2 D is the one that problems here project onto.

    >>> ProjectedSubgradientBounded(lipschitz=2.0, distance=1.0).bound(100)
    1.2
    """

    lipschitz: float
    distance: float | None = None

    method = "projected-subgradient"
    runs = "averaged-projected-subgradient"
    assumes = ("lipschitz", "convex")
    scale = "distance"
    point = "average"
    mode = "expectation"
    statement = (
        "E f(mean of x_0 to x_{k-1}) - f* <= 3 R G / sqrt(k), R the radius of the ball around x_0, without a logarithm."
    )
    proof = (
        "||x_t - x*||^2 (1/lr_t - 1/lr_{t-1}) <= (2R)^2 (1/lr_t - 1/lr_{t-1}) telescopes; the steps sum up to at most"
        " 2 R sqrt(k) / G."
    )
    source = f"{HANDBOOK}, projected stochastic subgradient descent on a bounded set; derived again"

    def settings(self) -> dict[str, Any]:
        size = 2 * unit(self.distance) / self.lipschitz
        return {"lr": size, "decay": 0.5, "shift": 0, "power": 0.0}

    def formula(self, k: Array) -> Array:
        return 3 * 2 * unit(self.distance) * self.lipschitz / np.sqrt(k)


@register("projected-subgradient-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class ProjectedSubgradientStronglyConvex(Guarantee):
    """Steps 2 / (mu (t + 1)), t = 1, 2, ..., on a set where E||g||^2 <= G^2; weights proportional to t.

    >>> ProjectedSubgradientStronglyConvex(lipschitz=2.0, strongly_convex=0.5).bound(159)
    0.1
    """

    lipschitz: float
    strongly_convex: float

    method = "projected-subgradient"
    runs = "averaged-projected-subgradient"
    assumes = ("lipschitz", "strongly_convex")
    point = "average"
    mode = "expectation"
    statement = "E f(xbar_k) - f* <= 2 G^2 / (mu (k + 1)), with the t-th point weighted by 2t / (k (k + 1))."
    proof = (
        "t times the one-step inequality has t (t - 1) ||x_t - x*||^2 - t (t + 1) ||x_{t+1} - x*||^2 on its right,"
        " which telescopes; initial conditions are forgotten."
    )
    source = f"{HANDBOOK}, projected stochastic subgradient descent, strongly convex; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": 2 / self.strongly_convex, "decay": 1.0, "shift": 1, "power": 1.0}

    def formula(self, k: Array) -> Array:
        return np.where(k == 0, np.inf, 2 * self.lipschitz**2 / (self.strongly_convex * (k + 1)))
