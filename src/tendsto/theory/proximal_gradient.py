"""Theorems on the proximal gradient method for F = f + r, with exact or sampled gradients of f."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array
from tendsto.theory.gradient_descent import GDStronglyConvexDistance
from tendsto.theory.stochastic_gradient import HANDBOOK, SGDStronglyConvex, harmonic_sum, inverse_sqrt_sum


@register("proximal-gradient-convex")
@dataclass(frozen=True, kw_only=True)
class ProximalGradientConvex(SteppedGuarantee):
    """f convex and L-smooth, r convex; the last point.

    >>> ProximalGradientConvex(smooth=10.0, distance=1.0).bound(100)
    0.05
    """

    smooth: float
    distance: float | None = None

    method = "proximal-gradient"
    assumes = ("smooth", "convex")
    scale = "distance"
    statement = "F(x_k) - F* <= D^2 / (2 lr k) for 0 < lr <= 1/L."
    proof = (
        "2 lr (F(x_{t+1}) - F*) <= ||x_t - x*||^2 - ||x_{t+1} - x*||^2, from the descent lemma and the optimality of"
        " the proximal step; sum, and F(x_t) decreases."
    )
    source = f"{HANDBOOK}, proximal gradient descent, convex; derived again"

    def step_limit(self) -> tuple[float, str]:
        return 1 / self.smooth, "1/L"

    def formula(self, k: Array) -> Array:
        return unit(self.distance) ** 2 / (2 * self.step_size * k)


@register("proximal-gradient-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class ProximalGradientStronglyConvex(GDStronglyConvexDistance):
    """f mu-strongly convex and L-smooth, r convex; the last point. The exact worst case, that of gradient descent.

    >>> ProximalGradientStronglyConvex(smooth=10.0, strongly_convex=1.0, step_size=0.1).bound(1)
    0.81
    """

    method = "proximal-gradient"
    statement = "||x_k - x*||^2 <= max((1 - lr mu)^2, (1 - lr L)^2)^k D^2 for 0 < lr <= 2/L."
    proof = "the gradient step contracts, and proximal maps do not expand; attained with r = 0."
    source = (
        f"{HANDBOOK}, proximal gradient descent, strongly convex, has (1 - lr mu)^k for lr <= 1/L; this contraction is"
        " that of Taylor, Hendrickx, Glineur, Exact worst-case convergence rates of the proximal gradient method"
        " (2018), Theorem 3.1; recalled, derived again"
    )


@dataclass(frozen=True, kw_only=True)
class _Stochastic(SteppedGuarantee):
    smooth_max: float
    noise: float
    distance: float
    gap: float

    method = "stochastic-proximal-gradient"
    runs = "averaged-stochastic-proximal-gradient"
    assumes = ("smooth_max", "convex", "noise", "distance", "gap")
    point = "average"
    mode = "expectation"

    def step_limit(self) -> tuple[float, str]:
        return 1 / (4 * self.smooth_max), "1/(4 L_max)"

    def step_advised(self) -> float:
        return 1 / (8 * self.smooth_max)


@register("stochastic-proximal-gradient-convex")
@dataclass(frozen=True, kw_only=True)
class StochasticProximalGradientConvex(_Stochastic):
    """Constant steps, convex terms of f; the average of x_0, ..., x_{k-1}. sigma^2 is the variance at a minimiser of F.

    >>> StochasticProximalGradientConvex(smooth_max=1.0, noise=0.0, distance=1.0, gap=0.5).bound(90)
    0.1
    """

    statement = (
        "E F(mean of x_0 to x_{k-1}) - F* <= (D^2 + 2 lr (F(x_0) - F*)) / (2 lr (1 - 4 lr L_max) k)"
        " + 2 lr sigma^2 / (1 - 4 lr L_max) for 0 < lr < 1/(4 L_max)."
    )
    proof = (
        "the one-step inequality of the exact method, with E||g - grad f||^2 <= 4 L_max (Bregman distance to x*) +"
        " 2 sigma^2; the gap at x_{t+1} is moved to x_t, which leaves that at x_0."
    )
    source = f"{HANDBOOK}, stochastic proximal gradient descent, convex, constant step; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.0, "power": 0.0}

    def for_accuracy(self, eps: float) -> StochasticProximalGradientConvex:
        step = eps / (8 * self.noise) if self.noise else math.inf
        return dataclasses.replace(self, step_size=min(self.step_advised(), step))

    def formula(self, k: Array) -> Array:
        lr = self.step_size
        share = max(1 - 4 * lr * self.smooth_max, 0.0)  # rounding at the limit
        return ((self.distance**2 + 2 * lr * self.gap) / (2 * lr * k) + 2 * lr * self.noise) / share


@register("stochastic-proximal-gradient-decreasing")
@dataclass(frozen=True, kw_only=True)
class StochasticProximalGradientDecreasing(_Stochastic):
    """Steps lr / sqrt(t + 1), convex terms of f; weights proportional to lr_t (1 - 4 lr_t L_max).

    >>> g = StochasticProximalGradientDecreasing(smooth_max=1.0, noise=0.1, distance=1.0, gap=0.5)
    >>> round(g.bound(10_000), 4)
    0.0245
    """

    statement = (
        "E F(xbar_k) - F* <= (D^2 + 2 lr (F(x_0) - F*) + 4 sigma^2 S_2) / (2 (S_1 - 4 L_max S_2)),"
        " S_p = sum_{t < k} lr_t^p, lr_t = lr / sqrt(t + 1), for 0 < lr < 1/(4 L_max)."
    )
    proof = "as for constant steps, the t-th inequality weighted by lr_t."
    source = f"{HANDBOOK}, stochastic proximal gradient descent, convex, non-increasing steps; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.5, "power": -0.5, "bend": 4 * self.step_size * self.smooth_max}

    def formula(self, k: Array) -> Array:
        at = np.maximum(k, 1)
        squares = self.step_size**2 * harmonic_sum(at)
        weights = np.maximum(self.step_size * inverse_sqrt_sum(at) - 4 * self.smooth_max * squares, 0.0)
        start = self.distance**2 + 2 * self.step_size * self.gap
        return np.where(k == 0, np.inf, (start + 4 * self.noise * squares) / (2 * weights))


@register("stochastic-proximal-gradient-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class StochasticProximalGradientStronglyConvex(SGDStronglyConvex):
    """Constant steps, f strongly convex, its terms convex; the last point. sigma^2 is the variance at argmin F.

    >>> g = StochasticProximalGradientStronglyConvex(smooth_max=1.0, strongly_convex=1.0, noise=1.0)
    >>> g.for_accuracy(0.1).step_size
    0.025
    """

    method = "stochastic-proximal-gradient"
    proof = "x* is a fixed point of the exact step and proximal maps do not expand, so the proof of SGD carries over."
    source = f"{HANDBOOK}, stochastic proximal gradient descent, strongly convex; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "decay": 0.0}
