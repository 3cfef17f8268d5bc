"""The loss of one step of a person's own training loop, as a problem that answers a method's oracles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.optim.eager import working
from tendsto.optim.torch_optimizer import real_view

Tensors = dict[str, Tensor]


class ClosureProblem(Problem):
    """A closure that returns the loss, its graph with it, as a `Problem` over parameters by name.

    The point at which the parameters stand, `start`, is evaluated once, and its graph kept, so that there value,
    gradient and any number of Hessian-vector products cost one call of the closure. A gradient that is asked for before
    the first product has no graph of its own, and is computed again for it: ask for products first. With
    `keep_graph=False`, for methods that need no products, a gradient frees the graph, and a product evaluates anew.

    At any other point the parameters are set to it, the closure is called again with torch's generators as they were
    before the first call (dropout draws the same mask), and the parameters are set back. `p.grad` is never touched.
    Parameters that the loss does not reach have gradient 0.

    Points are float32 at least, also of float16 and bfloat16 parameters, and complex parameters are pairs of real
    numbers; `start` is a copy of the parameters, or with `copy=False` they themselves where they are such; what is
    written into `places` is written into the parameters. A layer that counts calls, such as BatchNorm's running
    average, counts every call.

    A subclass adds oracles: it names them in `oracles`, and each is a method that takes the sample last; `evaluate` and
    `at` give it the loss and the point, `module` the model where the optimizer was made of one.

    Raises:
        TypeError: the closure returns no tensor, or a gradient is sparse.
        ValueError: the loss is no scalar, or has no graph.
        RuntimeError: the closure calls backward itself.
    """

    lanes = None

    def __init__(
        self,
        closure: Callable[[], Any],
        parameters: Mapping[str, Tensor],
        *,
        asker: str = "the optimizer",
        maximize: bool = False,
        module: torch.nn.Module | None = None,
        copy: bool = True,
        keep_graph: bool = True,
    ) -> None:
        self.closure, self.parameters, self.asker, self.module = closure, dict(parameters), asker, module
        self.sign = -1.0 if maximize else 1.0
        self.places: Tensors = {n: real_view(p.detach()) for n, p in self.parameters.items()}
        # A copy: the optimizer writes into the parameters, and a method may keep the point in its state.
        self.start: Tensors = {n: working(p).clone() if copy else working(p) for n, p in self.places.items()}
        self.keep_graph = keep_graph
        self.first: Tensor | None = None
        self._loss: Tensor | None = None
        self._gradients: tuple[Tensor, ...] | None = None
        self._twice = self._spent = False
        self._generators: list[Tensor] | None = None

    def init(self, rng: Random) -> Tensors:
        return self.start

    def random_start(self) -> bool:
        return False

    def criterion(self, x: Tensors) -> Tensor:
        return self.value(x)

    def value(self, x: Tensors, sample: Any = None) -> Tensor:
        with self.at(x) as here:
            return self._loss_at(here).detach() * self.sign

    def value_and_gradient(self, x: Tensors, sample: Any = None) -> tuple[Tensor, Tensors]:
        with self.at(x) as here:
            loss = self._loss_at(here)
            gradients = self._gradients_at(here, loss)
            return loss.detach() * self.sign, self._named(gradients)

    def hvp(self, x: Tensors, v: Tensors, sample: Any = None) -> Tensors:
        with self.at(x) as here:
            gradients = self._gradients_at(here, self._loss_at(here), twice=True)
            # A gradient without a graph is constant: its row of the Hessian is 0.
            pairs = [(real_view(g), v[n]) for n, g in zip(self.parameters, gradients, strict=True) if g.requires_grad]
            if not pairs:
                return {name: torch.zeros_like(tensor) for name, tensor in x.items()}
            along = [w.to(g.dtype) for g, w in pairs]
            return self._named(self._derivatives([g for g, _ in pairs], along, retain_graph=True))

    @contextmanager
    def at(self, x: Tensors) -> Iterator[bool]:
        """Set the parameters to `x` for a moment, with graphs recorded; gives whether they stood there already."""
        if all(x[name] is tensor for name, tensor in self.start.items()):
            with torch.enable_grad():
                yield True
            return
        kept = {name: p.data for name, p in self.parameters.items()}
        try:
            for name, p in self.parameters.items():
                # Another tensor in its place, not other numbers in it: the graph that is kept still needs those.
                p.data = _as(x[name], p)
            with torch.enable_grad():
                yield False
        finally:
            for name, p in self.parameters.items():
                p.data = kept[name]

    def evaluate(self) -> Tensor:
        """Call the closure where the parameters stand, within `at`, and return the loss with its graph."""
        with self._same_draws():
            loss = self.closure()
        if not isinstance(loss, Tensor):
            raise TypeError(f"the closure of {self.asker} returned {loss!r}: return the loss, a tensor with its graph")
        if loss.numel() != 1:
            raise ValueError(
                f"the closure of {self.asker} returned a loss of shape {tuple(loss.shape)}: return its mean"
            )
        if not loss.requires_grad:
            raise ValueError(
                f"the loss of {self.asker}'s closure has no graph: return it as the model gives it, not detached and "
                "not computed under torch.no_grad()"
            )
        if self.first is None:
            self.first = loss.detach()
        return loss

    def _loss_at(self, here: bool) -> Tensor:
        if not here:
            return self.evaluate()
        if self._loss is None:
            self._loss = self.evaluate()
        return self._loss

    def _gradients_at(self, here: bool, loss: Tensor, *, twice: bool = False) -> tuple[Tensor, ...]:
        """Return the gradient of the loss, with a graph of its own where it is to be differentiated `twice`."""
        if here and self._gradients is not None and (self._twice or not twice):
            return self._gradients
        if here and self._spent:
            loss = self._loss = self.evaluate()
        keep = twice or (here and self.keep_graph)
        gradients = self._derivatives([loss.reshape(())], None, create_graph=twice, retain_graph=keep)
        if here:
            self._gradients, self._twice, self._spent = gradients, twice, not keep
        return gradients

    def _derivatives(self, of: list[Tensor], along: list[Tensor] | None, **options: bool) -> tuple[Tensor, ...]:
        parameters = list(self.parameters.values())
        try:
            found = torch.autograd.grad(of, parameters, along, allow_unused=True, **options)
        except RuntimeError as error:
            if "second time" not in str(error):
                raise
            raise RuntimeError(
                f"the closure of {self.asker} called backward, which frees the graph: return the loss only"
            ) from error
        return tuple(torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True))

    def _named(self, gradients: tuple[Tensor, ...]) -> Tensors:
        named: Tensors = {}
        for name, gradient in zip(self.parameters, gradients, strict=True):
            if gradient.layout != torch.strided:
                raise TypeError(
                    f"{self.asker} takes no sparse gradients, and the parameter {name!r} has one: use an embedding "
                    "with sparse=False"
                )
            real = working(real_view(gradient.detach()))
            named[name] = -real if self.sign < 0 else real
        return named

    @contextmanager
    def _same_draws(self) -> Iterator[None]:
        """Let torch's generators stand, for every call after the first, where they stood before the first."""
        devices = sorted({p.device.index for p in self.parameters.values() if p.device.type == "cuda"})
        if self._generators is None:
            self._generators = [torch.get_rng_state(), *(torch.cuda.get_rng_state(d) for d in devices)]
            yield
            return
        with torch.random.fork_rng(devices):
            torch.set_rng_state(self._generators[0])
            for device, generator in zip(devices, self._generators[1:], strict=True):
                torch.cuda.set_rng_state(generator, device)
            yield


def _as(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Return a tensor of a point in the dtype of its parameter."""
    return (torch.view_as_complex(tensor) if parameter.is_complex() else tensor).to(parameter.dtype)
