"""Averaging: answer with a weighted mean of the points visited, as theorems on convex functions do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.core.tree import tree_map
from tendsto.optim.gradient_descent import check_step


@dataclass(frozen=True)
class DecreasingSGD(Rule):
    """x_{t+1} = x_t - lr_t g_t, lr_t = lr / (t + 1)^decay, t = 0, 1, ...

    Raises:
        ValueError: `lr` is not above 0, or `decay` not in [0, 1].

    >>> DecreasingSGD(lr=0.1, decay=0.5).decay
    0.5
    """

    lr: float = 0.1
    decay: float = 0.0

    def __post_init__(self) -> None:
        check_step(self.lr)
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay = {self.decay} is out of range: use a number in [0, 1], such as 0.5")

    def scalars(self, step: Any) -> Scalars:
        return {"size": self.lr * step**-self.decay}

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        return scalars["size"] * gradient, slots


@dataclass(frozen=True)
class Averaged(Method):
    """`base`, answering after k steps with the average of its answers x_0, ..., x_{k-1}; x_k is not in it.

    x_t has the weight w (1 - bend w), w = (t + 1)^power: power 0 for the plain mean, -decay for weights proportional to
    decreasing steps, and with bend = c lr for weights lr_t (1 - c lr_t).

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2023), SGD on convex functions.

    >>> Averaged(DecreasingSGD(lr=0.1, decay=0.5), power=-0.5).power
    -0.5
    """

    base: Method = field(default_factory=DecreasingSGD)
    power: float = 0.0
    bend: float = 0.0

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.asks

    @property
    def lanes(self) -> str | None:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.lanes

    def declines(self, problem: Problem) -> str | None:
        return self.base.declines(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        base = self.base.init(oracle, rng)
        zero = torch.zeros((), dtype=torch.float64)
        return {"x": base["x"], "base": base, "count": zero, "weight": zero}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        count = state["count"] + 1
        added = count**self.power * (1 - self.bend * count**self.power)
        weight = state["weight"] + added
        x = tree_map(lambda _, mean, new: mean + added / weight * (new - mean), state["x"], state["base"]["x"])
        base, info = self.base.step(state["base"], oracle, rng)
        return {"x": x, "base": base, "count": count, "weight": weight}, info


@register("averaged-sgd")
def averaged_sgd() -> Averaged:
    """SGD with steps lr / (t + 1)^decay, averaged."""
    return Averaged()
