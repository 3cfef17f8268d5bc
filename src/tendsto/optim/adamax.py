"""AdaMax: Adam with the maximum norm in place of the root mean square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero, average, decay_rates, one_of
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("adamax")
@dataclass(frozen=True)
class AdaMaxRule(Rule):
    """Adam with an exponentially weighted maximum of |g| as the divisor, which needs no bias correction.

        m <- b1 m + (1 - b1) g              u <- max(b2 u, |g|)
        x <- x - lr / (1 - b1^t) * m / u    (no move where u = 0)

    The paper has no eps. `variant="official"`, as torch does it, keeps one inside: u <- max(b2 u, |g| + eps). Weight
    decay is added to the gradient.

    State: "exp_avg" m and "exp_inf" u, of the shape of the tensor, zero at first.

    Source: Kingma and Ba 2015, arXiv 1412.6980, Algorithm 2; "official": `torch.optim.Adamax`.

    Raises:
        ValueError: a negative setting, betas outside [0, 1), or an unknown variant.

    >>> x, _ = AdaMaxRule(lr=0.5).update(torch.zeros(2), torch.tensor([3.0, 0.0]), AdaMaxRule().slots(torch.zeros(2)), 1)
    >>> x.tolist()
    [-0.5, 0.0]
    """

    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    variant: str = "paper"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        decay_rates(self.betas)
        one_of("variant", self.variant, ("paper", "official"))

    def slots(self, parameter: Tensor) -> Slots:
        return {"exp_avg": torch.zeros_like(parameter), "exp_inf": torch.zeros_like(parameter)}

    def scalars(self, step: Any) -> Scalars:
        return {"size": self.lr / (1 - self.betas[0] ** step)}

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return average(slots["exp_avg"], gradient + self.weight_decay * parameter, self.betas[0])

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        gradient = gradient + self.weight_decay * parameter
        m = average(slots["exp_avg"], gradient, self.betas[0])
        size = gradient.abs() + self.eps if self.variant == "official" else gradient.abs()
        u = torch.maximum(self.betas[1] * slots["exp_inf"], size)
        # u = 0 only where every gradient so far was 0, and m with them.
        divisor = u if self.variant == "official" else torch.where(u == 0, 1.0, u)
        return scalars["size"] * m / divisor, {"exp_avg": m, "exp_inf": u}


class AdaMax(RuleOptimizer, rule=AdaMaxRule):
    """`AdaMaxRule` as a torch optimizer.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, -20.0])
    >>> AdaMax([weight], lr=0.5).step()
    >>> weight.tolist()
    [0.5, 1.5]
    """
