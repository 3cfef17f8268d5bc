"""Adam and AdamW: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero, average, decay_rates
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("adam")
@dataclass(frozen=True)
class AdamRule(Rule):
    """Adaptive moments: every entry moves by about lr, whatever the scale of its gradient.

    With g the gradient and t = 1, 2, ... the step,

        m <- b1 m + (1 - b1) g              v <- b2 v + (1 - b2) g^2
        x <- x - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

    so |move| <= lr * max(1, (1 - b1) / sqrt(1 - b2)), and scaling all gradients changes nothing but eps. Weight decay
    is added to the gradient (`decoupled=False`, Adam) or multiplies x by 1 - lr * weight_decay (`True`, AdamW).
    `amsgrad` divides by the largest v so far, which repairs the proof of convergence.

    State: "exp_avg" m and "exp_avg_sq" v (and "max_exp_avg_sq"), of the shape of the tensor, zero at first.

    Source: Kingma and Ba 2015, arXiv 1412.6980, Algorithm 1; decoupled: Loshchilov and Hutter 2019; amsgrad: Reddi,
    Kale and Kumar 2018. Equal to `torch.optim.Adam` and `AdamW`. The paper's more efficient order, with eps before
    bias correction, is another eps and is not offered.

    Raises:
        ValueError: a negative setting, or betas outside [0, 1).

    >>> x, _ = AdamRule(lr=0.1).update(torch.zeros(2), torch.tensor([3.0, -0.5]), AdamRule().slots(torch.zeros(2)), 1)
    >>> [round(v, 6) for v in x.tolist()]
    [-0.1, 0.1]
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False
    amsgrad: bool = False

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        decay_rates(self.betas)

    def slots(self, parameter: Tensor) -> Slots:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if self.amsgrad else ("exp_avg", "exp_avg_sq")
        return {name: torch.zeros_like(parameter) for name in names}

    def scalars(self, step: Any) -> Scalars:
        b1, b2 = self.betas
        return {"size": self.lr / (1 - b1**step), "root": (1 - b2**step) ** 0.5}

    def shrink(self) -> Any:
        return 1 - self.lr * self.weight_decay if self.decoupled else None

    def _gradient(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        if self.decoupled or (isinstance(self.weight_decay, float) and self.weight_decay == 0):
            return gradient
        return gradient + self.weight_decay * parameter

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return average(slots["exp_avg"], self._gradient(parameter, gradient), self.betas[0])

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        gradient = self._gradient(parameter, gradient)
        m = average(slots["exp_avg"], gradient, self.betas[0])
        v = average(slots["exp_avg_sq"], gradient * gradient, self.betas[1])
        slots = {"exp_avg": m, "exp_avg_sq": v, **_largest(slots, v)}
        denominator = slots.get("max_exp_avg_sq", v).sqrt() / scalars["root"] + self.eps
        return scalars["size"] * m / denominator, slots


def _largest(slots: Slots, v: Tensor) -> Slots:
    """Return the updated largest second moment, where one is kept."""
    return {"max_exp_avg_sq": torch.maximum(slots["max_exp_avg_sq"], v)} if "max_exp_avg_sq" in slots else {}


@register("adamw")
def adamw() -> AdamRule:
    """Return `AdamRule` with decoupled weight decay, 0.01 by default."""
    return AdamRule(weight_decay=0.01, decoupled=True)


class Adam(RuleOptimizer, rule=AdamRule):
    """`AdamRule` as a torch optimizer: Adam, with weight decay added to the gradient.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, -20.0])
    >>> Adam([weight], lr=0.1).step()
    >>> [round(v, 6) for v in weight.tolist()]
    [0.9, 1.1]
    """


class AdamW(RuleOptimizer, rule=adamw):
    """`AdamRule` as a torch optimizer, with decoupled weight decay.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    >>> model(torch.ones(4, 3)).sum().backward()
    >>> optimizer.step()
    >>> AdamW.rule(lr=0.1)
    AdamRule(lr=0.1, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, decoupled=True, amsgrad=False)
    """
