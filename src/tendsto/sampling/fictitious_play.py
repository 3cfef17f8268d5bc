"""Entropic fictitious play with exact integrals: mix the measure with its proximal Gibbs measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register

__all__ = ["EntropicFictitiousPlay"]

RULES = ("constant", "open-loop")


def check_mixing(rule: str, lr: float, tolerance: float) -> None:
    """Raise ValueError for a rule that is unknown, a share outside (0, 1], or a tolerance below 0."""
    if rule not in RULES:
        raise ValueError(f"rule = {rule!r} is unknown: use 'constant' or 'open-loop'")
    if not 0 < lr <= 1:
        raise ValueError(f"lr = {lr} mixes no two measures: use a number above 0 and at most 1")
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance = {tolerance} stops nothing: use a finite number of at least 0")


def mixing(rule: str, lr: Any, count: torch.Tensor) -> torch.Tensor:
    """Return gamma_s, s = `count`."""
    return 0 * count + lr if rule == "constant" else (0.5 * count + 1).reciprocal()


@register("fictitious-play")
@dataclass(frozen=True)
class EntropicFictitiousPlay(Method):
    """mu^{s+1} = (1 - gamma_s) mu^s + gamma_s hat_mu^s, a mixture of measures; s = 0, 1, ...

    hat_mu is the proximal Gibbs measure (see `EntropicFunctional`). rule: "constant", gamma_s = lr; "open-loop",
    gamma_s = 2/(s+2). Where the duality gap is at most `tolerance` mu stays: it is then within that of the minimum.

    Info: "duality gap" before the step. State: "count", s, 0-d float64.

    Raises:
        ValueError: an unknown rule, lr outside (0, 1], a negative tolerance.

    Source: Nitanda, Oko, Wu, Takenouchi, Suzuki (2023, arXiv 2303.02957); the flow is of Chen, Ren, Wang (arXiv
    2202.05841), of which this is the Euler scheme; recalled.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.sampling import NodeMeasure
    >>> trace = iterate(EntropicFictitiousPlay(lr=0.02, tolerance=1e-3), NodeMeasure(), steps=200)
    >>> bool(0 < trace.gap()[0, -1] <= trace["duality gap"][0, -1] <= 1e-3)
    True
    """

    rule: str = "constant"
    lr: float = 0.1
    tolerance: float = 0.0

    family = "sampling"
    asks = ("gibbs", "duality_gap")

    def __post_init__(self) -> None:
        check_mixing(self.rule, self.lr, self.tolerance)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        mu, count = state["x"], state["count"]
        gap = oracle.duality_gap(mu)
        gamma = mixing(self.rule, self.lr, count)
        mixed = (1 - gamma) * mu + gamma * oracle.gibbs(mu)
        return {"x": torch.where(gap > self.tolerance, mixed, mu), "count": count + 1}, {"duality gap": gap}
