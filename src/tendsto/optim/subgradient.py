"""The projected stochastic subgradient method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import tree_map
from tendsto.optim.averaged import Averaged
from tendsto.optim.gradient_descent import check_step


@register("projected-subgradient")
@dataclass(frozen=True)
class ProjectedSubgradient(Method):
    """x_{t+1} = P(x_t - lr_t g_t), g_t a sampled subgradient, lr_t = lr / (t + 1 + shift)^decay, t = 0, 1, ...

    P is the problem's `project`. Steps R / (G sqrt(t + 1)) are decay = 1/2; the steps 2 / (mu (t + 1)), t = 1, 2, ...,
    for strongly convex functions are lr = 2/mu, decay = 1, shift = 1.

    Raises:
        ValueError: `lr` is not above 0, `decay` not in [0, 1], or `shift` negative.

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2023), stochastic subgradient descent; recalled.

    >>> ProjectedSubgradient(lr=0.1).decay
    0.5
    """

    lr: float = 0.1
    decay: float = 0.5
    shift: int = 0

    asks = ("gradient", "project")

    def __post_init__(self) -> None:
        check_step(self.lr)
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay = {self.decay} is out of range: use a number in [0, 1], such as 0.5")
        if self.shift < 0:
            raise ValueError(f"shift = {self.shift} is out of range: use a whole number of at least 0")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        size = self.lr / (state["count"] + 1 + self.shift) ** self.decay
        gradient = oracle.gradient(state["x"])
        x = oracle.project(tree_map(lambda _, x, g: x - size * g, state["x"], gradient))
        return {"x": x, "count": state["count"] + 1}, {}


@register("averaged-projected-subgradient")
def averaged_projected_subgradient() -> Averaged:
    """The projected stochastic subgradient method, answering with an average of the points visited."""
    return Averaged(ProjectedSubgradient())
