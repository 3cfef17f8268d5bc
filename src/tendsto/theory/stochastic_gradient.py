"""Theorems on stochastic gradient descent, x_{t+1} = x_t - lr_t grad f_i(x_t), i drawn afresh at every step."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import RECOMMENDED, SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array

HANDBOOK = "Garrigos and Gower, Handbook of Convergence Theorems (2023)"


def inverse_sqrt_sum(k: Array) -> Array:
    """1 + 1/sqrt(2) + ... + 1/sqrt(k), to rounding, by the Euler-Maclaurin formula twenty terms further on."""
    n = k + 20.0
    # The constant is zeta(1/2).
    total = (
        2 * np.sqrt(n)
        - 1.4603545088095868
        + 0.5 / np.sqrt(n)
        - 1 / (24 * n**1.5)
        + 1 / (384 * n**3.5)
        - 1 / (1024 * n**5.5)
    )
    return total - sum(1 / np.sqrt(k + j) for j in range(1, 21))


def harmonic_sum(k: Array) -> Array:
    """1 + 1/2 + ... + 1/k, to rounding, by the Euler-Maclaurin formula twenty terms further on."""
    n = k + 20.0
    total = np.log(n) + np.euler_gamma + 0.5 / n - 1 / (12 * n**2) + 1 / (120 * n**4) - 1 / (252 * n**6)
    return total - sum(1 / (k + j) for j in range(1, 21))


@dataclass(frozen=True, kw_only=True)
class SGDAveraged(SteppedGuarantee):
    """What theorems on the averaged points of SGD with convex terms share."""

    smooth_max: float
    noise: float
    distance: float | None = None

    method = "sgd"
    runs = "averaged-sgd"
    assumes = ("smooth_max", "convex", "noise")
    scale = "distance"
    point = "average"
    mode = "expectation"

    def step_limit(self) -> tuple[float, str]:
        return 1 / (4 * self.smooth_max), "1/(4 L_max)"


@register("sgd-convex")
@dataclass(frozen=True, kw_only=True)
class SGDConvex(SGDAveraged):
    """Constant steps, convex terms, the average of x_0, ..., x_{k-1}.

    horizon: the number of steps for which the step size is chosen; the bound holds at every k.

    >>> SGDConvex(smooth_max=10.0, noise=2.0, horizon=10_000).bound(10_000)
    0.04
    >>> SGDConvex(smooth_max=10.0, noise=2.0).for_accuracy(0.1).step_size
    0.0125
    """

    horizon: int | None = None

    statement = "E f(mean of x_0 to x_{k-1}) - f* <= D^2 / (lr k) + 2 lr sigma^2 for 0 < lr <= 1/(4 L_max)."
    proof = (
        "E||x_{t+1} - x*||^2 <= ||x_t - x*||^2 - 2 lr (1 - 2 lr L_max) (f(x_t) - f*) + 2 lr^2 sigma^2,"
        " as E||grad f_i||^2 <= 4 L_max (f - f*) + 2 sigma^2; sum, and use convexity."
    )
    source = f"{HANDBOOK}, SGD, convex, constant step; derived again"

    def step_advised(self) -> float:
        largest = self.step_limit()[0]
        if self.horizon is None or self.noise == 0:
            return largest
        return min(largest, unit(self.distance) / math.sqrt(2 * self.noise * self.horizon))

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.0, "power": 0.0}

    def for_accuracy(self, eps: float) -> SGDConvex:
        step = eps / (4 * self.noise) if self.noise else math.inf
        return dataclasses.replace(self, horizon=None, step_size=min(self.step_limit()[0], step))

    def formula(self, k: Array) -> Array:
        return unit(self.distance) ** 2 / (self.step_size * k) + 2 * self.step_size * self.noise


@register("sgd-convex-decreasing")
@dataclass(frozen=True, kw_only=True)
class SGDConvexDecreasing(SGDAveraged):
    """Steps lr / sqrt(t + 1), convex terms, the average of x_0, ..., x_{k-1} with weights proportional to the steps.

    >>> round(SGDConvexDecreasing(smooth_max=10.0, noise=2.0).bound(10_000), 4)
    0.2064
    """

    statement = (
        "E f(xbar_k) - f* <= (D^2 + 2 sigma^2 S_2) / S_1, S_p = sum_{t < k} lr_t^p, lr_t = lr / sqrt(t + 1),"
        " for 0 < lr <= 1/(4 L_max); at most 5 D^2 / (4 lr sqrt(k)) + 5 lr sigma^2 log(k + 1) / sqrt(k)."
    )
    proof = "as for constant steps, the t-th inequality weighted by lr_t."
    source = f"{HANDBOOK}, SGD, convex, decreasing step, before the sums are simplified; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.5, "power": -0.5}

    def formula(self, k: Array) -> Array:
        steps = self.step_size * inverse_sqrt_sum(k)
        squares = self.step_size**2 * harmonic_sum(k)
        return np.where(
            k == 0, np.inf, (unit(self.distance) ** 2 + 2 * self.noise * squares) / np.where(k == 0, 1, steps)
        )


@register("sgd-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class SGDStronglyConvex(SteppedGuarantee):
    """Constant steps, f strongly convex, its terms convex, the last point.

    >>> g = SGDStronglyConvex(smooth_max=1.0, strongly_convex=1.0, noise=1.0).for_accuracy(0.1)
    >>> g.step_size, g.iterations(0.1)
    (0.025, 119)
    """

    smooth_max: float
    strongly_convex: float
    noise: float
    distance: float | None = None

    method = "sgd"
    assumes = ("smooth_max", "convex", "strongly_convex", "noise")
    measure = "||x - x*||^2"
    scale = "distance"
    mode = "expectation"
    statement = "E||x_k - x*||^2 <= (1 - lr mu)^k D^2 + 2 lr sigma^2 / mu for 0 < lr <= 1/(2 L_max)."
    proof = (
        "E||x_{t+1} - x*||^2 <= (1 - lr mu) ||x_t - x*||^2 - 2 lr (1 - 2 lr L_max) (f(x_t) - f*) + 2 lr^2 sigma^2;"
        " a geometric sum."
    )
    source = f"{HANDBOOK}, SGD, strongly convex, constant step; derived again"

    def step_limit(self) -> tuple[float, str]:
        return 1 / (2 * self.smooth_max), "1/(2 L_max)"

    def for_accuracy(self, eps: float) -> SGDStronglyConvex:
        step = eps * self.strongly_convex / (4 * self.noise) if self.noise else math.inf
        return dataclasses.replace(self, step_size=min(self.step_limit()[0], step))

    def formula(self, k: Array) -> Array:
        floor = 2 * self.step_size * self.noise / self.strongly_convex
        return (1 - self.step_size * self.strongly_convex) ** k * unit(self.distance) ** 2 + floor


@register("sgd-polyak-lojasiewicz")
@dataclass(frozen=True, kw_only=True)
class SGDPolyakLojasiewicz(SteppedGuarantee):
    """Constant steps where ||grad f||^2 >= 2 mu (f - f*), convex or not, the last point.

    >>> g = SGDPolyakLojasiewicz(smooth=1.0, smooth_max=2.0, polyak_lojasiewicz=0.5, function_noise=0.0)
    >>> g.step_size, g.iterations(1e-3)
    (0.25, 52)
    """

    smooth: float
    smooth_max: float
    polyak_lojasiewicz: float
    function_noise: float
    gap: float | None = None

    method = "sgd"
    assumes = ("smooth", "smooth_max", "polyak_lojasiewicz", "function_noise")
    scale = "gap"
    mode = "expectation"
    statement = (
        "E f(x_k) - f* <= (1 - lr mu)^k (f(x_0) - f*) + lr L L_max Delta / mu for 0 < lr <= mu/(L L_max),"
        " Delta = f* - E inf f_i."
    )
    proof = "E||grad f_i||^2 <= 2 L_max (f - f* + Delta), which the descent lemma for f turns into a geometric sum."
    source = f"{HANDBOOK}, SGD under PL; derived again"

    def step_limit(self) -> tuple[float, str]:
        return self.polyak_lojasiewicz / (self.smooth * self.smooth_max), "mu/(L L_max)"

    def for_accuracy(self, eps: float) -> SGDPolyakLojasiewicz:
        largest = self.step_limit()[0]
        return dataclasses.replace(
            self, step_size=largest * min(1.0, eps / (2 * self.function_noise) if self.function_noise else 1.0)
        )

    def formula(self, k: Array) -> Array:
        floor = self.step_size * self.smooth * self.smooth_max * self.function_noise / self.polyak_lojasiewicz
        return (1 - self.step_size * self.polyak_lojasiewicz) ** k * unit(self.gap) + floor


@register("sgd-smooth")
@dataclass(frozen=True, kw_only=True)
class SGDSmooth(SteppedGuarantee):
    """Constant steps, convex or not, the smallest gradient so far.

    horizon: the number of steps for which the step size is chosen; the bound holds at every k, and stops falling where
    (1 + lr^2 L L_max)^k / k does.

    >>> round(SGDSmooth(smooth=1.0, smooth_max=1.0, function_noise=0.0, horizon=100).bound(99), 3)
    0.233
    """

    smooth: float
    smooth_max: float
    function_noise: float
    gap: float | None = None
    horizon: int = 1000

    method = "sgd"
    assumes = ("smooth", "smooth_max", "function_noise")
    measure = "||grad f||^2"
    scale = "gap"
    point = "best"
    mode = "expectation"
    statement = (
        "min_{t < T} E||grad f(x_t)||^2 <= (1 + lr^2 L L_max)^T (f(x_0) - inf f) / (lr T) + lr L L_max Delta,"
        " T = k + 1, Delta = inf f - E inf f_i, for 0 < lr <= 1/sqrt(L L_max); the least of this over T <= k + 1."
    )
    proof = (
        "E f(x_{t+1}) <= (1 + lr^2 L L_max) f(x_t) - lr ||grad f(x_t)||^2 + lr^2 L L_max Delta above inf f;"
        " sum with weights (1 + lr^2 L L_max)^-t."
    )
    source = f"{HANDBOOK}, SGD, nonconvex; the form for any step is derived, its wording there may differ"

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise ValueError(f"horizon = {self.horizon} is no number of steps: use a whole number of at least 1")
        super().__post_init__()

    def step_limit(self) -> tuple[float, str]:
        # The theorem holds for every step; beyond this its first factor doubles at every iteration.
        return 1 / math.sqrt(self.smooth * self.smooth_max), "1/sqrt(L L_max)"

    def step_advised(self) -> float:
        # Without noise e^(c^2) / c is smallest at c^2 = 1/2.
        return 1 / math.sqrt(2 * self.smooth * self.smooth_max * self.horizon)

    def for_accuracy(self, eps: float) -> SGDSmooth:
        curvature = self.smooth * self.smooth_max
        constant = math.sqrt(2 * math.e) * unit(self.gap) + self.function_noise / math.sqrt(2)
        horizon = math.ceil(curvature * (constant / eps) ** 2)
        return dataclasses.replace(self, horizon=max(1, horizon), step_size=RECOMMENDED)

    def formula(self, k: Array) -> Array:
        growth = self.step_size**2 * self.smooth * self.smooth_max
        turn = max(1.0, math.floor(1 / math.log1p(growth)))
        steps = np.minimum(k + 1, turn)
        fading = np.exp(steps * np.log1p(growth)) * unit(self.gap) / (self.step_size * steps)
        return fading + self.step_size * self.smooth * self.smooth_max * self.function_noise
