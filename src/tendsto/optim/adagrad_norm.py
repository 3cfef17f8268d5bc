"""AdaGrad-Norm: one step size for all entries, from the sum of the squared norms of all gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.core.tree import leaves, tree_map, tree_unzip
from tendsto.optim.eager import working
from tendsto.optim.settings import at_least_zero, one_of
from tendsto.optim.torch_optimizer import RuleOptimizer

VARIANTS = ("paper", "official")


def squares_by_row(gradients: list[Tensor]) -> list[Tensor]:
    """Return what the authors' code of AdAdaGrad adds to the sums of one tensor after another.

    For a matrix, and for a convolution's weight of four axes, the squared norm of each row w[i], shape (n, 1) or
    (n, 1, 1, 1). For any other tensor its squared entries, and beside them the squared norms of the rows of the last
    such weight before it, averaged in groups, where their number is a multiple of its length: a bias so gets its row's.

    >>> w, b = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([3.0, 0.0])
    >>> [square.flatten().tolist() for square in squares_by_row([b, w, b])]
    [[9.0, 0.0], [5.0, 1.0], [14.0, 1.0]]
    """
    found, rows = list[Tensor](), None
    for g in gradients:
        square = g * g
        if g.ndim in (2, 4):
            square = square.sum(dim=tuple(range(1, g.ndim)), keepdim=True)
            rows = square.flatten()
        # Of a tensor of three axes or five the code adds a vector along the last axis, where the shapes let it.
        elif rows is not None and g.ndim and len(rows) % len(g) == 0 and len(g) in (1, g.shape[-1]):
            square = square + rows.reshape(len(g), -1).mean(dim=1).to(square)
        found.append(square)
    return found


@register("adagrad-norm")
@dataclass(frozen=True)
class AdaGradNormRule(Rule):
    """Steps of a length that adapts to the gradients seen, without knowing L: lr is a length, not a rate.

    With s = `initial` before the first step, the present gradient included,

        s <- s + ||g||^2
        x <- x - lr * g / sqrt(s)

    The norm is that of all tensors of the point together (of one tensor, where the rule is applied to one by hand).

    variant: "paper" (default) is that. "official" is the code of Lau, Liu and Kolar, which has a sum for each row of a
        matrix (for each output channel of a convolution) and, for the entries of a bias, that of the weight before it
        and their own squares: see `squares_by_row`. It is AdaGrad with a step size for each row, and a point that is
        one vector is updated as AdaGrad does. The denominator is sqrt(s) + 1e-10. Theorems on AdaGrad-Norm, and the
        paper's text, are about the other one. Where it is applied to one tensor by hand, or inside another rule, no
        tensor comes before. Left out: the code's momentum, decay of lr and weight decay, which subtracts lr *
        weight_decay * g, the gradient in the weight's place; the authors' experiments use none.

    State: "sum" s, shape (); for "official" (n, 1) of a matrix, (n, 1, 1, 1) of a convolution, else the tensor's.

    Raises:
        ValueError: a negative lr, `initial` not above 0, or an unknown variant.

    Source: Streeter and McMahan 2010; Ward, Wu and Bottou 2019, arXiv 1806.01811, Algorithm 1; Lau, Liu and Kolar 2024,
    arXiv 2402.11215, and their code (adagradnorm.py, read), where `initial` is 1e-2.

    >>> x, _ = AdaGradNormRule(lr=0.1).update(torch.zeros(2), torch.tensor([3.0, 4.0]), {"sum": torch.zeros(())}, 1)
    >>> [round(v, 6) for v in x.tolist()]
    [-0.06, -0.08]
    """

    lr: float = 1.0
    initial: float = 1e-4
    variant: str = "paper"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr)
        one_of("variant", self.variant, VARIANTS)
        if not 0 < self.initial < math.inf:
            raise ValueError(f"initial = {self.initial} is no sum of squares to start from: use a number above 0")

    @property
    def flat(self) -> bool:
        return False

    def _joins(self, x: Any) -> bool:
        # One sum for all tensors: they are updated as one.
        return self.variant == "paper" and isinstance(x, dict) and len({leaf.dtype for leaf in leaves(x)}) == 1

    def slots(self, parameter: Tensor) -> Slots:
        by_row = self.variant == "official" and parameter.ndim in (2, 4)
        shape = (len(parameter), *[1] * (parameter.ndim - 1)) if by_row else parameter.shape
        return {"sum": parameter.new_ones(() if self.variant == "paper" else shape) * self.initial}

    def sums(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Scalars:
        return {"square": self.squares([gradient])[0]}

    def squares(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return what is added to the sum, or sums, of each tensor of a group."""
        if self.variant == "official":
            return squares_by_row(gradients)
        return [torch.stack([(g * g).sum() for g in gradients]).sum()] * len(gradients)

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        return gradient

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        total = slots["sum"] + scalars["square"]
        root = total.sqrt() + 1e-10 if self.variant == "official" else total.sqrt()
        return self.lr * gradient / root, {"sum": total}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        if self.variant == "paper":
            return super().step(state, oracle, rng)
        x = state["x"]
        value, gradient = oracle.value_and_gradient(x)
        squares = iter(self.squares(leaves(gradient)))

        def update(_: str, parameter: Tensor, gradient: Tensor, slots: Slots) -> tuple[Tensor, Slots]:
            return self.apply(parameter, gradient, slots, {"square": next(squares)})

        x, slots = tree_unzip(tree_map(update, x, gradient, state["slots"]), like=x)
        return {"x": x, "slots": slots, "step": state["step"] + 1}, {"value": value}


class AdaGradNorm(RuleOptimizer, rule=AdaGradNormRule):
    """`AdaGradNormRule` as a torch optimizer: one sum for all tensors of a parameter group.

    With variant="official" a weight and its bias have to be neighbours in one group. (In the code the row norms pass
    from one group to the next.)

    >>> weight, bias = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    >>> weight.grad, bias.grad = torch.tensor([3.0]), torch.tensor([4.0])
    >>> AdaGradNorm([weight, bias], lr=0.1).step()
    >>> round(weight.item(), 4), round(bias.item(), 4)
    (0.94, 0.92)
    """

    def _advance(self, rule: Rule, step: float, items: list[tuple[Tensor, Tensor, Slots]]) -> None:
        squares = rule.squares([working(g) for _, g, _ in items])  # type: ignore[reportAttributeAccessIssue]
        for (p, g, slots), square in zip(items, squares, strict=True):
            new, now = rule.apply(working(p), working(g), slots, {"square": square})
            p.copy_(new)
            slots["sum"].copy_(now["sum"])
