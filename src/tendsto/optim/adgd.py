"""Adaptive gradient descent without descent: the step size from how much the gradient changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import leaves, tree_map
from tendsto.optim.gradient_descent import declines_sampling


def squared(tree: Any, weights: Any = None) -> Tensor:
    """Return sum_i w_i v_i^2 over all entries of a tree, a 0-d float64 tensor; w = 1 where no weights are given."""
    weighted = tree if weights is None else tree_map(lambda _, v, w: v * w, tree, weights)
    pairs = zip(leaves(tree), leaves(weighted), strict=True)
    return torch.stack([_product(v, w) for v, w in pairs]).sum()


PIECE = 65536
"""Entries that are multiplied at once: in float64, copies of long tensors cost more memory than all the rest."""


def _product(v: Tensor, w: Tensor) -> Tensor:
    if v.numel() <= PIECE:
        return (v.double() * w.double()).sum()
    pieces = zip(v.reshape(-1).split(PIECE), w.reshape(-1).split(PIECE), strict=True)
    return torch.stack([(a.double() * b.double()).sum() for a, b in pieces]).sum()


def adaptive_step_size(state: dict[str, Any], moved: Any, changed: Any, scale: Any = None) -> dict[str, Tensor]:
    """Return the next "eta" and "theta" of a state that holds the last, and a count "step" of the steps before this.

        eta_k = min( sqrt(1 + theta_{k-1}) eta_{k-1},  |moved|_D / (2 |changed|_{1/D}) ),  theta_k = eta_k / eta_{k-1}

    with |v|_D^2 = sum_i D_i v_i^2 over all entries together. A term that is not finite counts for nothing: theta_0 is
    infinite, and the second is undefined where the gradient did not change; where neither is defined, eta stays. The
    first step, whose "theta" is 0 and which has no step before it, is eta_0.

    moved, changed: x_k - x_{k-1}, and the difference of the gradients there. scale: D, or None for 1.
    """
    inverse = None if scale is None else tree_map(lambda _, d: 1 / d, scale)
    eta, theta = state["eta"], state["theta"]
    change = squared(changed, inverse)
    infinite = torch.full_like(change, torch.inf)
    # Divided by 1 where it may not be divided, so that no NaN is made on the way.
    ratio = (squared(moved, scale) / torch.where(change > 0, change, 1.0)).sqrt() / 2
    least = torch.minimum((1 + theta).sqrt() * eta, torch.where(change > 0, ratio, infinite))
    new = torch.where(torch.isfinite(least), least, eta)
    return {"eta": new, "theta": torch.where(state["step"] == 0, infinite, new / eta)}


def starting(eta0: Any, x: Any) -> dict[str, Tensor]:
    """Return the entries of a first state at `x` that `adaptive_step_size` works on, where the point is kept."""
    zero = torch.zeros((), dtype=torch.float64, device=leaves(x)[0].device)
    return {"eta": zero + eta0, "theta": zero, "step": zero}


@register("adgd")
@dataclass(frozen=True)
class AdGD(Method):
    """x_{k+1} = x_k - eta_k grad f(x_k), eta_k the largest step that neither grows nor bends too fast.

        eta_k = min( sqrt(1 + theta_{k-1}) eta_{k-1}, |x_k - x_{k-1}| / (2 |grad f(x_k) - grad f(x_{k-1})|) )

    with theta_k = eta_k / eta_{k-1} and theta_0 infinite: no constant of f has to be known. `OASISMethod` with the
    metric D = 1.

    State: "previous" and "gradient", shaped as the point; "eta", "theta", "step", float64.

    Source: Malitsky and Mishchenko, Adaptive gradient descent without descent (2020), arXiv 1910.09529, Algorithm 1
    (recalled).

    Raises:
        ValueError: `eta0` is not above 0.

    >>> AdGD(eta0=1e-3).eta0
    0.001
    """

    eta0: float = 1e-6

    def __post_init__(self) -> None:
        if not self.eta0 > 0:
            raise ValueError(f"eta0 = {self.eta0} is no step size: use a number above 0")

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        # Nothing has moved, and nothing has changed: the first gradient is compared with itself.
        return {
            "x": x,
            "previous": x,
            "gradient": tree_map(lambda _, p: torch.zeros_like(p), x),
            **starting(self.eta0, x),
        }

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        value, gradient = oracle.value_and_gradient(x)
        moved = tree_map(lambda _, new, old: new - old, x, state["previous"])
        # At the first step nothing has moved, and nothing has changed.
        changed = tree_map(lambda _, g, old: (g - old) * (state["step"] > 0), gradient, state["gradient"])
        sizes = adaptive_step_size(state, moved, changed)
        new = tree_map(lambda _, p, g: p - sizes["eta"] * g, x, gradient)
        state = {"x": new, "previous": x, "gradient": gradient, **sizes, "step": state["step"] + 1}
        return state, {"value": value, "step size": sizes["eta"]}
