"""Nesterov's accelerated gradient method, on problems whose gradient is exact."""

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
from tendsto.optim.gradient_descent import check_step, declines_sampling


@register("nesterov")
@dataclass(frozen=True)
class Nesterov(Method):
    """x_{k+1} = y_k - lr grad f(y_k);  y_{k+1} = x_{k+1} + b_k (x_{k+1} - x_k);  y_0 = x_0. The answer is x_k.

    momentum: None for the sequence b_k = (t_k - 1) / t_{k+1}, t_0 = 1, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2 of convex
    functions, or a constant b, (1 - sqrt(mu lr)) / (1 + sqrt(mu lr)) for mu-strongly convex ones.

    Raises:
        ValueError: `lr` is not above 0, or `momentum` not in [0, 1).

    Source: Nesterov (1983); Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm (2009), section 4;
    Nesterov, Lectures on Convex Optimization (2018), section 2.2.

    >>> Nesterov(lr=0.1, momentum=0.9).momentum
    0.9
    """

    lr: float = 0.1
    momentum: float | None = None

    def __post_init__(self) -> None:
        check_step(self.lr)
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ValueError(f"momentum = {self.momentum} is out of range: use a number in [0, 1), or None")

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        return {"x": x, "y": x, "t": torch.ones((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        value, gradient = oracle.value_and_gradient(state["y"])
        t = (1 + (1 + 4 * state["t"] ** 2).sqrt()) / 2
        b = (state["t"] - 1) / t if self.momentum is None else self.momentum
        x = tree_map(lambda _, y, g: y - self.lr * g, state["y"], gradient)
        y = tree_map(lambda _, new, old: new + b * (new - old), x, state["x"])
        return {"x": x, "y": y, "t": t}, {"value": value}
