"""The stochastic proximal point method: minimise the sampled term, held near where one stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.averaged import Averaged
from tendsto.optim.gradient_descent import check_step


@register("stochastic-proximal-point")
@dataclass(frozen=True)
class StochasticProximalPoint(Method):
    """x_{t+1} = argmin_y f_i(y) + ||y - x_t||^2 / (2 lr_t), i drawn afresh, lr_t = lr / (t + 1)^decay.

    No step is too long: it needs no smoothness, but the proximal map of every f_i, the problem's `sample_prox`.

    Raises:
        ValueError: `lr` is not above 0, or `decay` not in [0, 1].

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2024, v3), section 12, stochastic proximal point: that
    it is there was read, its form is recalled; Bertsekas, Incremental proximal methods (2011).

    >>> StochasticProximalPoint(lr=10.0).lr
    10.0
    """

    lr: float = 1.0
    decay: float = 0.0

    asks = ("sample_prox",)

    def __post_init__(self) -> None:
        check_step(self.lr)
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay = {self.decay} is out of range: use a number in [0, 1], such as 0.5")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        size = self.lr / (state["count"] + 1) ** self.decay
        return {"x": oracle.sample_prox(state["x"], size), "count": state["count"] + 1}, {}


@register("averaged-stochastic-proximal-point")
def averaged_stochastic_proximal_point() -> Averaged:
    """The stochastic proximal point method, answering with an average of the points visited."""
    return Averaged(StochasticProximalPoint())
