"""EXAdam: Adam whose two corrected moments look at each other, and which adds the gradient itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import at_least_zero, average, decay_rates, one_of
from tendsto.optim.torch_optimizer import RuleOptimizer

VARIANTS = ("v2", "v1")


@register("exadam")
@dataclass(frozen=True)
class EXAdamRule(Rule):
    """Adam with cross-moment corrections d1 and d2, and the corrected gradient added to the corrected momentum.

    With g the gradient, t = 1, 2, ... the step, and all operations by entry,

        m <- b1 m + (1 - b1) g              d1 = 1 + b2^t v / (v + eps)
        v <- b2 v + (1 - b2) g^2            d2 = 1 + b1^t m^2 / (m^2 + eps)
        x <- (1 - lr * weight_decay) x - lr_t * d1 (m + g) / (1 - b1^t) / (sqrt(d2 v / (1 - b2^t)) + eps)

    where lr_t = lr (variant="v2", the paper's second version, the default) or lr ln(2 (t + 1)) / 2, which grows without
    end ("v1", its first version). Its steps are 2 to 16 times Adam's at the same lr ("v2") or about 10 times ("v1"):
    see `exadam_gain`. So a comparison with Adam at one lr compares step sizes.

    eps is compared with v and m^2, not with their roots: gradients of about sqrt(eps) = 1e-4 are already told apart
    from larger ones, where Adam notices those of about 1e-8.

    State: "exp_avg" m and "exp_avg_sq" v, of the shape of the tensor, zero at first.

    Source: Adly 2024, arXiv 2412.20302, versions 1 and 2, as the official repository and its history have them. Weight
    decay is in that code only, not in the paper's algorithm.

    Raises:
        ValueError: a negative setting, betas outside [0, 1), or an unknown variant.

    >>> rule = EXAdamRule(lr=0.1)
    >>> x, _ = rule.update(torch.zeros(2), torch.tensor([3.0, -0.5]), rule.slots(torch.zeros(2)), 1)
    >>> [round(v, 3) for v in x.tolist()]
    [-1.595, 1.595]
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    variant: str = "v2"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        decay_rates(self.betas)
        one_of("variant", self.variant, VARIANTS)

    def slots(self, parameter: Tensor) -> Slots:
        return {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}

    def scalars(self, step: Any) -> Scalars:
        b1, b2 = self.betas
        first, second = b1**step, b2**step
        growth = 1.0 if self.variant == "v2" else _log(2 * (step + 1)) / 2
        # Its reciprocal, for entries are divided often enough.
        unbiased = (1 - second) ** -0.5
        return {"size": self.lr * growth / (1 - first), "unbiased": unbiased, "first": first, "second": second}

    def shrink(self) -> Any:
        return 1 - self.lr * self.weight_decay

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return average(slots["exp_avg"], gradient, self.betas[0]) + gradient

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        m = average(slots["exp_avg"], gradient, self.betas[0])
        v = average(slots["exp_avg_sq"], gradient * gradient, self.betas[1])
        square = m * m
        d1 = 1 + scalars["second"] * (v / (v + self.eps))
        d2 = 1 + scalars["first"] * (square / (square + self.eps))
        denominator = (v * d2).sqrt() * scalars["unbiased"] + self.eps
        return scalars["size"] * d1 * (m + gradient) / denominator, {"exp_avg": m, "exp_avg_sq": v}


class EXAdam(RuleOptimizer, rule=EXAdamRule):
    """`EXAdamRule` as a torch optimizer.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([1.0, -20.0])
    >>> EXAdam([weight], lr=0.01).step()
    >>> [round(v, 4) for v in weight.tolist()]
    [0.8405, 1.1595]
    """


def exadam_gain(step: int, betas: tuple[float, float] = (0.9, 0.999), variant: str = "v2") -> float:
    """Return |move| / lr at `step` under a constant gradient as eps goes to 0, which is 1 for Adam at every step.

    It is (1 + b2^t) (1 + 1 / (1 - b1^t)) / sqrt(1 + b1^t), times ln(2 (t + 1)) / 2 in the first version.

    Source: derived from the algorithm; the paper does not give it.

    Raises:
        ValueError: `step` below 1, betas outside [0, 1), or an unknown variant.

    >>> [round(exadam_gain(t), 2) for t in (1, 10, 10_000)], round(exadam_gain(1, variant="v1"), 2)
    ([15.95, 4.34, 2.0], 11.06)
    """
    if step < 1:
        raise ValueError(f"step = {step} is none: steps are counted from 1")
    decay_rates(betas)
    one_of("variant", variant, VARIANTS)
    first, second = betas[0] ** step, betas[1] ** step
    growth = 1.0 if variant == "v2" else math.log(2 * (step + 1)) / 2
    return (1 + second) * (1 + 1 / (1 - first)) / (1 + first) ** 0.5 * growth


def _log(value: Any) -> Any:
    return value.log() if isinstance(value, Tensor) else math.log(value)
