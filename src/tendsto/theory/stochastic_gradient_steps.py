"""Theorems on stochastic gradient descent with longer steps, switching steps, and momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array
from tendsto.theory.stochastic_gradient import HANDBOOK, SGDAveraged, harmonic_sum, inverse_sqrt_sum


@dataclass(frozen=True, kw_only=True)
class _Longer(SGDAveraged):
    proof = (
        "E||x_{t+1} - x*||^2 <= ||x_t - x*||^2 - 2 lr_t (1 - 2 lr_t L_max) (f(x_t) - f*) + 2 lr_t^2 sigma^2,"
        " as E||grad f_i||^2 <= 4 L_max (f - f*) + 2 sigma^2; sum, and use convexity."
    )
    source = f"{HANDBOOK}, SGD, convex, before steps are restricted to 1/(4 L_max); derived again"

    def step_limit(self) -> tuple[float, str]:
        return 1 / (2 * self.smooth_max), "1/(2 L_max)"

    def step_advised(self) -> float:
        return 1 / (4 * self.smooth_max)


@register("sgd-convex-longer")
@dataclass(frozen=True, kw_only=True)
class SGDConvexLonger(_Longer):
    """Constant steps up to 1/(2 L_max), convex terms, the average of x_0, ..., x_{k-1}; never above `SGDConvex`.

    >>> SGDConvexLonger(smooth_max=10.0, noise=2.0).bound(100)
    0.5
    """

    statement = (
        "E f(mean of x_0 to x_{k-1}) - f* <= (D^2 + 2 sigma^2 k lr^2) / (2 k lr (1 - 2 lr L_max))"
        " for 0 < lr < 1/(2 L_max)."
    )

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.0, "power": 0.0}

    def formula(self, k: Array) -> Array:
        share = max(2 * (1 - 2 * self.step_size * self.smooth_max), 0.0)  # rounding at the limit
        return (unit(self.distance) ** 2 / (self.step_size * k) + 2 * self.noise * self.step_size) / share


@register("sgd-convex-decreasing-longer")
@dataclass(frozen=True, kw_only=True)
class SGDConvexDecreasingLonger(_Longer):
    """Steps lr / sqrt(t + 1) up to 1/(2 L_max), convex terms, weights proportional to lr_t (1 - 2 lr_t L_max).

    >>> round(SGDConvexDecreasingLonger(smooth_max=10.0, noise=2.0).bound(10_000), 3)
    0.106
    """

    statement = (
        "E f(xbar_k) - f* <= (D^2 + 2 sigma^2 S_2) / (2 (S_1 - 2 L_max S_2)), S_p = sum_{t < k} lr_t^p,"
        " lr_t = lr / sqrt(t + 1), for 0 < lr < 1/(2 L_max)."
    )

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.5, "power": -0.5, "bend": 2 * self.step_size * self.smooth_max}

    def formula(self, k: Array) -> Array:
        at = np.maximum(k, 1)
        squares = self.step_size**2 * harmonic_sum(at)
        weights = np.maximum(self.step_size * inverse_sqrt_sum(at) - 2 * self.smooth_max * squares, 0.0)
        return np.where(k == 0, np.inf, (unit(self.distance) ** 2 + 2 * self.noise * squares) / (2 * weights))


@register("sgd-switching")
@dataclass(frozen=True, kw_only=True)
class SGDSwitching(SteppedGuarantee):
    """A constant step up to t* = 4 ceil(L_max/mu), then (2t + 1) / ((t + 1)^2 mu): the last point, without a floor.

    >>> g = SGDSwitching(smooth_max=10.0, strongly_convex=1.0, noise=1.0, distance=1.0)
    >>> g.switch, round(g.bound(80), 4)
    (40, 0.1338)
    """

    smooth_max: float
    strongly_convex: float
    noise: float
    distance: float | None = None

    method = "sgd"
    runs = "switching-sgd"
    assumes = ("smooth_max", "convex", "strongly_convex", "noise")
    measure = "||x - x*||^2"
    scale = "distance"
    mode = "expectation"
    statement = (
        "E||x_k - x*||^2 <= 8 sigma^2 / (mu^2 k) + (16/e^2) ceil(L_max/mu)^2 D^2 / k^2 for k >= t* = 4 ceil(L_max/mu),"
        " with lr = 1/(2 L_max) up to t*; before, (1 - lr mu)^k D^2 + 2 lr sigma^2 / mu, or the former at t* if larger."
    )
    proof = (
        "from t* on, (t + 1)^2 E||x_{t+1} - x*||^2 <= t^2 E||x_t - x*||^2 + 8 sigma^2 / mu^2; sum, and begin with what"
        " the constant step has left."
    )
    source = f"{HANDBOOK}, SGD, strongly convex, switching step; derived again"

    @property
    def switch(self) -> int:
        """t*, after which steps decrease."""
        return 4 * math.ceil(self.smooth_max / self.strongly_convex * (1 - 1e-12))

    def step_limit(self) -> tuple[float, str]:
        return 1 / (2 * self.smooth_max), "1/(2 L_max)"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "switch": self.switch, "strongly_convex": self.strongly_convex}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_size < self.step_limit()[0] * (1 - 1e-12):
            raise ValueError(f"step size {self.step_size:g} is not the 1/(2 L_max) that this theorem is about")

    def formula(self, k: Array) -> Array:
        mu, square = self.strongly_convex, unit(self.distance) ** 2

        def late(t: Array | float) -> Array | float:
            return 8 * self.noise / (mu * mu * t) + (self.switch / math.e / t) ** 2 * square

        early = (1 - self.step_size * mu) ** k * square + 2 * self.step_size * self.noise / mu
        return np.where(k >= self.switch, late(np.maximum(k, 1)), np.maximum(early, late(self.switch)))


@register("sgd-momentum")
@dataclass(frozen=True, kw_only=True)
class SGDMomentum(SteppedGuarantee):
    """Momentum, convex terms, the last point: no average has to be kept.

    horizon: the number of steps for which the step size is chosen; the bound holds at every k.

    >>> SGDMomentum(smooth_max=10.0, noise=2.0, horizon=99).bound(99)
    4.01
    """

    smooth_max: float
    noise: float
    distance: float | None = None
    horizon: int | None = None

    method = "sgd"
    runs = "averaging-momentum"
    assumes = ("smooth_max", "convex", "noise")
    scale = "distance"
    mode = "expectation"
    statement = (
        "E f(x_k) - f* <= D^2 / (lr (k + 1)) + 2 lr sigma^2 for momentum SGD with steps 2 lr / (t + 3) and momentum"
        " t / (t + 2), 0 < lr <= 1/(4 L_max)."
    )
    proof = (
        "||z_t - x*||^2 + 2 lr l_t (f(x_{t-1}) - f*), z_t = x_t + l_t (x_t - x_{t-1}), l_t = t/2, grows in expectation"
        " by at most 2 lr^2 sigma^2 a step, as z_{t+1} = z_t - lr grad f_i(x_t) and 2 lr L_max <= 1/2."
    )
    source = f"{HANDBOOK}, momentum, convex; with horizon: its step 1/(4 L_max sqrt(k + 1)); derived again"

    def step_limit(self) -> tuple[float, str]:
        return 1 / (4 * self.smooth_max), "1/(4 L_max)"

    def step_advised(self) -> float:
        largest = self.step_limit()[0]
        return largest if self.horizon is None else largest / math.sqrt(self.horizon + 1)

    def for_accuracy(self, eps: float) -> SGDMomentum:
        step = eps / (4 * self.noise) if self.noise else math.inf
        return type(self)(
            smooth_max=self.smooth_max,
            noise=self.noise,
            distance=self.distance,
            step_size=min(self.step_limit()[0], step),
        )

    def formula(self, k: Array) -> Array:
        return unit(self.distance) ** 2 / (self.step_size * (k + 1)) + 2 * self.step_size * self.noise
