"""Stochastic gradient descent, with momentum, Nesterov's form and weight decay."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("sgd")
@dataclass(frozen=True)
class SGDRule(Rule):
    """Gradient descent along a running sum of gradients.

    With g the gradient plus `weight_decay` * x, and m = 0 before the first step,

        m <- momentum * m + g
        x <- x - lr * d,   d = m, or g + momentum * m in Nesterov's form.

    State: "momentum", of the shape of the tensor; none where momentum is 0.

    Source: Polyak 1964; Nesterov's form as Sutskever et al. 2013 write it. Differs from `torch.optim.SGD` in nothing
    (it has no `dampening`).

    Raises:
        ValueError: a negative setting, or Nesterov's form without momentum.

    >>> x, slots = SGDRule(lr=0.5, momentum=0.5).update(torch.ones(1), torch.ones(1), {"momentum": torch.ones(1)}, 2)
    >>> x.item(), slots["momentum"].item()
    (0.25, 1.5)
    """

    lr: float = 1e-2
    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov = True changes nothing without momentum: use momentum above 0, such as 0.9")

    def slots(self, parameter: Tensor) -> Slots:
        # A lane's momentum is a tensor; only a plain 0 says for certain that no lane needs the slot.
        if isinstance(self.momentum, int | float) and self.momentum == 0:
            return {}
        return {"momentum": torch.zeros_like(parameter)}

    def _direction(self, parameter: Tensor, gradient: Tensor, slots: Slots) -> tuple[Tensor, Slots]:
        gradient = gradient + self.weight_decay * parameter
        if not slots:
            return gradient, {}
        momentum = self.momentum * slots["momentum"] + gradient
        return gradient + self.momentum * momentum if self.nesterov else momentum, {"momentum": momentum}

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return self._direction(parameter, gradient, slots)[0]

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        direction, slots = self._direction(parameter, gradient, slots)
        return self.lr * direction, slots


class SGD(RuleOptimizer, rule=SGDRule):
    """`SGDRule` as a torch optimizer: stochastic gradient descent with momentum.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, 2.0])
    >>> SGD([weight], lr=0.5).step()
    >>> weight.tolist()
    [0.5, 0.0]
    """
