"""Frank-Wolfe: methods that stay feasible by moving towards vertices, and never project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.settings import one_of

RULES = ("open-loop", "skip", "halving", "persistent-halving", "backtracking")

MOST = 60
"""Halvings and doublings of one step: after as many, what is left of the step is rounding."""


@register("frank-wolfe")
@dataclass(frozen=True)
class FrankWolfe(Method):
    """x_{t+1} = x_t + size (v_t - x_t), v_t = argmin over the set of <grad f(x_t), v>; t = 0, 1, ...

    A candidate is accepted where f does not rise; outside dom f it is +inf, and not accepted.

        rule                 size
        open-loop            2/(t+2), accepted unseen
        skip                 2/(t+2); where it is not accepted x stays, and t goes on (the monotone rule of the paper)
        halving              2/(t+2), halved until it is accepted, afresh at each t
        persistent-halving   2^(1-N)/(t+2), N raised until it is accepted and never lowered (the official code)
        backtracking         min(1, gap / (L ||v - x||^2)), L first times 0.9, then doubled until
                             f(x') <= f(x) - size gap + size^2 L/2 ||v - x||^2, from the guess L = `smooth` on

    Info: "frank-wolfe gap", <grad f(x_t), x_t - v_t> before the step, at least f(x_t) - f* for convex f; "size", what
    was done of v - x, 0 where the step was skipped. State: "count", t; but for open-loop "value", f(x_t), and where
    the step needs them "halvings", N, and "smooth", L; all 0-d float64.

    Raises:
        ValueError: an unknown rule, or `smooth` not above 0.

    Source: Carderera, Besancon, Pokutta, Simple steps are all you need (2021, arXiv 2105.13913), Algorithm 1 (skip) and
    its official code (halving rules), recalled; backtracking: Pedregosa, Negiar, Askari, Jaggi, Linearly convergent
    Frank-Wolfe with backtracking line-search (2020), Algorithm 2, whose first guess is a difference of gradients.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems import L1Logistic
    >>> trace = iterate(FrankWolfe(), L1Logistic(), steps=100)
    >>> bool(trace["Frank-Wolfe gap"][0, -1] >= trace.gap()[0, -1] > 0)
    True
    """

    rule: str = "skip"
    smooth: float = 1.0

    def __post_init__(self) -> None:
        one_of("rule", self.rule, RULES)
        if not self.smooth > 0:
            raise ValueError(f"smooth = {self.smooth} is no guess of L: use a number above 0")

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return ("gradient", "lmo") if self.rule == "open-loop" else ("gradient", "lmo", "value")

    @property
    def lanes(self) -> str | None:  # type: ignore[reportIncompatibleVariableOverride]
        # A search takes as long as it takes, which lanes cannot do each for itself.
        return "vmap" if self.rule in ("open-loop", "skip") else None

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x, zero = oracle.init(), torch.zeros((), dtype=torch.float64)
        state = {"x": x, "count": zero}
        if self.rule != "open-loop":
            state["value"] = oracle.value(x)
        if self.rule == "persistent-halving":
            state["halvings"] = zero
        if self.rule == "backtracking":
            state["smooth"] = zero + self.smooth
        return state

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, t = state["x"], state["count"]
        g = oracle.gradient(x)
        direction = oracle.lmo(g) - x
        gap = -(g * direction).sum()
        new = state | {"count": t + 1}
        size = (0.5 * t + 1).reciprocal()
        if self.rule == "open-loop":
            new["x"] = x + size * direction
        elif self.rule == "skip":
            candidate = x + size * direction
            value = oracle.value(candidate)
            accepted = value <= state["value"]
            new["x"] = torch.where(accepted, candidate, x)
            new["value"] = torch.where(accepted, value, state["value"])
            size = torch.where(accepted, size, 0 * size)
        elif self.rule == "backtracking":
            x, value, size, smooth = backtrack(oracle, x, state["value"], direction, gap, state["smooth"], 1.0)
            new |= {"x": x, "value": value, "smooth": smooth}
        else:
            kept = state.get("halvings", 0 * t)
            x, value, size, halvings = _halve(oracle, x, state["value"], direction, size * 2.0**-kept)
            new |= {"x": x, "value": value}
            if self.rule == "persistent-halving":
                new["halvings"] = kept + halvings
        return new, {"frank-wolfe gap": gap, "size": size}


def _halve(oracle: Oracle, x: Tensor, value: Tensor, direction: Tensor, size: Any) -> tuple[Tensor, Tensor, Any, int]:
    """Return the new point, its value, the size and how often it was halved; the old point where nothing helps."""
    for halvings in range(MOST):
        candidate = x + size * direction
        reached = oracle.value(candidate)
        if reached <= value:
            return candidate, reached, size, halvings
        size = size / 2
    # Then f cannot be seen to fall; the step was not too long, so nothing is kept of the halvings.
    return x, value, 0 * size, 0


def backtrack(
    oracle: Oracle, x: Tensor, value: Tensor, direction: Tensor, gap: Tensor, smooth: Tensor, longest: float
) -> tuple[Tensor, Tensor, float, Tensor]:
    """Return the new point, its value, the size in [0, longest], and the new estimate of L; see `FrankWolfe`."""
    # Python's numbers: scalar arithmetic on tensors would cost more than f itself.
    here, promised, square = float(value), float(gap), float((direction * direction).sum())
    guess, rounding = 0.9 * float(smooth), 1e-15 * (1 + abs(here))
    for _ in range(MOST):
        size = min(max(promised / max(guess * square, 1e-300), 0.0), longest)
        candidate = x + size * direction
        reached = oracle.value(candidate)
        if float(reached) <= here - size * promised + size**2 * guess / 2 * square + rounding:
            return candidate, reached, size, torch.tensor(guess, dtype=torch.float64)
        guess = 2 * guess
    return x, value, 0.0, smooth
