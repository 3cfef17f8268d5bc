"""Theorems on descent in a diagonal metric from the Hessian: AdaHessian without momentum, OASIS with a fixed step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import RECOMMENDED, Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


def refuse(name: str, value: float, largest: float, formula: str) -> None:
    """Raise ValueError unless 0 < value <= largest, one unit in the last place forgiven."""
    if not 0 < value <= largest * (1 + 1e-12):
        problem = f"exceeds {formula} = {largest:g}" if value > 0 else "is not above 0"
        raise ValueError(f"{name} = {value:g} {problem}: use a number in (0, {largest:g}]")


@register("adahessian-exact")
@dataclass(frozen=True, kw_only=True)
class AdaHessianExact(Guarantee):
    """AdaHessian with the exact diagonal (or its block means) and no averages, on mu-strongly convex functions.

    The step lowers f by (lr / (2 L^k)) ||grad f||^2 at least, see `decrease`. lr = None is mu^k / L.

    >>> theorem = AdaHessianExact(smooth=10.0, strongly_convex=5.0)
    >>> theorem.lr, theorem.bound(1)
    (0.5, 0.75)
    """

    smooth: float
    strongly_convex: float
    gap: float | None = None
    hessian_power: float = 1.0
    lr: float = RECOMMENDED

    method = "adahessian"
    assumes = ("smooth", "strongly_convex")
    scale = "gap"
    statement = (
        "f(x_t) - f* <= (1 - lr mu / L^k)^t (f(x_0) - f*) for 0 < lr <= mu^k / L, k the Hessian power, D exact and no"
        " averages; for the largest step that is (1 - (mu/L)^(1+k))^t."
    )
    proof = (
        "mu <= D_ii <= L, also for block means; with p = g / D^k the descent lemma gives f(x - lr p) <= f - lr g.p +"
        " (L/2) lr^2 |p|^2, and |p|^2 <= g.p / mu^k, so f falls by (lr/2) g.p >= (lr / (2 L^k)) |g|^2 >= (lr mu / L^k)"
        " (f - f*)."
    )
    source = "Yao et al., ADAHESSIAN (2020), arXiv 2006.00719, its convergence theorem; recalled, derived again"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.hessian_power <= 1:
            raise ValueError(f"hessian_power = {self.hessian_power} is out of range: use a number in [0, 1]")
        largest = self.strongly_convex**self.hessian_power / self.smooth
        if self.lr is RECOMMENDED:
            object.__setattr__(self, "lr", largest)
        refuse("lr", self.lr, largest, "mu^k / L")

    def settings(self) -> dict[str, Any]:
        still = {"betas": (0.0, 0.0), "eps": 0.0, "weight_decay": 0.0, "diagonal": "exact"}
        return {"lr": self.lr, "hessian_power": self.hessian_power, **still}

    def decrease(self, squared_gradient: Array) -> Array:
        """Return the least by which one step lowers f where the gradient has this squared norm."""
        return self.lr / (2 * self.smooth**self.hessian_power) * squared_gradient

    def formula(self, k: Array) -> Array:
        return (1 - self.lr * self.strongly_convex / self.smooth**self.hessian_power) ** k * unit(self.gap)


@dataclass(frozen=True, kw_only=True)
class _OASISFixed(Guarantee):
    smooth: float
    gap: float | None = None
    floor: float = 0.1
    dimension: int | None = None
    lr: float = RECOMMENDED

    method = "oasis"
    scale = "gap"
    source = (
        "Jahani et al., OASIS (2021), arXiv 2109.05198, fixed step: the shape recalled, this form derived; constants"
        " there may differ"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse("floor", self.floor, 1.0, "1")
        if self.dimension is not None and self.dimension < 1:
            raise ValueError(f"dimension = {self.dimension} is empty: use a whole number of at least 1, or None")
        if self.lr is RECOMMENDED:
            object.__setattr__(self, "lr", self.floor)
        refuse("lr", self.lr, self.floor, "alpha / L")

    def largest_scale(self) -> float:
        """The largest entry that the metric can have: L for exact diagonals, sqrt(d) L for any draws."""
        return self.smooth * (1.0 if self.dimension is None else math.sqrt(self.dimension))

    def settings(self) -> dict[str, Any]:
        kind = "exact" if self.dimension is None else "hutchinson"
        return {"lr": self.lr, "alpha": self.floor * self.smooth, "diagonal": kind, "momentum": 0.0}

    def decrease(self, squared_gradient: Array) -> Array:
        """Return the least by which one step lowers f where the gradient has this squared norm."""
        return self.lr / (2 * self.largest_scale()) * squared_gradient


_WHY = (
    "alpha <= S_ii <= Gamma, as |z_i (Hz)_i| <= |H| |z|; with p = g / S the descent lemma gives f(x - lr p) <= f - lr"
    " g.p + (L/2) lr^2 |p|^2, and |p|^2 <= g.p / alpha, so f falls by (lr/2) g.p >= (lr / (2 Gamma)) |g|^2"
)


@register("oasis-fixed-polyak-lojasiewicz")
@dataclass(frozen=True, kw_only=True)
class OASISFixedPolyakLojasiewicz(_OASISFixed):
    """OASIS with a fixed step where ||grad f||^2 >= 2 mu (f - f*), whatever is drawn. alpha = floor L, lr <= floor.

    dimension: d, where the diagonal is estimated; None where it is exact.

    >>> OASISFixedPolyakLojasiewicz(smooth=1.0, polyak_lojasiewicz=0.5, floor=0.4).bound(1)
    0.8
    """

    polyak_lojasiewicz: float

    assumes = ("smooth", "polyak_lojasiewicz")
    statement = (
        "f(x_k) - f* <= (1 - lr mu / Gamma)^k (f(x_0) - f*) for 0 < lr <= alpha / L, Gamma = L where the diagonal is"
        " exact and sqrt(d) L for any estimate of Hutchinson's."
    )
    proof = f"{_WHY} >= (lr mu / Gamma) (f - f*)."

    def formula(self, k: Array) -> Array:
        return (1 - self.lr * self.polyak_lojasiewicz / self.largest_scale()) ** k * unit(self.gap)


@register("oasis-fixed-smooth")
@dataclass(frozen=True, kw_only=True)
class OASISFixedSmooth(_OASISFixed):
    """The smallest gradient of OASIS with a fixed step, convex or not, whatever is drawn. alpha = floor L, lr <= floor.

    dimension: d, where the diagonal is estimated; None where it is exact.

    >>> OASISFixedSmooth(smooth=10.0, floor=1.0, gap=1.0).bound(99)
    0.2
    """

    assumes = ("smooth",)
    measure = "||grad f||^2"
    point = "best"
    statement = (
        "min_{t <= k} ||grad f(x_t)||^2 <= 2 Gamma (f(x_0) - inf f) / (lr (k + 1)) for 0 < lr <= alpha / L, Gamma = L"
        " where the diagonal is exact and sqrt(d) L for any estimate of Hutchinson's."
    )
    proof = f"{_WHY}; sum over k + 1 steps."

    def formula(self, k: Array) -> Array:
        return 2 * self.largest_scale() * unit(self.gap) / (self.lr * (k + 1))
