"""Theorems on entropic fictitious play: Frank-Wolfe steps on a convex functional plus an entropy."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from tendsto.core.guarantee import Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


@dataclass(frozen=True, kw_only=True)
class _Mixing(Guarantee):
    smooth: float
    diameter: float

    method = "fictitious-play"
    assumes = ("smooth", "convex", "diameter")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.diameter) and self.diameter > 0):
            raise ValueError(f"diameter = {self.diameter} is not possible: use a finite number above 0")

    @property
    def curvature(self) -> float:
        """C = b (2R)^2 / 2."""
        return self.smooth * self.diameter**2 / 2


@register("fictitious-play-constant")
@dataclass(frozen=True, kw_only=True)
class FictitiousPlayConstant(_Mixing):
    """Losses convex and b-smooth (`smooth`), neurons within 2R (`diameter`), a constant share gamma = `lr`.

    gap: L(mu_0) - min L; without it the bound is relative to 1.

    Raises:
        ValueError: a constant that is none, or lr outside (0, 1].

    >>> theorem = FictitiousPlayConstant(smooth=1.0, diameter=4.0, gap=1.0, lr=0.1)
    >>> theorem.curvature, round(theorem.bound(10), 3), round(theorem.bound(10**4), 3)
    (8.0, 0.87, 0.8)
    """

    gap: float | None = None
    lr: float = 0.1

    scale: ClassVar[Literal["distance", "gap", ""]] = "gap"
    statement = (
        "L(mu_k) - L* <= (1 - gamma)^k (L(mu_0) - L*) + C gamma (1 - (1 - gamma)^k), C = b (2R)^2 / 2; where that rises"
        " with k, its limit C gamma."
    )
    proof = (
        "L(mu_{s+1}) - L* <= (1 - gamma) (L(mu_s) - L*) + C gamma^2: hat_mu minimises the linear part plus the entropy,"
        " so convexity of the entropy gives gamma times the duality gap, and b-smoothness of the losses C gamma^2."
    )
    source = (
        "Nitanda, Oko, Wu, Takenouchi, Suzuki (2023, arXiv 2303.02957) in discrete time; the constant is derived, not"
        " read there"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.lr <= 1:
            raise ValueError(f"lr = {self.lr} mixes no two measures: use a number above 0 and at most 1")

    def settings(self) -> dict[str, Any]:
        return {"rule": "constant", "lr": self.lr}

    def for_accuracy(self, eps: float) -> FictitiousPlayConstant:
        """The share at which the floor C gamma is half of `eps`."""
        return dataclasses.replace(self, lr=min(1.0, eps / (2 * self.curvature)))

    def formula(self, k: Array) -> Array:
        floor = self.curvature * self.lr
        # Written so that it is exact where (1 - gamma)^k underflows.
        return floor + np.maximum(unit(self.gap) - floor, 0) * np.exp(k * np.log1p(-min(self.lr, 1 - 1e-16)))


@register("fictitious-play-decreasing")
@dataclass(frozen=True, kw_only=True)
class FictitiousPlayDecreasing(_Mixing):
    """The same with shares 2/(s+2), from any start.

    >>> FictitiousPlayDecreasing(smooth=1.0, diameter=4.0).bound(30)
    1.0
    """

    statement = "L(mu_k) - L* <= 4 C / (k + 2) for k >= 1, with shares 2/(s + 2) and C = b (2R)^2 / 2."
    proof = "L(mu_{s+1}) - L* <= (1 - gamma_s) (L(mu_s) - L*) + C gamma_s^2, as for a constant share; induction."
    source = (
        "Nitanda, Oko, Wu, Takenouchi, Suzuki (2023, arXiv 2303.02957) with the induction of Jaggi, Revisiting"
        " Frank-Wolfe (2013); derived, not read there"
    )

    def settings(self) -> dict[str, Any]:
        return {"rule": "open-loop"}

    def formula(self, k: Array) -> Array:
        return np.where(k == 0, np.inf, 4 * self.curvature / (k + 2))
