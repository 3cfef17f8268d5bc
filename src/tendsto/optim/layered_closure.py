"""A training loop's loss that answers for its layers, and for Gauss-Newton products where it is made of a module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Declined
from tendsto.optim.closure_problem import ClosureProblem, Tensors
from tendsto.problems.layer_tape import Layer, LayerTape


class LayeredClosure(ClosureProblem):
    """A `ClosureProblem` that answers `layer_gradients`, and `gauss_newton` where the optimizer was given the module.

    The loss is taken to be the mean over the batch. For `gauss_newton` it is a function of what the module answered,
    and the module is called once in the closure; terms of the loss that see the parameters past the module have no part
    in it.

    Raises:
        Declined: a layer that is not known; a module that was called never or twice, or that answers no tensor.
    """

    oracles = ("layer_gradients", "gauss_newton")
    _outputs: list[Any]
    _linear: tuple[Tensor, Tensor, tuple[Tensor, ...], Tensor] | None = None

    def offers(self) -> frozenset[str]:
        return super().offers() - (frozenset({"gauss_newton"}) if self.module is None else frozenset())

    def layer_gradients(self, x: Tensors, sample: Any = None) -> tuple[Tensor, Tensors, dict[str, Layer]]:
        """Return value, gradient and layers by name, for the price of a gradient; see `LayerTape`."""
        with self.at(x):
            with LayerTape(self.parameters) as tape:
                loss = self.evaluate()
            gradient, layers = tape.gradients(loss)
            return loss.detach() * self.sign, self._named(tuple(gradient.values())), layers

    def evaluate(self) -> Tensor:
        self._outputs = []
        if self.module is None:
            return super().evaluate()
        handle = self.module.register_forward_hook(lambda _, __, out: self._outputs.append(out))
        try:
            return super().evaluate()
        finally:
            handle.remove()

    def gauss_newton(self, x: Tensors, v: Tensors, sample: Any = None) -> Tensors:
        """Return J^T H J v, shaped as `x`: J the derivative of the module's outputs, H the loss's Hessian in them."""
        with self.at(x) as here:
            outputs, u, pulled, slope = self._linearised(here)
            along = [v[name].to(p.dtype) for name, p in self.parameters.items()]
            grad = torch.autograd.grad
            # J^T u is linear in u, so its derivative along v is J v.
            (moved,) = grad(pulled, u, along, retain_graph=True)
            if not slope.requires_grad:  # a loss that is linear in the outputs
                return {name: torch.zeros_like(t) for name, t in x.items()}
            (curved,) = grad(slope, outputs, moved, retain_graph=True)
            product = grad(outputs, list(self.parameters.values()), curved, retain_graph=True, allow_unused=True)
            pairs = zip(product, self.parameters.values(), strict=True)
            return self._named(tuple(torch.zeros_like(p) if g is None else g for g, p in pairs))

    def _linearised(self, here: bool) -> tuple[Tensor, Tensor, tuple[Tensor, ...], Tensor]:
        """The outputs, a cotangent u, J^T u, and the loss's gradient in the outputs, all with their graphs."""
        if here and self._linear is not None:
            return self._linear
        loss = self._loss_at(here)
        if len(self._outputs) != 1 or not isinstance(self._outputs[0], Tensor):
            raise Declined(
                f"{self.asker} needs the module's outputs: in the closure it was called {len(self._outputs)} times and "
                f"answered {type(self._outputs[0]).__name__ if self._outputs else 'nothing'}; call it once"
            )
        outputs = self._outputs[0]
        u = torch.zeros_like(outputs, requires_grad=True)
        parameters, grad = list(self.parameters.values()), torch.autograd.grad
        found = grad(outputs, parameters, u, create_graph=True, allow_unused=True)
        pulled = tuple(
            u.sum() * torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)
        )
        (slope,) = grad(loss.reshape(()), outputs, create_graph=True)
        linear = outputs, u, pulled, slope
        if here:
            self._linear = linear
        return linear
