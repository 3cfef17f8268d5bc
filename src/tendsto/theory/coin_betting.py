"""The regret of coin betting: convergence without a step size, at the price of a logarithm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import Guarantee
from tendsto.core.registry import register
from tendsto.core.trace import Array


@register("coin-betting-regret")
@dataclass(frozen=True, kw_only=True)
class CoinBettingRegret(Guarantee):
    """f convex and G-Lipschitz, no step size: the mean of the points of coin betting.

    wealth: w; None for the distance D, the best choice. Another one costs a logarithm.

    >>> theorem = CoinBettingRegret(lipschitz=1.0, distance=1.0)
    >>> round(theorem.bound(10_000), 3)
    0.047
    """

    lipschitz: float
    distance: float
    wealth: float | None = None

    method = "coin-betting"
    assumes = ("lipschitz", "convex")
    point = "average"
    statement = "f(mean x_t) - f* <= (G / k) [w + D sqrt(k log(1 + 24 k^2 D^2 / w^2))]."
    proof = (
        "the wealth of the bettor is at least a function of |sum c_t| whatever the coins are; the convex dual of that"
        " function bounds the regret against every point, and convexity carries it to the mean."
    )
    source = (
        "Orabona and Pal, Coin Betting and Parameter-Free Online Learning (NeurIPS 2016, arXiv 1602.04128), Corollary"
        " 5; Sharrock and Nemeth 2023 (arXiv 2301.11294), Theorem 3.3; the form recalled"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wealth is not None and not 0 < self.wealth < math.inf:
            raise ValueError(f"wealth = {self.wealth} is none to bet with: use a finite number above 0, or None")

    def settings(self) -> dict[str, Any]:
        return {"lipschitz": self.lipschitz, "wealth": self.wealth or self.distance}

    def formula(self, k: Array) -> Array:
        d, w = self.distance, self.wealth or self.distance
        return np.where(k > 0, self.lipschitz / k * (w + d * np.sqrt(k * np.log1p(24 * (k * d / w) ** 2))), np.inf)
