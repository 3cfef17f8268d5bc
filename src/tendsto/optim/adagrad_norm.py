"""AdaGrad-Norm: one step size for all entries, from the sum of the squared norms of all gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.core.tree import leaves
from tendsto.optim.eager import working
from tendsto.optim.settings import at_least_zero
from tendsto.optim.torch_optimizer import RuleOptimizer


@register("adagrad-norm")
@dataclass(frozen=True)
class AdaGradNormRule(Rule):
    """Steps of a length that adapts to the gradients seen, without knowing L: lr is a length, not a rate.

    With s = `initial` before the first step, the present gradient included,

        s <- s + ||g||^2
        x <- x - lr * g / sqrt(s)

    The norm is that of all tensors of the point together (of one tensor, where the rule is applied to one by hand).

    State: "sum" s, shape ().

    Raises:
        ValueError: a negative lr, or `initial` not above 0.

    Source: Streeter and McMahan 2010; Ward, Wu and Bottou 2019, arXiv 1806.01811, Algorithm 1; Lau, Liu and Kolar 2024,
    arXiv 2402.11215. The latter's code sums by rows of matrices; theirs and this differ there.

    >>> x, _ = AdaGradNormRule(lr=0.1).update(torch.zeros(2), torch.tensor([3.0, 4.0]), {"sum": torch.zeros(())}, 1)
    >>> [round(v, 6) for v in x.tolist()]
    [-0.06, -0.08]
    """

    lr: float = 1.0
    initial: float = 1e-4

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr)
        if not 0 < self.initial < math.inf:
            raise ValueError(f"initial = {self.initial} is no sum of squares to start from: use a number above 0")

    @property
    def flat(self) -> bool:
        return False

    def _joins(self, x: Any) -> bool:
        # One sum for all tensors: they are updated as one.
        return isinstance(x, dict) and len({leaf.dtype for leaf in leaves(x)}) == 1

    def slots(self, parameter: Tensor) -> Slots:
        return {"sum": parameter.new_ones(()) * self.initial}

    def sums(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Scalars:
        return {"square": (gradient * gradient).sum()}

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return gradient

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        total = slots["sum"] + scalars["square"]
        return self.lr * gradient / total.sqrt(), {"sum": total}


class AdaGradNorm(RuleOptimizer, rule=AdaGradNormRule):
    """`AdaGradNormRule` as a torch optimizer: one sum for all tensors of a parameter group.

    >>> weight, bias = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    >>> weight.grad, bias.grad = torch.tensor([3.0]), torch.tensor([4.0])
    >>> AdaGradNorm([weight, bias], lr=0.1).step()
    >>> round(weight.item(), 4), round(bias.item(), 4)
    (0.94, 0.92)
    """

    def _advance(self, rule: Rule, step: float, items: list[tuple[Tensor, Tensor, Slots]]) -> None:
        total = torch.stack([(working(g) ** 2).sum() for _, g, _ in items]).sum()
        for p, g, slots in items:
            new, now = rule.apply(working(p), working(g), slots, {"square": total})
            p.copy_(new)
            slots["sum"].copy_(now["sum"])
