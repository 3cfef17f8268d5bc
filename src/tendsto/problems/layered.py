"""Layered: finite sums whose terms are losses of a network's outputs, and what second-order methods ask of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Point
from tendsto.core.tree import tree_map
from tendsto.problems.finite_sum import FiniteSum
from tendsto.problems.layer_tape import Layer, LayerTape


class Layered(FiniteSum):
    """f(x) = loss(outputs(x)) + penalty(x). A subclass gives `predict` and `predicted_loss`, whose sum is `value`.

    `layer_gradients` asks that `predict` calls the layers of `torch.nn.functional` with the point's own tensors.
    """

    oracles = (*FiniteSum.oracles, "layer_gradients", "gauss_newton")

    def predict(self, x: Point, which: Tensor | None) -> Tensor:
        """Return the network's outputs for the terms `which` (m,) int64, or for all of them."""
        raise NotImplementedError(f"{type(self).__name__} has no network: define predict(x, which)")

    def predicted_loss(self, outputs: Tensor, which: Tensor | None) -> Tensor:
        """Return the mean loss of outputs of `predict` for the terms `which`, convex in the outputs."""
        raise NotImplementedError(f"{type(self).__name__} has no loss: define predicted_loss(outputs, which)")

    def penalty(self, x: Point) -> Tensor | float:
        """Return the convex part of the value that depends on the point directly, at most quadratic."""
        return 0.0

    def layer_gradients(self, x: Point, sample: Any = None) -> tuple[Tensor, Point, dict[str, Layer]]:
        """Return value, gradient and layers by name, for the price of a gradient; see `LayerTape`.

        The layer of a bare tensor is called "". The penalty is in value and gradient, not in the layers.
        """
        with torch.enable_grad():
            leaf = tree_map(lambda _, t: t.detach().requires_grad_(), x)
            with LayerTape(named(leaf)) as tape:
                loss = self.predicted_loss(self.predict(leaf, sample), sample)
            gradient, layers = tape.gradients(loss)
        value, gradient = loss.detach(), tree_map(lambda name, _: gradient[name], x)
        if type(self).penalty is not Layered.penalty:
            own, penalty = torch.func.grad_and_value(self.penalty)(x)
            value, gradient = value + penalty, tree_map(lambda _, a, b: a + b, gradient, own)
        return value, gradient, layers

    def gauss_newton(self, x: Point, v: Point, sample: Any = None) -> Point:
        """Return J^T H J v + (penalty's Hessian) v, shaped as `x`.

        J is the derivative of the outputs, H the Hessian of the mean loss in the outputs, so the product has the scale
        of the mean. It costs one product with J and one with J^T, and never forms a matrix.

        Source: Schraudolph 2002. J v is the transpose of the linear map u -> J^T u, as forward mode is loaded slowly.
        """
        vjp, grad = torch.func.vjp, torch.func.grad

        def loss(outputs: Tensor) -> Tensor:
            return self.predicted_loss(outputs, sample)

        outputs, pull = vjp(lambda y: self.predict(y, sample), x)  # type: ignore[reportAssignmentType]
        (moved,) = vjp(lambda u: pull(u)[0], torch.zeros_like(outputs))[1](v)
        (curved,) = vjp(grad(loss), outputs)[1](moved)
        product = pull(curved)[0]
        if type(self).penalty is Layered.penalty:
            return product
        own = vjp(grad(self.penalty), x)[1](v)[0]
        return tree_map(lambda _, a, b: a + b, product, own)


def named(tree: Any) -> dict[str, Any]:
    """Return the leaves of `tree` by name.

    >>> named({"u": 1, "v": {"w": 2}})
    {'u': 1, 'v.w': 2}
    """
    found: dict[str, Any] = {}
    tree_map(found.__setitem__, tree)
    return found
