"""Stochastic gradient descent, with momentum, Nesterov's form and weight decay."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Slots


@register("sgd")
@dataclass(frozen=True)
class SGDRule(Rule):
    """m <- momentum * m + g;  x <- x - lr * (m, or g + momentum * m in Nesterov's form)."""

    lr: float = 1e-2
    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def slots(self, parameter: Tensor) -> Slots:
        return {"momentum": torch.zeros_like(parameter)}

    def update(self, parameter: Tensor, gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
        gradient = gradient + self.weight_decay * parameter
        momentum = self.momentum * slots["momentum"] + gradient
        direction = gradient + self.momentum * momentum if self.nesterov else momentum
        return parameter - self.lr * direction, {"momentum": momentum}
