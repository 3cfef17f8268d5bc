"""Theorems on composite functions whose smooth part need not be convex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


@register("proximal-gradient-smooth")
@dataclass(frozen=True, kw_only=True)
class ProximalGradientSmooth(Guarantee):
    """The smallest gradient mapping of proximal gradient steps 1/L, convex or not.

    G(x) = L (x - prox_{r/L}(x - grad f(x) / L)), which is 0 at stationary points and grad f where r = 0.

    >>> ProximalGradientSmooth(smooth=10.0, gap=1.0).bound(99)
    0.2
    """

    smooth: float
    gap: float | None = None

    method = "proximal-gradient"
    assumes = ("smooth",)
    measure = "||G||^2"
    scale = "gap"
    point = "best"
    statement = "min_{t <= k} ||G(x_t)||^2 <= 2 L (F(x_0) - inf F) / (k + 1) for lr = 1/L, f L-smooth, r convex."
    proof = "the descent lemma and the optimality of the step give F(x_{t+1}) <= F(x_t) - ||G(x_t)||^2 / (2 L); sum."
    source = "textbook, e.g. Beck, First-Order Methods in Optimization (2017), theorem 10.15; derived again"

    def settings(self) -> dict[str, Any]:
        return {"lr": 1 / self.smooth}

    def formula(self, k: Array) -> Array:
        return 2 * self.smooth * unit(self.gap) / (k + 1)


@register("nonconvex-accelerated-smooth")
@dataclass(frozen=True, kw_only=True)
class NonconvexAcceleratedSmooth(Guarantee):
    """The order of Ghadimi and Lan's accelerated method where curvature may be as low as -`concave`.

    >>> NonconvexAcceleratedSmooth(smooth=10.0, distance=1.0, concave=0.1).tightness
    'order-only'
    """

    smooth: float
    distance: float | None = None
    concave: float = 0.0

    method = "nonconvex-accelerated"
    assumes = ("smooth",)
    measure = "||G||^2"
    scale = "distance"
    point = "best"
    tightness = "order-only"
    statement = (
        "min_{t <= k} ||G||^2 = O(L^2 ||x_0 - x*||^2 / k^3 + L L_- ||x*||^2 / k) for lr = 0.99 / L, L_- the `concave`"
        " curvature of f = Psi; the first term alone where f is convex."
    )
    proof = "Ghadimi and Lan's potential; the steps make the bound least among all sequences of damping."
    source = "Ghadimi and Lan (2016), Corollary 1; Yang, Asgharian, Bhatnagar, arXiv 2009.10629; recalled"

    def settings(self) -> dict[str, Any]:
        return {"lr": 0.99 / self.smooth}

    def formula(self, k: Array) -> Array:
        square = unit(self.distance) ** 2
        return square * (self.smooth**2 / (k + 1) ** 3 + self.smooth * self.concave / (k + 1))
