"""The stochastic Polyak step: as long as the gap of the sampled term allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import leaves, tree_map
from tendsto.optim.averaged import Averaged


@register("stochastic-polyak")
@dataclass(frozen=True)
class StochasticPolyak(Method):
    """x_{t+1} = x_t - (f_i(x_t) - f_i(x*))_+ / ||grad f_i(x_t)||^2 grad f_i(x_t); no move where the gradient is 0.

    For convex f_i the distance to x* never increases, whichever terms are drawn, and there is no step size to choose;
    but f_i(x*) must be known, which is 0 for interpolated losses and a laboratory's privilege elsewhere.

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2024, v3), stochastic Polyak step: that it is there
    was read, its form is recalled; Loizou et al., Stochastic Polyak step-size for SGD (2021).

    >>> StochasticPolyak().asks
    ('value_and_gradient', 'value_at_solution')
    """

    asks = ("value_and_gradient", "value_at_solution")

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        value, gradient = oracle.value_and_gradient(state["x"])
        gap = (value - oracle.value_at_solution()).clamp(min=0)
        square: Any = sum((leaf * leaf).sum() for leaf in leaves(gradient))
        # The inner clamp only keeps 0/0 out of the branch that is not taken.
        size = torch.where(square > 0, gap / square.clamp(min=1e-300), 0.0)
        return {"x": tree_map(lambda _, x, g: x - size * g, state["x"], gradient)}, {"value": value, "step size": size}


@register("averaged-stochastic-polyak")
def averaged_stochastic_polyak() -> Averaged:
    """The stochastic Polyak step, answering with the mean of the points visited."""
    return Averaged(StochasticPolyak())
