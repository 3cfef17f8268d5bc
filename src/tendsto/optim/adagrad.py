"""AdaGrad: steps divided by the root of the sum of all squared gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("adagrad")
@dataclass(frozen=True)
class AdaGradRule(Rule):
    """Every entry moves by lr over the root of the sum of its squared gradients so far.

    With g the gradient plus `weight_decay` * x, and s = 0 before the first step,

        s <- s + g^2
        x <- x - lr * g / (sqrt(s) + eps)

    State: "sum" s, of the shape of the tensor.

    Source: Duchi, Hazan and Singer 2011, the diagonal form; eps as in `torch.optim.Adagrad`, which it equals.

    Raises:
        ValueError: a negative setting.

    >>> x, _ = AdaGradRule(lr=0.1).update(torch.zeros(2), torch.tensor([3.0, -0.5]), {"sum": torch.zeros(2)}, 1)
    >>> [round(v, 6) for v in x.tolist()]
    [-0.1, 0.1]
    """

    lr: float = 1e-2
    eps: float = 1e-10
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)

    def slots(self, parameter: Tensor) -> Slots:
        return {"sum": torch.zeros_like(parameter)}

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return gradient + self.weight_decay * parameter

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        gradient = gradient + self.weight_decay * parameter
        total = slots["sum"] + gradient * gradient
        return self.lr * gradient / (total.sqrt() + self.eps), {"sum": total}


class AdaGrad(RuleOptimizer, rule=AdaGradRule):
    """`AdaGradRule` as a torch optimizer.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, -20.0])
    >>> AdaGrad([weight], lr=0.1).step()
    >>> [round(v, 6) for v in weight.tolist()]
    [0.9, 1.1]
    """
