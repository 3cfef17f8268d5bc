"""Composite stochastic mirror descent in the Euclidean case, with steps made for the last iterate."""

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
from tendsto.optim.gradient_descent import check_step
from tendsto.optim.proximal_gradient import declines_prox_of_value
from tendsto.optim.settings import one_of

SCHEDULES = ("inverse-sqrt", "constant", "linear-decay")


@register("mirror-descent")
@dataclass(frozen=True)
class MirrorDescent(Method):
    """x_{t+1} = argmin_{x in X} r(x) + <g_t, x> + ||x - x_t||^2 / (2 lr_t), t = 1, ..., T; the answer is the last.

    through: "prox" where the problem has a regulariser r, "project" where it has a set X, None for neither. Steps:

        schedule        lr_t
        inverse-sqrt    min(cap, lr / sqrt(t))
        constant        min(cap, lr / sqrt(T))
        linear-decay    min(cap, lr (T - t + 1) / T^(3/2))

    T = `horizon`; cap is 1/(2L) for L-smooth f, and None for none. After T steps the point stays.

    State: "count", the number of steps taken, float64.

    Raises:
        ValueError: `lr` or `cap` is not above 0, `horizon` below 1, or an unknown schedule or `through`.

    Source: Liu and Zhou, Revisiting the Last-Iterate Convergence of Stochastic Gradient Methods (ICLR 2024,
    arXiv 2312.08531), Algorithm 1 with psi = ||x||^2 / 2; schedules read in reviews of the paper.

    >>> [round(float(MirrorDescent(lr=1.0, schedule="linear-decay", horizon=4).size(t)), 3) for t in (1, 2, 3, 4, 5)]
    [0.5, 0.375, 0.25, 0.125, 0.0]
    """

    lr: float = 0.1
    schedule: str = "linear-decay"
    horizon: int = 1000
    cap: float | None = None
    through: str | None = None

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return ("gradient",) if self.through is None else ("gradient", self.through)

    def __post_init__(self) -> None:
        check_step(self.lr)
        one_of("schedule", self.schedule, SCHEDULES)
        if self.through is not None:
            one_of("through", self.through, ("prox", "project"))
        if self.horizon < 1:
            raise ValueError(f"horizon = {self.horizon} is no number of steps: use a whole number of at least 1")
        if self.cap is not None and not self.cap > 0:
            raise ValueError(f"cap = {self.cap} leaves no step: use 1/(2L), or None for none")

    def size(self, t: Any) -> Any:
        """Return lr_t, t = 1, 2, ..., a number or a tensor; 0 after the horizon."""
        t, end = torch.as_tensor(t, dtype=torch.float64), float(self.horizon)
        if self.schedule == "inverse-sqrt":
            steps = self.lr / t**0.5
        elif self.schedule == "constant":
            steps = self.lr / end**0.5 + 0 * t
        else:
            steps = self.lr * (end - t + 1) / end**1.5
        capped = steps if self.cap is None else steps.clamp(max=self.cap)
        return torch.where(t <= end, capped, torch.zeros_like(capped))

    def declines(self, problem: Problem) -> str | None:
        reason = super().declines(problem)
        return reason or (declines_prox_of_value(problem) if self.through == "prox" else None)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        t = state["count"] + 1
        size = self.size(t)
        x = tree_map(lambda _, x, g: x - size * g, state["x"], oracle.gradient(state["x"]))
        if self.through == "project":
            x = oracle.project(x)
        elif self.through == "prox":
            x = oracle.prox(x, size)
        return {"x": x, "count": t}, {}
