"""The proximal gradient method, with exact or sampled gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import tree_map
from tendsto.optim.averaged import Averaged
from tendsto.optim.gradient_descent import check_step, declines_sampling


@register("stochastic-proximal-gradient")
@dataclass(frozen=True)
class StochasticProximalGradient(Method):
    """x_{t+1} = prox_{lr_t r}(x_t - lr_t g_t) for F = f + r, g_t a gradient of f, lr_t = lr / (t + 1)^decay.

    prox_{lr r}(v) = argmin_y r(y) + ||y - v||^2 / (2 lr) is the problem's `prox`.

    Raises:
        ValueError: `lr` is not above 0, or `decay` not in [0, 1].

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2023), (stochastic) proximal gradient descent;
    recalled.

    >>> StochasticProximalGradient(lr=0.1).decay
    0.0
    """

    lr: float = 0.1
    decay: float = 0.0

    asks = ("gradient", "prox")

    def __post_init__(self) -> None:
        check_step(self.lr)
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay = {self.decay} is out of range: use a number in [0, 1], such as 0.5")

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_prox_of_value(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        size = self.lr / (state["count"] + 1) ** self.decay
        gradient = oracle.gradient(state["x"])
        x = oracle.prox(tree_map(lambda _, x, g: x - size * g, state["x"], gradient), size)
        return {"x": x, "count": state["count"] + 1}, {}


@register("proximal-gradient")
@dataclass(frozen=True)
class ProximalGradient(Method):
    """x <- prox_{lr r}(x - lr grad f(x)) for F = f + r, on problems whose gradient is exact.

    Raises:
        ValueError: `lr` is not above 0.

    >>> ProximalGradient(lr=0.5).lr
    0.5
    """

    lr: float = 0.1

    asks = ("gradient", "prox")

    def __post_init__(self) -> None:
        check_step(self.lr)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem) or declines_prox_of_value(problem)

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        gradient = oracle.gradient(state["x"])
        return {"x": oracle.prox(tree_map(lambda _, x, g: x - self.lr * g, state["x"], gradient), self.lr)}, {}


@register("averaged-stochastic-proximal-gradient")
def averaged_stochastic_proximal_gradient() -> Averaged:
    """The stochastic proximal gradient method, answering with an average of the points visited."""
    return Averaged(StochasticProximalGradient())


def declines_prox_of_value(problem: Problem) -> str | None:
    """Return why a method for f + r does not fit a problem without r, or None where it does."""
    if problem.regulariser(problem.init(Random(0, backend=problem.backend))) is not None:
        return None
    return "it has no regulariser, so its prox belongs to the loss: use sgd or gd"
