"""Coin betting in its plain form, the one that has a theorem: Krichevsky and Trofimov's bettor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.sampling.direction import Score, asked, declined, prepared

__all__ = ["CoinBetting"]


@register("coin-betting")
@dataclass(frozen=True)
class CoinBetting(Method):
    """Each particle bets on its normalised direction c_t = direction / lipschitz, |c_t| <= 1, with the wealth w.

        x_t = x_0 + (sum_{s < t} c_s / t) (w + sum_{s < t} <c_s, x_s - x_0>),    t = 1, 2, ...

    After t steps the answer is the mean of x_1, ..., x_t, of which the theorem speaks (`theory.CoinBettingRegret`).
    With `Score` each particle minimises f = -log pi, which should be convex with slopes of at most `lipschitz`: this is
    not checked.

    Raises:
        ValueError: `lipschitz` or `wealth` is not a finite number above 0.

    Source: Sharrock and Nemeth 2023 (arXiv 2301.11294), equations 15 to 18 (recalled); Orabona and Pal 2016
    (arXiv 1602.04128), Algorithm 1.

    >>> CoinBetting(wealth=1.0).lipschitz
    1.0
    """

    direction: Any = field(default_factory=Score)
    lipschitz: float = 1.0
    wealth: float = 1.0

    family = "sampling"

    def __post_init__(self) -> None:
        if not 0 < self.lipschitz < math.inf or not 0 < self.wealth < math.inf:
            told = f"lipschitz = {self.lipschitz} and wealth = {self.wealth}"
            raise ValueError(f"{told} must be finite numbers above 0, such as 1")

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return asked(self.direction)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declined(self.direction, problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        empty = {"sum": torch.zeros_like(x), "won": torch.zeros_like(x[..., :1])}
        count = torch.zeros((), dtype=torch.float64)
        return {"x": x, "point": x, "start": x, **empty, "count": count, "prepared": prepared(self.direction, oracle)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        point, start, t = state["point"], state["start"], state["count"] + 1
        c = self.direction(point, oracle, **state["prepared"]) / self.lipschitz
        heads = state["sum"] + c
        won = self.reward(state["won"], (c * (point - start)).sum(-1, keepdim=True))
        mean = state["x"] + (point - state["x"]) / t
        point = start + heads / (t + 1) * (self.wealth + won)
        return {**state, "x": mean, "point": point, "sum": heads, "won": won, "count": t}, {}

    def reward(self, won: Tensor, new: Tensor) -> Tensor:
        """Return what has been won so far; a debt where it is negative."""
        return won + new
