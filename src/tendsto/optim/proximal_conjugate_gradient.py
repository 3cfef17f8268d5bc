"""Nonlinear conjugate gradients on the gradient mapping of a composite function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.gradient_descent import check_step, declines_sampling
from tendsto.optim.proximal_gradient import declines_prox_of_value

RULES = ("dai-yuan", "hager-zhang", "polak-ribiere")
HALVINGS = 20


@register("proximal-conjugate-gradient")
@dataclass(frozen=True)
class ProximalConjugateGradient(Method):
    """Minimise F = Psi + r along conjugate directions of the gradient mapping G = (x - prox_{lr r}(x - lr grad)) / lr.

        d <- -G + beta d,   x <- x + t lr d

    with beta by Dai and Yuan, Hager and Zhang, or Polak and Ribiere (not below 0), d = -G where <d, G> > -c ||G||^2,
    and t = 1, 1/2, 1/4, ... until F(x + t lr d) <= F(x) - c t lr ||G||^2, c = 1e-4; where `HALVINGS` halvings do not
    find one, a proximal gradient step is taken, which lowers F for lr < 2 / L.

    State: x, "mapping" G and "direction" d, shaped as the point. One run at a time. Info: "restarts", "t".

    Source: K. Yang, Contributions to Robust and Efficient Methods for Analysis of High Dimensional Data (thesis):
    its text was not found, so that the safeguards and the line search are inferred.

    Raises:
        ValueError: `lr` is not above 0, or an unknown rule.

    >>> ProximalConjugateGradient(lr=0.5).rule
    'dai-yuan'
    """

    lr: float = 0.1
    rule: Literal["dai-yuan", "hager-zhang", "polak-ribiere"] = "dai-yuan"

    asks = ("gradient", "value", "prox")
    lanes = None

    def __post_init__(self) -> None:
        check_step(self.lr)
        if self.rule not in RULES:
            raise ValueError(f"rule = {self.rule!r} is unknown: use {', '.join(RULES)}")

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem) or declines_prox_of_value(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        return {"x": x, "mapping": 0 * x, "direction": 0 * x}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, problem = state["x"], oracle.problem
        smooth, gradient = oracle.value_and_gradient(x)
        value = float(smooth + problem.regulariser(x))
        stepped = oracle.prox(x - self.lr * gradient, self.lr)
        mapping = (x - stepped) / self.lr
        direction = self._beta(mapping, state) * state["direction"] - mapping
        square = float(mapping @ mapping)
        restarted = float(direction @ mapping) > -1e-4 * square
        direction = -mapping if restarted else direction
        t, new = 1.0, x + self.lr * direction
        while float(oracle.value(new) + problem.regulariser(new)) > value - 1e-4 * t * self.lr * square:
            t /= 2
            if t < 0.5**HALVINGS:
                t, new, direction = 1.0, stepped, -mapping
                break
            new = x + t * self.lr * direction
        return {"x": new, "mapping": mapping, "direction": direction}, {"t": t, "restarted": float(restarted)}

    def _beta(self, mapping: Any, state: dict[str, Any]) -> float:
        old, direction = state["mapping"], state["direction"]
        change = mapping - old
        curvature = float(direction @ change)
        square = float(mapping @ mapping)
        match self.rule:
            case "dai-yuan":
                beta = square / curvature if curvature else 0.0
            case "polak-ribiere":
                before = float(old @ old)
                beta = max(float(mapping @ change) / before, 0.0) if before else 0.0
            case _:
                if not curvature:
                    return 0.0
                twice = 2 * float(change @ change) / curvature
                beta = float((change - twice * direction) @ mapping) / curvature
        return beta
