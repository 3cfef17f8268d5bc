"""K-FAC: Kronecker-factored preconditioning with factors of second moments, inverted outright."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule
from tendsto.optim.layered_closure import LayeredClosure
from tendsto.optim.method_optimizer import MethodOptimizer
from tendsto.optim.mkor import preconditioned
from tendsto.optim.preconditioned import base_init, base_step, per_example
from tendsto.optim.sgd import SGDRule
from tendsto.problems.layer_tape import Layer


def damped_inverse(factor: Tensor, damping: float) -> Tensor:
    """Return (factor + damping I)^{-1} of a symmetric positive semidefinite matrix (d, d), by Cholesky: d^3 operations.

    >>> damped_inverse(torch.eye(1), 1.0)
    tensor([[0.5000]])
    """
    eye = torch.eye(len(factor), dtype=factor.dtype, device=factor.device)
    return torch.cholesky_inverse(torch.linalg.cholesky(factor + damping * eye))


@register("kfac")
@dataclass(frozen=True)
class KFACMethod(Method):
    """Steps along S^{-1} G A^{-1}, with averaged second moments of inputs and output gradients.

    For each linear or convolution layer, every `update_every` steps from the first on, with a and s its inputs and the
    output gradients of single examples, a row a place,

        A <- gamma A + (1 - gamma) mean a a^T,   S <- gamma S + (1 - gamma) mean s s^T
        L^{-1} = (S + sqrt(damping) I)^{-1},     R^{-1} = (A + sqrt(damping) I)^{-1}

    and at every step D = L^{-1} G R^{-1}, brought to the norm of G, goes to `base` in the gradient's place. It is MKOR
    but for the factors: a baseline that inverts as often. The norm is MKOR's; Martens and Grosse bound the step by the
    quadratic model instead, and balance the damping between the factors.

    State: `base`'s; "factors" and "inverses": for each layer's weight "L" (outputs, outputs) and "R" (inputs, inputs).

    Source: Martens and Grosse 2015, arXiv 1503.05671, sections 3 and 6.3 (recalled), with the labels' own gradients:
    the empirical Fisher matrix.

    Raises:
        ValueError: gamma outside [0, 1), damping not above 0, update_every below 1.
        Declined: the problem has layers that are not known.

    >>> import tendsto as tt
    >>> trace = tt.iterate(KFACMethod(), tt.problems.DigitsMLP(hidden=8), steps=20)
    >>> bool(trace.final()[0] < trace["train loss"][0, 0])
    True
    """

    base: Rule = field(default=SGDRule(lr=0.1, momentum=0.9))
    gamma: float = 0.95
    update_every: int = 10
    damping: float = 1e-3

    asks: ClassVar[tuple[str, ...]] = ("gradient", "layer_gradients")
    lanes: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < 1:
            raise ValueError(f"gamma = {self.gamma} is not allowed: use a number of at least 0 and below 1")
        if not self.damping > 0:
            raise ValueError(f"damping = {self.damping} leaves singular factors: use a number above 0, such as 1e-3")
        if self.update_every < 1:
            raise ValueError(f"update_every = {self.update_every} never updates: use a whole number of at least 1")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {**base_init(self.base, oracle, rng), "factors": {}, "inverses": {}}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        value, gradient, layers = oracle.layer_gradients(state["x"])
        factors, inverses = state["factors"], state["inverses"]
        if int(state["step"]) % self.update_every == 0:
            known = [layer for layer in layers.values() if layer.kind in ("linear", "convolution")]
            factors = {layer.weight: self._factors(factors.get(layer.weight), layer) for layer in known}
            inverses = {weight: self._inverses(sides) for weight, sides in factors.items()}
        direction = preconditioned(gradient, layers, inverses)
        new, info = base_step(self.base, state, value, direction, rng)
        return {**new, "factors": factors, "inverses": inverses}, info

    def _factors(self, old: dict[str, Tensor] | None, layer: Layer) -> dict[str, Tensor]:
        """The averaged second moments; the first ones are taken whole."""
        a, s = per_example(layer)
        new = {"L": s.T @ s / len(s), "R": a.T @ a / len(a)}
        return new if old is None else {side: torch.lerp(old[side], new[side], 1 - self.gamma) for side in new}

    def _inverses(self, factors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {side: damped_inverse(f, self.damping**0.5) for side, f in factors.items()}


class KFAC(MethodOptimizer, method=KFACMethod):
    """`KFACMethod` as a torch optimizer, whose step takes the loss, a mean over the batch, as a closure.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = KFAC(model, lr=0.1)
    >>> loss = optimizer.step(lambda: model(torch.ones(4, 3)).square().mean())
    """

    problem = LayeredClosure
