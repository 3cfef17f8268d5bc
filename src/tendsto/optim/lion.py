"""Lion: the sign of an interpolated momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero, average, decay_rates
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("lion")
@dataclass(frozen=True)
class LionRule(Rule):
    """Evolved sign momentum: every entry moves by exactly lr, in the direction of a momentum with two decay rates.

        x <- (1 - lr * weight_decay) x - lr * sign(b1 m + (1 - b1) g)
        m <- b2 m + (1 - b2) g

    with sign(0) = 0. Its lr is usually 3 to 10 times smaller than AdamW's and its weight decay as much larger. With
    decay it minimises under the constraint |x| <= 1 / weight_decay.

    State: "exp_avg" m, of the shape of the tensor, zero at first: half of Adam's.

    Source: Chen et al. 2023, arXiv 2302.06675, Algorithm 2 (recalled).

    Raises:
        ValueError: a negative setting, or betas outside [0, 1).

    >>> x, slots = LionRule(lr=0.5).update(torch.zeros(2), torch.tensor([3.0, -0.1]), {"exp_avg": torch.zeros(2)}, 1)
    >>> x.tolist()
    [-0.5, 0.5]
    """

    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, weight_decay=self.weight_decay)
        decay_rates(self.betas)

    def slots(self, parameter: Tensor) -> Slots:
        return {"exp_avg": torch.zeros_like(parameter)}

    def shrink(self) -> Any:
        return 1 - self.lr * self.weight_decay

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return average(slots["exp_avg"], gradient, self.betas[0])

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        direction = average(slots["exp_avg"], gradient, self.betas[0]).sign()
        return self.lr * direction, {"exp_avg": average(slots["exp_avg"], gradient, self.betas[1])}


class Lion(RuleOptimizer, rule=LionRule):
    """`LionRule` as a torch optimizer.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, -20.0])
    >>> Lion([weight], lr=0.25).step()
    >>> weight.tolist()
    [0.75, 1.25]
    """
