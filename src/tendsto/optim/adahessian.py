"""AdaHessian: Adam with the diagonal of the Hessian in the place of the gradient's square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.core.tree import tree_map
from tendsto.optim.difference import PRODUCTS, answering, asks_for, declines_differences
from tendsto.optim.entrywise import Answers, EntrywiseMethod
from tendsto.optim.hutchinson import DIAGONALS, diagonal_of
from tendsto.optim.method_optimizer import MethodOptimizer
from tendsto.optim.settings import at_least_zero, average, decay_rates, one_of

BLOCKS = ("auto", "row", "none")
VARIANTS = ("official", "paper")


def block_average(tensor: Tensor, block: str | int) -> Tensor:
    """Return a tensor with every entry replaced by the mean of its block.

    block: "auto", the kernel of a convolution (all axes beyond the second; the last of a tensor of three axes); "row",
        all axes but the first; a number b, b entries in a row of a tensor of two axes or more, the last block shorter
        where they do not go up; "none". Vectors are left alone.

    >>> block_average(torch.tensor([[1.0, 3.0], [5.0, 7.0]]), "row").tolist()
    [[2.0, 2.0], [6.0, 6.0]]
    >>> block_average(torch.tensor([[1.0, 3.0, 5.0]]), 2).tolist()
    [[2.0, 2.0, 5.0]]
    """
    if tensor.ndim < 2 or block == "none":
        return tensor
    if isinstance(block, int):
        flat = tensor.reshape(-1)
        whole = flat.shape[0] // block * block
        pieces = [flat[:whole].reshape(-1, block), flat[whole:].reshape(1, -1)]
        means = [p.mean(dim=1, keepdim=True).expand_as(p).reshape(-1) for p in pieces if p.numel()]
        return torch.cat(means).reshape(tensor.shape)
    first = 1 if block == "row" else 2
    axes = tuple(range(first, tensor.ndim))
    return tensor.mean(dim=axes, keepdim=True).expand_as(tensor) if axes else tensor


@dataclass(frozen=True)
class AdaHessianRule(Rule):
    """The update of `AdaHessianMethod`, of which the gradient and the slot "diagonal", D, are given.

    >>> AdaHessianRule(lr=0.15, betas=(0.9, 0.999), eps=1e-4, weight_decay=0.0, hessian_power=1).elementwise
    True
    """

    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    hessian_power: float

    def scalars(self, step: Any) -> Scalars:
        b1, b2 = self.betas
        return {"first": 1 - b1**step, "second": 1 - b2**step}

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        d, (b1, b2) = slots["diagonal"], self.betas
        m, v = average(slots["exp_avg"], gradient, b1), average(slots["exp_hessian_diag_sq"], d * d, b2)
        scale = (v / scalars["second"]) ** (self.hessian_power / 2) + self.eps
        move = self.lr * (m / scalars["first"] / scale + self.weight_decay * parameter)
        return move, {"exp_avg": m, "exp_hessian_diag_sq": v}


@register("adahessian")
@dataclass(frozen=True)
class AdaHessianMethod(EntrywiseMethod):
    """Adam's form with curvature: steps in units of |Hessian diagonal|, whatever the scale of a coordinate.

    With g the gradient and D an estimate of the Hessian's diagonal, z * (H z) for random signs z, averaged in blocks,

        m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) D^2
        x <- x - lr (m / (1 - b1^t) / ((v / (1 - b2^t))^(k/2) + eps) + weight_decay x)

    hessian_power: k; 1 is Newton's scale, 0 gradient descent.
    block: what is averaged, see `block_average`; "auto" is the official code for images, "row" and 32 are those of its
        other versions.
    variant: "official" averages |D| in a block, "paper" D itself. They are the same without blocks. Where entries of a
        block differ in sign, the former does not tend to the mean curvature however many samples are drawn.
    samples: draws of z in a step, one product with the Hessian each. update_every: q > 1 draws at steps 1, 1 + q, ...
        only and keeps D in between; such runs are never lanes, since lanes may not branch.
    diagonal: "hutchinson", or "exact" by one product for each entry: for theory and small problems.
    products: "exact", or "difference": H z from one more gradient on the same batch, so that a step costs two gradients
        and asks for nothing else; not for networks with kinks such as ReLU: see `GradientDifferences`.

    State: "exp_avg" m and "exp_hessian_diag_sq" v, shaped as the point; "step", float64; "diagonal" D where q > 1.

    Source: Yao et al. 2020, arXiv 2006.00719, Algorithms 1 and 2 and official code (both recalled). The decay is
    decoupled, as in the official code, which calls it an L2 penalty.

    Raises:
        ValueError: a negative setting, betas outside [0, 1), hessian_power above 1, fewer than one sample, an unknown
            block, variant, diagonal or kind of product.

    >>> import tendsto as tt
    >>> problem = tt.problems.Quadratic(dimension=9, smallest=1e-4, largest=1e2)
    >>> trace = tt.iterate(AdaHessianMethod(lr=0.15), problem, steps=200)
    >>> bool(trace.final()[0] < 1e-6 * trace["f(x) - f*"][0, 0])
    True
    """

    lr: float = 0.15
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-4
    weight_decay: float = 0.0
    hessian_power: float = 1.0
    block: str | int = "auto"
    variant: str = "official"
    samples: int = 1
    update_every: int = 1
    diagonal: str = "hutchinson"
    products: str = "exact"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay, hessian_power=self.hessian_power)
        decay_rates(self.betas)
        if self.hessian_power > 1:
            raise ValueError(f"hessian_power = {self.hessian_power} overshoots Newton's scale: use a number in [0, 1]")
        for name, value in (("samples", self.samples), ("update_every", self.update_every)):
            if value < 1:
                raise ValueError(f"{name} = {value} is no count: use a whole number of at least 1")
        if not isinstance(self.block, int):
            one_of("block", self.block, BLOCKS)
        elif self.block < 1:
            raise ValueError(f"block = {self.block} averages nothing: use a whole number of at least 1")
        one_of("variant", self.variant, VARIANTS)
        one_of("diagonal", self.diagonal, DIAGONALS)
        one_of("products", self.products, PRODUCTS)

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[override]
        return asks_for(self.products)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_differences(self.products, problem)

    @property
    def lanes(self) -> str | None:  # type: ignore[override]
        return "vmap" if self.update_every == 1 else None

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        names = ["exp_avg", "exp_hessian_diag_sq", *(["diagonal"] if self.update_every > 1 else [])]
        zeros = {name: tree_map(lambda _, p: torch.zeros_like(p), x) for name in names}
        return {"x": x, **zeros, "step": torch.zeros((), dtype=torch.float64)}

    def entrywise(self) -> AdaHessianRule:
        # Of a whole number, which code can be compiled for, the power is a root and no logarithm.
        power = self.hessian_power
        whole = int(power) if isinstance(power, float) and power.is_integer() else power
        return AdaHessianRule(self.lr, self.betas, self.eps, self.weight_decay, whole)

    def ask(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> Answers:
        x, oracle = state["x"], answering(self.products, oracle)
        # Products before the gradient: where both come from one graph, that order makes it once.
        if self.update_every == 1 or int(state["step"]) % self.update_every == 0:
            diagonal = self._estimate(oracle, x, rng)
        else:
            diagonal = state["diagonal"]
        value, gradient = oracle.value_and_gradient(x)
        inputs = {"diagonal": diagonal}
        return Answers(value, gradient, inputs, kept={} if self.update_every == 1 else inputs)

    def _estimate(self, oracle: Oracle, x: Any, rng: Random) -> Any:
        """Return the estimate of the Hessian's diagonal, averaged in blocks."""
        raw = diagonal_of(self.diagonal, oracle, x, rng, self.samples)
        return tree_map(lambda _, d: block_average(d.abs() if self.variant == "official" else d, self.block), raw)


class AdaHessian(MethodOptimizer, method=AdaHessianMethod):
    """`AdaHessianMethod` as a torch optimizer, whose step takes the loss as a closure that does not call backward.

    Cheapest for networks without kinks: `products="difference"`, two gradients a step, and `compiled=True`, one pass
    over memory for the update.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = AdaHessian(model, lr=0.15)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    >>> dict(optimizer.calls)
    {'hvp': 1, 'gradient': 1}
    """
