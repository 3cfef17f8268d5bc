"""Momentum as iterate averaging: the form in which the last iterate of SGD with momentum has a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import tree_map
from tendsto.optim.gradient_descent import check_step


@register("averaging-momentum")
@dataclass(frozen=True)
class AveragingMomentum(Method):
    """z_{t+1} = z_t - lr g(x_t);  x_{t+1} = (l_{t+1} x_t + z_{t+1}) / (1 + l_{t+1}),  l_t = t/2,  z_0 = x_0.

    The same points as momentum SGD, m_t = b_t m_{t-1} + g(x_t), x_{t+1} = x_t - a_t m_t, with a_t = 2 lr / (t + 3) and
    b_t = t / (t + 2), and as the heavy ball x_{t+1} = x_t - a_t g(x_t) + t/(t + 3) (x_t - x_{t-1}): tested to 1e-12.

    State: "z", shaped as the point; "count", the number of steps, float64.

    Raises:
        ValueError: `lr` is not above 0.

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2023), section 7, momentum; after Sebbouh, Gower,
    Defazio, Almost sure convergence rates for SGD and stochastic heavy ball (2021). Recalled, equivalence derived.

    >>> AveragingMomentum(lr=0.5).lr
    0.5
    """

    lr: float = 0.1

    def __post_init__(self) -> None:
        check_step(self.lr)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        return {"x": x, "z": x, "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        value, gradient = oracle.value_and_gradient(state["x"])
        count = state["count"] + 1
        weight = count / 2
        z = tree_map(lambda _, old, g: old - self.lr * g, state["z"], gradient)
        x = tree_map(lambda _, old, new: (weight * old + new) / (1 + weight), state["x"], z)
        return {"x": x, "z": z, "count": count}, {"value": value}
