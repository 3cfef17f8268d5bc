"""Theorems on gradient descent, x_{k+1} = x_k - lr grad f(x_k)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tendsto.core.guarantee import SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


def contraction(step_size: float, strongly_convex: float, smooth: float) -> float:
    """max((1 - lr mu)^2, (1 - lr L)^2): what one gradient step leaves, at worst, of ||x - x*||^2."""
    return max((1 - step_size * strongly_convex) ** 2, (1 - step_size * smooth) ** 2)


@register("gd-convex")
@dataclass(frozen=True, kw_only=True)
class GDConvex(SteppedGuarantee):
    """The exact worst case of gradient descent on convex L-smooth functions.

    >>> GDConvex(smooth=10.0).iterations(1e-3)
    2500
    """

    smooth: float
    distance: float | None = None

    method = "gd"
    assumes = ("smooth", "convex")
    scale = "distance"
    tightness = "tight"
    statement = (
        "f(x_k) - f* <= (L/2) max(1 / (2 k L lr + 1), (1 - L lr)^(2k)) D^2 for 0 < lr <= 2/L;"
        " for lr <= 1/L that is L D^2 / (4 k L lr + 2)."
    )
    proof = (
        "the worst functions are a Huber function, on which steps are short, and L x^2 / 2, on which they overshoot;"
        " weights on the inequalities between consecutive points, found by performance estimation, show none is worse."
    )
    source = (
        "Drori and Teboulle, Performance of first-order methods (2014), Theorem 3.1, for lr <= 1/L; conjectured there"
        " for longer steps, and proved by Kim, A proof of the exact convergence rate of gradient descent (2024);"
        " recalled, and compared with the solved worst case"
    )

    def step_limit(self) -> tuple[float, str]:
        return 2 / self.smooth, "2/L"

    def step_advised(self) -> float:
        return 1 / self.smooth

    def formula(self, k: Array) -> Array:
        relative = self.smooth * self.step_size
        worst = np.maximum(1 / (2 * k * relative + 1), (1 - relative) ** (2 * k))
        return self.smooth / 2 * worst * unit(self.distance) ** 2


@dataclass(frozen=True, kw_only=True)
class _StronglyConvex(SteppedGuarantee):
    smooth: float
    strongly_convex: float

    method = "gd"
    assumes = ("smooth", "strongly_convex")
    tightness = "tight"

    def step_limit(self) -> tuple[float, str]:
        return 2 / self.smooth, "2/L"

    def step_advised(self) -> float:
        return 2 / (self.smooth + self.strongly_convex)

    def factor(self, k: Array) -> Array:
        return contraction(self.step_size, self.strongly_convex, self.smooth) ** k


@register("gd-strongly-convex")
@dataclass(frozen=True, kw_only=True)
class GDStronglyConvex(_StronglyConvex):
    """The exact worst case of gradient descent in function values, on mu-strongly convex L-smooth functions.

    >>> GDStronglyConvex(smooth=10.0, strongly_convex=0.1).iterations(1e-3)
    173
    """

    gap: float | None = None

    scale = "gap"
    statement = "f(x_k) - f* <= max((1 - lr mu)^2, (1 - lr L)^2)^k (f(x_0) - f*) for 0 < lr <= 2/L."
    proof = "attained on mu x^2 / 2 or L x^2 / 2; that no function is worse comes from performance estimation."
    source = (
        "Taylor, Hendrickx, Glineur, Exact worst-case convergence rates of the proximal gradient method (2018),"
        " Theorem 3.3; recalled, and compared with the solved worst case"
    )

    def formula(self, k: Array) -> Array:
        return self.factor(k) * unit(self.gap)


@register("gd-strongly-convex-distance")
@dataclass(frozen=True, kw_only=True)
class GDStronglyConvexDistance(_StronglyConvex):
    """The exact worst case of gradient descent in distance, on mu-strongly convex L-smooth functions.

    >>> GDStronglyConvexDistance(smooth=10.0, strongly_convex=1.0, step_size=0.1).bound(1)
    0.81
    """

    distance: float | None = None

    measure = "||x - x*||^2"
    scale = "distance"
    statement = "||x_k - x*||^2 <= max((1 - lr mu)^2, (1 - lr L)^2)^k D^2 for 0 < lr <= 2/L."
    proof = (
        "x - lr grad f(x) contracts: its derivative, I - lr H, has eigenvalues between 1 - lr L and 1 - lr mu;"
        " attained on mu x^2 / 2 or L x^2 / 2."
    )
    source = (
        "Polyak, Introduction to Optimization (1987), section 1.4; recalled, and compared with the solved worst case"
    )

    def formula(self, k: Array) -> Array:
        return self.factor(k) * unit(self.distance) ** 2


@register("gd-polyak-lojasiewicz")
@dataclass(frozen=True, kw_only=True)
class GDPolyakLojasiewicz(SteppedGuarantee):
    """Linear convergence where ||grad f||^2 >= 2 mu (f - f*), convex or not.

    >>> GDPolyakLojasiewicz(smooth=10.0, polyak_lojasiewicz=1.0, gap=2.0).bound(1)
    1.8
    """

    smooth: float
    polyak_lojasiewicz: float
    gap: float | None = None

    method = "gd"
    assumes = ("smooth", "polyak_lojasiewicz")
    scale = "gap"
    statement = "f(x_k) - f* <= (1 - lr mu)^k (f(x_0) - f*) for 0 < lr <= 1/L, where ||grad f||^2 >= 2 mu (f - f*)."
    proof = "a step lowers f by lr (1 - lr L / 2) ||grad f||^2 >= (lr / 2) ||grad f||^2 >= lr mu (f - f*)."
    source = "Garrigos and Gower, Handbook of Convergence Theorems (2023), gradient descent under PL; derived again"

    def step_limit(self) -> tuple[float, str]:
        return 1 / self.smooth, "1/L"

    def formula(self, k: Array) -> Array:
        return (1 - self.step_size * self.polyak_lojasiewicz) ** k * unit(self.gap)


@dataclass(frozen=True, kw_only=True)
class _Nonconvex(SteppedGuarantee):
    smooth: float
    gap: float | None = None

    method = "gd"
    assumes = ("smooth",)
    measure = "||grad f||^2"
    scale = "gap"
    point = "best"


@register("gd-smooth")
@dataclass(frozen=True, kw_only=True)
class GDSmooth(_Nonconvex):
    """The textbook bound on the smallest gradient, convex or not.

    >>> GDSmooth(smooth=10.0, gap=1.0).bound(99)
    0.2
    """

    statement = "min_{t <= k} ||grad f(x_t)||^2 <= 2 (f(x_0) - inf f) / (lr (k + 1)) for 0 < lr <= 1/L."
    proof = "each of k + 1 steps lowers f by (lr / 2) ||grad f(x_t)||^2 at least, and f is bounded below."
    source = "Nesterov, Lectures on Convex Optimization (2018), section 1.2.3; derived again"

    def step_limit(self) -> tuple[float, str]:
        return 1 / self.smooth, "1/L"

    def formula(self, k: Array) -> Array:
        return 2 * unit(self.gap) / (self.step_size * (k + 1))


@register("gd-smooth-exact")
@dataclass(frozen=True, kw_only=True)
class GDSmoothExact(_Nonconvex):
    """The exact worst case of the smallest gradient, convex or not.

    >>> GDSmoothExact(smooth=10.0, gap=1.0, step_size=0.1).bound(66)
    0.2
    """

    tightness = "tight"
    statement = (
        "min_{t <= k} ||grad f(x_t)||^2 <= 4 L (f(x_0) - inf f) / (k h min(4 - h, 4 - h^2) + 2), h = lr L,"
        " for 0 < h <= sqrt(3); for lr = 1/L that is 4 L (f(x_0) - inf f) / (3 k + 2)."
    )
    proof = (
        "a step between two gradients of size g or more lowers f by h min(4 - h, 4 - h^2) g^2 / (4 L) at least, which"
        " is the bound (4/3) (L/k) (f(x_0) - f(x_k)) for h = 1; and f(x_k) - inf f >= ||grad f(x_k)||^2 / (2 L)."
    )
    source = (
        "Abbaszadehpeivasti, de Klerk, Zamani, The exact worst-case convergence rate of the gradient method with fixed"
        " step lengths for L-smooth functions (2021), Theorem 2; recalled, and compared with the solved worst case"
    )

    def step_limit(self) -> tuple[float, str]:
        return 3**0.5 / self.smooth, "sqrt(3)/L"

    def step_advised(self) -> float:
        # The maximum of h min(4 - h, 4 - h^2).
        return (4 / 3) ** 0.5 / self.smooth

    def formula(self, k: Array) -> Array:
        h = self.smooth * self.step_size
        return 4 * self.smooth * unit(self.gap) / (k * h * min(4 - h, 4 - h * h) + 2)
