"""SGD with a step that is constant at first and then decreases like 2 / (mu t)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.gradient_descent import check_step


@register("switching-sgd")
@dataclass(frozen=True)
class SwitchingSGD(Rule):
    """x_{t+1} = x_t - lr_t g_t, with lr_t = lr for t <= switch, then (2t + 1) / ((t + 1)^2 mu).

    The theorem takes lr = 1/(2 L_max) and switch = 4 ceil(L_max / mu), see `theory.SGDSwitching`.

    Raises:
        ValueError: `lr` or `strongly_convex` is not above 0, or `switch` is negative.

    Source: Garrigos and Gower, Handbook of Convergence Theorems (2023), SGD, strongly convex, switching step; after
    Gower et al., SGD: general analysis and improved rates (2019), Theorem 3.2. Recalled.

    >>> rule = SwitchingSGD(lr=0.5, switch=4, strongly_convex=1.0)
    >>> rule.scalars(5)["size"], round(rule.scalars(10)["size"], 3)
    (0.5, 0.19)
    """

    lr: float = 0.1
    switch: int = 40
    strongly_convex: float = 1.0

    def __post_init__(self) -> None:
        check_step(self.lr)
        if not self.strongly_convex > 0:
            raise ValueError(f"strongly_convex = {self.strongly_convex} cannot be mu: use a number above 0")
        if self.switch < 0:
            raise ValueError(f"switch = {self.switch} is no iteration: use a whole number of at least 0")

    def scalars(self, step: Any) -> Scalars:
        t = step - 1
        later = (2 * t + 1) / ((t + 1) ** 2 * self.strongly_convex)
        return {"size": later + (t <= self.switch) * (self.lr - later)}

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        return scalars["size"] * gradient, slots
