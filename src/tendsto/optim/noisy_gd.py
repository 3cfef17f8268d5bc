"""Gradient descent with Gaussian noise of a given variance per time, and with a step that drops."""

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


@register("noisy-gd")
@dataclass(frozen=True)
class NoisyGD(Method):
    """x <- x - lr_t grad f(x) + sqrt(lr_t variance) xi, xi standard normal in each entry.

    lr_t is `lr` in the first `after` steps and `lr` times `drop` from then on. `variance` is that of the noise per
    time lr_t and entry: gradient noise of variance s^2 and steps lr give lr s^2, so a small step has the
    noise of a large one where `variance` is the large step times s^2. State: "count", a float64 scalar.

    Raises:
        ValueError: lr or drop not above 0, a negative variance or after.

    Source: the ablation of Mohtashami, Jaggi, Stich 2023, arXiv 2205.15142 (recalled): large steps, then small ones,
    against small steps with more noise, for equal time, the sum of the steps.

    >>> NoisyGD(lr=0.05, variance=0.5 * 0.01).variance
    0.005
    """

    lr: float = 0.1
    variance: float = 0.0
    drop: float = 1.0
    after: int = 0

    def __post_init__(self) -> None:
        check_step(self.lr)
        if not self.drop > 0 or not self.variance >= 0 or self.after < 0:
            raise ValueError(
                f"drop = {self.drop} must be above 0, variance = {self.variance} and after = {self.after} at least 0"
            )

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        one = torch.ones_like(state["count"])
        size = self.lr * torch.where(state["count"] < self.after, one, self.drop * one)
        spread = (size * self.variance) ** 0.5

        def move(name: str, x: Any, g: Any) -> Any:
            return x - size.to(x.dtype) * g + spread.to(x.dtype) * rng.normal(f"noise {name}", tuple(x.shape), x.dtype)

        return {"x": tree_map(move, state["x"], oracle.gradient(state["x"])), "count": state["count"] + 1}, {}
