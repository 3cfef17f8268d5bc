"""DCA on a difference f - g of convex functions: what it falls by, and how far it moves, at its best step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array, Trace


@dataclass(frozen=True, kw_only=True)
class _DCA(Guarantee):
    rho: float = 0.1
    gap: float | None = None

    method = "submodular-dca"
    scale = "gap"
    point = "best"
    tightness = "tight"
    source = (
        "El Halabi, Orfanides, Hoheisel, Difference of Submodular Minimization via DC Programming (2023, arXiv"
        " 2305.11046), theorem on DCA, recalled and derived again; Pham Dinh and Le Thi (1997)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.rho < np.inf:
            raise ValueError(f"rho = {self.rho} makes nothing strongly convex: use a finite number above 0")

    def settings(self) -> dict[str, Any]:
        return {"rho": self.rho, "variant": "dca", "escape": False, "tolerance": 0.0}

    def measured(self, trace: Trace) -> Array:
        """Return the least so far of what is bounded at steps 1 to k; at 0 that of step 1.

        Raises:
            ValueError: not every step was recorded.
        """
        if (np.diff(trace.index) != 1).any() or trace.index[0] != 0:
            raise ValueError("every step is bounded, but not every one was recorded: use record = steps + 1")
        each = self.of_each_step(trace)
        return np.minimum.accumulate(np.concatenate([each[:, :1], each], axis=1), axis=1)

    def of_each_step(self, trace: Trace) -> Array:
        """Return the quantity at steps 1, 2, ..., shape (runs, points - 1)."""
        raise NotImplementedError


@register("dca-decrease")
@dataclass(frozen=True, kw_only=True)
class DCADecrease(_DCA):
    """h = f - g, f and g rho-strongly convex, h bounded below; the least decrease of the first k steps.

    >>> DCADecrease(gap=3.0).bound(6)
    0.5
    """

    assumes = ("gap",)
    measure = "decrease"
    statement = "min over j < k of h(x_j) - h(x_{j+1}) <= (h(x_0) - h*) / k."
    proof = "each step decreases h, as f - <y_j, .> is minimised and g lies above its linearisation; they add up."

    def of_each_step(self, trace: Trace) -> Array:
        return -np.diff(trace[trace.criterion], axis=1)

    def formula(self, k: Array) -> Array:
        return unit(self.gap) / k


@register("dca-movement")
@dataclass(frozen=True, kw_only=True)
class DCAMovement(_DCA):
    """h = f - g, f and g rho-strongly convex, h bounded below; the least ||x_{j+1} - x_j||^2 of the first k steps.

    >>> DCAMovement(gap=3.0, rho=2.0).bound(6)
    0.25
    """

    assumes = ("gap",)
    measure = "info.movement"
    statement = "min over j < k of ||x_{j+1} - x_j||^2 <= (h(x_0) - h*) / (rho k)."
    proof = "strong convexity of f and of g makes each decrease at least (rho/2 + rho/2) ||x_{j+1} - x_j||^2."

    def of_each_step(self, trace: Trace) -> Array:
        return trace[self.measure][:, 1:]

    def formula(self, k: Array) -> Array:
        return unit(self.gap) / (self.rho * k)
