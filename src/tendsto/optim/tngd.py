"""Thermodynamic natural gradient descent: the damped natural gradient as the state of a relaxing device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule
from tendsto.core.tree import tree_map
from tendsto.optim.layered_closure import LayeredClosure
from tendsto.optim.method_optimizer import MethodOptimizer
from tendsto.optim.preconditioned import base_init, base_step
from tendsto.optim.sgd import SGDRule
from tendsto.optim.thermodynamic import INFINITE, drift


@register("tngd")
@dataclass(frozen=True)
class TNGDMethod(Method):
    """Natural gradient descent, its linear system solved by a simulated thermodynamic device run for a while.

    With F = J^T H J the Gauss-Newton matrix of the step's sample (the batch's mean) and g its gradient,

        n_steps times  d <- d - dt ((F + damping I) d - g) + sqrt(2 dt / beta) noise
        d goes to `base` in the gradient's place: x <- x - lr d for plain SGD, "TNGD-Adam" for Adam.

    d starts at the last step's (`warm_start`), or at g: then 0 device steps are SGD and infinitely many the damped
    natural gradient. `dt * n_steps` is physical time; each of its steps is one Gauss-Newton product here. It is stable
    where dt < 2 / (lambda_max(F) + damping). With `delay` the device is given the gradient of that many steps ago, and
    curvature at the point of that many steps ago, on this step's sample.

    State: `base`'s; "device" d, shaped as the point; with a delay, the points and gradients of the last steps.

    Source: Donatella et al. 2024, arXiv 2405.13817, Algorithm 1 (public summary read; F as the Gauss-Newton matrix,
    delay and TNGD-Adam recalled). Before the first step d is the gradient, as nothing is there to start from.

    Raises:
        ValueError: a setting below 0, or n_steps = 0 with a warm start, which would reuse the first gradient for ever.

    >>> import tendsto as tt
    >>> trace = tt.iterate(TNGDMethod(), tt.problems.Softmax(batch=128), steps=20)
    >>> bool(trace.final()[0] < 0.5)
    True
    """

    base: Rule = field(default=SGDRule(lr=0.3))
    damping: float = 0.03
    n_steps: int = 5
    dt: float = 0.5
    beta: float = INFINITE
    warm_start: bool = True
    delay: int = 0

    asks: ClassVar[tuple[str, ...]] = ("gradient", "gauss_newton")

    def __post_init__(self) -> None:
        for name in ("damping", "n_steps", "delay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)} is not allowed: use a number of at least 0")
        if not self.dt > 0 or not self.beta > 0:
            raise ValueError(f"dt = {self.dt} and beta = {self.beta} must be above 0")
        if self.n_steps == 0 and self.warm_start:
            raise ValueError(
                "n_steps = 0 with warm_start never looks at a gradient again: use warm_start=False for SGD"
            )

    def declines(self, problem: Problem) -> str | None:
        if problem.backend != "torch":
            return f"it differentiates, which {type(problem).__name__}, of NumPy, is not made for"
        return super().declines(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        state = base_init(self.base, oracle, rng)
        zeros = tree_map(lambda _, t: torch.zeros_like(t), state["x"])
        past = {f"{k} steps ago": {"x": state["x"], "gradient": zeros} for k in range(1, self.delay + 1)}
        return {**state, "device": zeros, "past": past}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        value, gradient = oracle.value_and_gradient(state["x"])
        now = {"x": state["x"], "gradient": gradient}
        seen, past = self._seen(now, state)
        first = state["step"] < self.delay + 1
        start = seen["gradient"]
        if self.warm_start:
            start = tree_map(lambda _, d, g: torch.where(first, g, d), state["device"], start)

        def damped(d: Any) -> Any:
            product = oracle.gauss_newton(seen["x"], d)
            return tree_map(lambda _, p, y: p + self.damping * y, product, d)

        settings = {"steps": self.n_steps, "dt": self.dt, "beta": self.beta, "rng": rng.fork("device")}
        device = drift(damped, seen["gradient"], start, **settings)
        new, info = base_step(self.base, state, value, device, rng)
        return {**new, "device": device, "past": past}, info

    def _seen(self, now: dict[str, Any], state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the device is given, and what is to be remembered. Until there is a past, the present is taken."""
        if self.delay == 0:
            return now, {}
        late = state["step"] < self.delay
        oldest = state["past"][f"{self.delay} steps ago"]
        seen = tree_map(lambda _, a, b: torch.where(late, a, b), now, oldest)
        shifted = {f"{k + 1} steps ago": state["past"][f"{k} steps ago"] for k in range(1, self.delay)}
        return seen, {"1 steps ago": now, **shifted}


class TNGD(MethodOptimizer, method=TNGDMethod):
    """`TNGDMethod` as a torch optimizer made of a module, whose step takes the loss as a closure.

    >>> model = torch.nn.Linear(3, 2)
    >>> optimizer = TNGD(model, lr=0.3, n_steps=2)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    >>> dict(optimizer.calls)
    {'gradient': 1, 'gauss_newton': 2}
    """

    problem = LayeredClosure
