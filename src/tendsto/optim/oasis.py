"""OASIS: steps scaled by the Hessian's diagonal, of a length that adapts itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.core.tree import tree_map
from tendsto.optim.adgd import adaptive_step_size, starting
from tendsto.optim.difference import PRODUCTS, answering, asks_for, declines_differences
from tendsto.optim.entrywise import Answers, EntrywiseMethod
from tendsto.optim.gradient_descent import check_step
from tendsto.optim.hutchinson import DIAGONALS, diagonal_of
from tendsto.optim.method_optimizer import MethodOptimizer
from tendsto.optim.settings import average, one_of


@dataclass(frozen=True)
class OASISRule(Rule):
    """The update of `OASISMethod` with a fixed step, of which the gradient and the slot "drawn", z * (H z), are given.

    >>> OASISRule(lr=0.1, beta2=0.99, alpha=1e-5, momentum=0.0).elementwise
    True
    """

    lr: float
    beta2: float
    alpha: float
    momentum: float

    def scalars(self, step: Any) -> Scalars:
        return {"begun": (step > 1) * 1.0}

    def curvature(self, old: Tensor, drawn: Tensor, scalars: Scalars) -> Tensor:
        """Return D; the first step is taken with D_0."""
        begun = torch.as_tensor(scalars["begun"], device=old.device) > 0
        return torch.where(begun, average(old, drawn, self.beta2), old)

    def scale(self, diagonal: Tensor) -> Tensor:
        """Return S = max(|D|, alpha)."""
        return torch.maximum(diagonal.abs(), torch.zeros_like(diagonal) + self.alpha)

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        diagonal = self.curvature(slots["diagonal"], slots["drawn"], scalars)
        m = average(slots["exp_avg"], gradient, self.momentum)
        return self.lr * m / self.scale(diagonal), {"diagonal": diagonal, "exp_avg": m}


@register("oasis")
@dataclass(frozen=True)
class OASISMethod(EntrywiseMethod):
    """Doubly adaptive: the metric from curvature, the step size from how the gradient changed; no learning rate.

    With z_k random signs, D_0 the mean of z * (H z) over `warmup_samples` draws at x_0, and for k >= 1

        D_k <- beta2 D_{k-1} + (1 - beta2) z_k * (H(x_k) z_k),   S_k = max(|D_k|, alpha)
        eta_k = min( sqrt(1 + theta_{k-1}) eta_{k-1}, |x_k - x_{k-1}|_S / (2 |grad f(x_k) - grad f(x_{k-1})|_{1/S}) )
        x_{k+1} = x_k - eta_k m_k / S_k,   m_k = momentum m_{k-1} + (1 - momentum) grad f(x_k)

    with theta_k = eta_k / eta_{k-1}, theta_0 infinite, |v|_S^2 = sum_i S_i v_i^2 over all parameters together, and the
    gradients of both points taken on the batch of step k.

    lr: a fixed step eta in the place of the second line, which then costs no second gradient.
    reuse_gradient: keep the gradient of the step before instead of taking it again; right where the loss has no batch.
    alpha: smaller curvature counts as this. A large one makes it gradient descent.
    diagonal: "hutchinson", or "exact" by one product for each entry: for theory and small problems.
    products: "exact", or "difference": H z from one more gradient on the same batch, so that a step of a fixed size, or
        with `reuse_gradient`, costs two gradients, another three; not for networks with kinks such as ReLU: see
        `GradientDifferences`.

    State: "diagonal" D, "exp_avg" m and "previous", shaped as the point, and "gradient" with `reuse_gradient`; "eta",
    "theta", "step", float64.

    Source: Jahani et al. 2021, arXiv 2109.05198, Algorithm 1 (recalled); the momentum is that of its deep learning
    experiments (recalled). D is not corrected for its start, which is D_0 and not 0.

    Raises:
        ValueError: eta0, alpha or lr not above 0, beta2 or momentum outside [0, 1), fewer than one warm-up sample, an
            unknown diagonal or kind of product.

    >>> import tendsto as tt
    >>> trace = tt.iterate(OASISMethod(), tt.problems.Quadratic(dimension=9, smallest=1e-4, largest=1e2), steps=200)
    >>> bool(trace.final()[0] < 1e-6 * trace["f(x) - f*"][0, 0])
    True
    """

    lr: float | None = None
    beta2: float = 0.99
    alpha: float = 1e-5
    eta0: float = 1e-6
    momentum: float = 0.0
    warmup_samples: int = 100
    reuse_gradient: bool = False
    diagonal: str = "hutchinson"
    products: str = "exact"

    def __post_init__(self) -> None:
        if self.lr is not None:
            check_step(self.lr)
        for name, value in (("alpha", self.alpha), ("eta0", self.eta0)):
            if not value > 0:
                raise ValueError(f"{name} = {value} is not allowed: use a number above 0")
        for name, value in (("beta2", self.beta2), ("momentum", self.momentum)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} = {value} is out of range: use a number in [0, 1)")
        one_of("diagonal", self.diagonal, DIAGONALS)
        one_of("products", self.products, PRODUCTS)
        if self.warmup_samples < 1:
            raise ValueError(f"warmup_samples = {self.warmup_samples} leaves no D_0: use at least 1, such as 100")

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[override]
        return asks_for(self.products)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_differences(self.products, problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x, oracle = oracle.init(), answering(self.products, oracle)
        state = {"x": x, "diagonal": diagonal_of(self.diagonal, oracle, x, rng, self.warmup_samples, "warm-up")}
        zeros = ["exp_avg", *(["gradient"] if self._reuses() else [])]
        state |= {name: tree_map(lambda _, p: torch.zeros_like(p), x) for name in zeros}
        return {**state, **({} if self.lr is not None else {"previous": x}), **starting(self.eta0, x)}

    def _reuses(self) -> bool:
        return self.lr is None and self.reuse_gradient

    def entrywise(self) -> OASISRule | None:
        return None if self.lr is None else OASISRule(self.lr, self.beta2, self.alpha, self.momentum)

    def ask(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> Answers:
        x, oracle = state["x"], answering(self.products, oracle)
        # Products before the gradient: where both come from one graph, that order makes it once.
        drawn = diagonal_of(self.diagonal, oracle, x, rng)
        value, gradient = oracle.value_and_gradient(x)
        kept: dict[str, Any] = {}
        if self.lr is not None:
            kept = {"eta": torch.zeros_like(state["eta"]) + self.lr, "theta": state["theta"]}
        elif not self.reuse_gradient:
            kept = {"gradient": oracle.gradient(state["previous"])}
        return Answers(value, gradient, {"drawn": drawn}, kept)

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        if self.lr is not None:
            new, info = super().step(state, oracle, rng)
            return new, {**info, "step size": new["eta"]}
        answers, rule, x = (
            self.ask(state, oracle, rng),
            OASISRule(1.0, self.beta2, self.alpha, self.momentum),
            state["x"],
        )
        gradient, scalars = answers.gradient, rule.scalars(state["step"] + 1)
        last = (state if self.reuse_gradient else answers.kept)["gradient"]

        def curvature(_: str, old: Tensor, new: Tensor) -> Tensor:
            return rule.curvature(old, new, scalars)

        diagonal = tree_map(curvature, state["diagonal"], answers.inputs["drawn"])
        scale = tree_map(lambda _, d: rule.scale(d), diagonal)
        moved = tree_map(lambda _, new, old: new - old, x, state["previous"])
        # At the first step nothing has moved, and nothing has changed.
        changed = tree_map(lambda _, g, old: (g - old) * (state["step"] > 0), gradient, last)
        sizes = adaptive_step_size(state, moved, changed, scale)
        m = tree_map(lambda _, old, g: average(old, g, self.momentum), state["exp_avg"], gradient)
        new = tree_map(lambda _, p, g, s: p - sizes["eta"] * g / s, x, m, scale)
        kept = {"previous": x, **({"gradient": gradient} if self.reuse_gradient else {})}
        state = {"x": new, "diagonal": diagonal, "exp_avg": m, **kept, **sizes, "step": state["step"] + 1}
        return state, {"value": answers.value, "step size": sizes["eta"]}


class OASIS(MethodOptimizer, method=OASISMethod):
    """`OASISMethod` as a torch optimizer, whose step takes the loss as a closure that does not call backward.

    The closure is called twice a step, the second time at the parameters of the step before: on the same batch. With a
    fixed `lr` the update may be `compiled` into one pass over memory; an adaptive step, whose size depends on all
    entries together, may not. `products="difference"` calls the closure once more, and spares the products.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = OASIS(model, warmup_samples=1)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    >>> dict(optimizer.calls)
    {'hvp': 2, 'gradient': 2}
    """
