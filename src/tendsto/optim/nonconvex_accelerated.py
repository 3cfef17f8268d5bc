"""Accelerated proximal gradient for a nonconvex smooth part: Ghadimi and Lan's method, with restarts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.gradient_descent import check_step, declines_sampling
from tendsto.optim.proximal_gradient import declines_prox_of_value

GOLDEN = (math.sqrt(5) - 1) / 2


@register("nonconvex-accelerated")
@dataclass(frozen=True)
class NonconvexAccelerated(Method):
    """Minimise F = Psi + r, Psi smooth but not convex, with the steps that make Ghadimi and Lan's bound least.

    With alpha_1 = 1 and alpha_{k+1} = 2 / (1 + sqrt(1 + 4 / alpha_k^2)),

        md = (1 - alpha) x + alpha b;   g = grad Psi(md)
        b <- prox_{(lr / alpha) r}(b - (lr / alpha) g);   x <- prox_{lr r}(md - lr g)

    and min_k ||G(md_k)||^2 = O(L^2 ||x_0 - x*||^2 / N^3 + L L_- / N), L_- how far below 0 curvature goes. The paper
    takes lr = 0.99 / L. With `restart` momentum is dropped (alpha = 1, b = x) where the move of md got shorter, at
    least 3 iterations after the last time.

    variant: "official" starts with alpha_1 = 0.618, as the released package does.

    State: x and "b", "md", shaped as the point; "alpha", "moved", "since", numbers. One run at a time.

    Source: Yang, Asgharian, Bhatnagar 2020, arXiv 2009.10629 (method: source of the package read); Ghadimi and Lan
    (2016), Algorithm 1. That b is set to x at a restart is inferred.

    Raises:
        ValueError: `lr` is not above 0, or an unknown variant.

    >>> NonconvexAccelerated(lr=0.5).restart
    True
    """

    lr: float = 0.1
    restart: bool = True
    variant: Literal["paper", "official"] = "paper"

    asks = ("gradient", "prox")
    lanes = None

    def __post_init__(self) -> None:
        check_step(self.lr)
        if self.variant not in ("paper", "official"):
            raise ValueError(f"variant = {self.variant!r} is unknown: use 'paper' or 'official'")

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem) or declines_prox_of_value(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        return {"x": x, "b": x, "md": x, "alpha": self._first(), "moved": 0.0, "since": 0}

    def _first(self) -> float:
        return 1.0 if self.variant == "paper" else GOLDEN

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, b, alpha, since = state["x"], state["b"], state["alpha"], state["since"] + 1
        md = (1 - alpha) * x + alpha * b
        g = oracle.gradient(md)
        b = oracle.prox(b - self.lr / alpha * g, self.lr / alpha)
        x = oracle.prox(md - self.lr * g, self.lr)
        move = md - state["md"]
        moved = float(move @ move) ** 0.5
        alpha = 2 / (1 + math.sqrt(1 + 4 / alpha**2))
        if self.restart and since >= 3 and moved < state["moved"]:
            alpha, b, since = self._first(), x, 0
        return {"x": x, "b": b, "md": md, "alpha": alpha, "moved": moved, "since": since}, {
            "residual": float(abs(md - x).max())
        }
