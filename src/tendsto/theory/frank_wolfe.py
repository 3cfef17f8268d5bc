"""Theorems on Frank-Wolfe with steps 2/(t+2): on smooth functions, and on generalised self-concordant ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import Guarantee
from tendsto.core.registry import register
from tendsto.core.trace import Array


@dataclass(frozen=True, kw_only=True)
class _OnASet(Guarantee):
    smooth: float
    diameter: float

    method = "frank-wolfe"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("diameter", "self_concordance"):
            value = getattr(self, name, 1.0)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} = {value} is not possible: use a finite number above 0")


@register("frank-wolfe-smooth")
@dataclass(frozen=True, kw_only=True)
class FrankWolfeSmooth(_OnASet):
    """f convex and L-smooth on a compact convex set of diameter D_X; the last point, from any start.

    >>> FrankWolfeSmooth(smooth=10.0, diameter=2.0).bound(78)
    1.0
    """

    assumes = ("smooth", "convex", "diameter")
    statement = "f(x_k) - f* <= 2 L D_X^2 / (k + 2) for k >= 1, with steps 2/(t + 2)."
    proof = (
        "f(x_{t+1}) - f* <= (1 - size) (f(x_t) - f*) + size^2 L D_X^2 / 2, as the gap bounds f(x_t) - f*; induction."
    )
    source = (
        "Jaggi, Revisiting Frank-Wolfe (2013), Theorem 1 with its curvature constant at most L D_X^2; recalled, derived"
        " again"
    )

    def settings(self) -> dict[str, Any]:
        return {"rule": "open-loop"}

    def formula(self, k: Array) -> Array:
        return np.where(k == 0, np.inf, 2 * self.smooth * self.diameter**2 / (k + 2))


@register("frank-wolfe-self-concordant")
@dataclass(frozen=True, kw_only=True)
class FrankWolfeSelfConcordant(_OnASet):
    """f convex and (M, nu)-generalised self-concordant, nu = 2 or >= 8/3; the last point, no step where f would rise.

    smooth: L, the largest Hessian eigenvalue on the part of the set with f(x) <= f(x_0), or more; it may be infinite
    elsewhere. gap: f(x_0) - f*. It is stated for the rule "skip" alone: persistent halving shortens its steps. The
    paper has all nu >= 2; between 2 and 8/3 omega_nu(1/2) exceeds 1, and this proof with this T does not reach.

    Raises:
        ValueError: nu below 2 or between 2 and 8/3, or a constant that is none.

    >>> theorem = FrankWolfeSelfConcordant(
    ...     smooth=1.0, diameter=2.0, gap=0.5, self_concordance=3.0, self_concordance_order=2.0
    ... )
    >>> theorem.burn_in, theorem.bound(22), theorem.bound(919)
    (22, 0.5, 0.4)
    """

    gap: float
    self_concordance: float
    self_concordance_order: float

    assumes = ("smooth", "convex", "diameter", "gap", "self_concordance", "self_concordance_order")
    statement = (
        "f(x_k) - f* <= 4 (T + 1) / (k + 1) max(f(x_0) - f*, L D_X^2) for k >= T, and f(x_k) <= f(x_0) always;"
        " T = ceil(4 M D_X) - 2 for nu = 2, ceil(2 M D_X L^(nu/2 - 1) (nu - 2)) - 2 for nu > 2, at least 0."
    )
    proof = (
        "from T on, d_nu(x_t, x_t + size (v - x_t)) <= 1/2 where omega_nu <= 1, so the candidate is in dom f and at"
        " most (1 - size) (f(x_t) - f*) + size^2 L D_X^2 above f*; one that is skipped satisfies it too, f being"
        " smaller; induction."
    )
    source = (
        "Carderera, Besancon, Pokutta, Simple steps are all you need (2021, arXiv 2105.13913), monotone Frank-Wolfe;"
        " recalled, derived again; that f never rises is used to keep it below f(x_0) - f* after T"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        nu = self.self_concordance_order
        if not (nu == 2 or 8 / 3 <= nu < math.inf):
            raise ValueError(f"self_concordance_order = {nu} is not covered: nu is 2, or at least 8/3")

    @property
    def burn_in(self) -> int:
        """T, from which on no candidate can leave dom f."""
        nu, reach = self.self_concordance_order, self.self_concordance * self.diameter
        needed = 4 * reach if nu == 2 else 2 * reach * self.smooth ** (nu / 2 - 1) * (nu - 2)
        return max(0, math.ceil(needed) - 2)

    def settings(self) -> dict[str, Any]:
        return {"rule": "skip"}

    def formula(self, k: Array) -> Array:
        start = self.burn_in
        later = 4 * (start + 1) / (k + 1) * max(self.gap, self.smooth * self.diameter**2)
        return np.where(k < start, self.gap, np.minimum(self.gap, later))
