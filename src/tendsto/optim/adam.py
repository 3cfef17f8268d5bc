"""Adam and AdamW."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Slots


@register("adam")
@dataclass(frozen=True)
class AdamRule(Rule):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  x <- x - lr * m_hat / (sqrt(v_hat) + eps)."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def slots(self, parameter: Tensor) -> Slots:
        return {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}

    def update(self, parameter: Tensor, gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
        b1, b2 = self.betas
        if self.decoupled:
            parameter = parameter * (1 - self.lr * self.weight_decay)
        else:
            gradient = gradient + self.weight_decay * parameter
        m = slots["exp_avg"] + (1 - b1) * (gradient - slots["exp_avg"])
        v = b2 * slots["exp_avg_sq"] + (1 - b2) * gradient * gradient
        size = self.lr / (1 - b1**step)
        denominator = v.sqrt() / (1 - b2**step).sqrt() + self.eps
        return parameter - size * m / denominator, {"exp_avg": m, "exp_avg_sq": v}
