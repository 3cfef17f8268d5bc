"""A person's own model, loss and data as a problem."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tendsto.core import spec
from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.problems.data import refuse_nonfinite
from tendsto.problems.layered import Layered

Data = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Held:
    """An object that a specification knows by its digest alone."""

    digest: str
    item: Any = field(init=False, repr=False, compare=False, default=None)

    @staticmethod
    def of(item: Any, content: Any) -> Held:
        """Hold `item`, its digest that of `content`, the plain data that determine it."""
        held = Held(spec.key(content))
        object.__setattr__(held, "item", item)
        return held

    def get(self) -> Any:
        """Return the object.

        Raises:
            ValueError: only the digest is here, as after evaluating a printed specification.
        """
        if self.item is None:
            raise ValueError(
                f"a model or data set was printed by its SHA-256 {self.digest[:12]}... alone: make the problem again "
                "with tendsto.problem(module, loss, data)"
            )
        return self.item


@dataclass(frozen=True)
class UserProblem(Layered):
    """A person's own problem; made by `problem`. Points are dicts of the module's trainable parameters by name."""

    module: Held
    loss: Held
    data: Held
    test: Held | None = None
    batch: int | None = 64

    criterion_name = "train loss"

    def size(self) -> int:
        return len(self.data.get()[0])

    def init(self, rng: Random) -> dict[str, Tensor]:
        """The weights that the module was given with: every run starts there."""
        return {n: p.detach().clone() for n, p in self.module.get().named_parameters() if p.requires_grad}

    def random_start(self) -> bool:
        return False

    def outputs(self, x: dict[str, Tensor], inputs: Tensor) -> Any:
        """Return what the module answers with the parameters `x`; everything else in it stays as it was given."""
        module = self.module.get()
        fixed = {n: p.detach() for n, p in module.named_parameters() if not p.requires_grad}
        return torch.func.functional_call(module, {**fixed, **dict(module.named_buffers()), **x}, (inputs,))

    def losses(self, x: dict[str, Tensor], which: Tensor | None) -> Tensor:
        """Each datum's loss, as a batch of one."""
        inputs, targets = self.data.get()
        some = torch.arange(len(inputs)) if which is None else which

        def one(i: Tensor) -> Tensor:
            return self.loss.get()(self.outputs(x, inputs[i[None]]), targets[i[None]])

        return torch.func.vmap(one)(some)

    def predict(self, x: dict[str, Tensor], which: Tensor | None) -> Any:
        inputs = self.data.get()[0]
        return self.outputs(x, inputs if which is None else inputs[which])

    def predicted_loss(self, outputs: Any, which: Tensor | None) -> Tensor:
        targets = self.data.get()[1]
        return self.loss.get()(outputs, targets if which is None else targets[which])

    def value(self, x: dict[str, Tensor], sample: Any = None) -> Tensor:
        return self.predicted_loss(self.predict(x, sample), sample)

    def criterion(self, x: dict[str, Tensor]) -> Tensor:
        return self.value(x)

    def metrics(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.test is None:
            return {}
        inputs, targets = self.test.get()
        outputs = self.outputs(x, inputs)
        found = {"test loss": self.loss.get()(outputs, targets)}
        if not targets.is_floating_point() and outputs.ndim == targets.ndim + 1:
            found["test accuracy"] = (outputs.argmax(dim=-1) == targets).to(outputs.dtype).mean()
        return found

    def constants(self) -> Constants:
        return Constants()


def problem(
    module: nn.Module,
    loss: Callable[[Any, Tensor], Tensor],
    data: Data,
    batch: int | None = 64,
    test: Data | None = None,
) -> UserProblem:
    """Return the problem of training `module` on `data`.

    module: called as `module(inputs)`, in the mode (training or evaluation) that it is in; runs start from its present
        weights, and it is not changed. Parameters without `requires_grad`, and buffers, stay as they are.
    loss: `loss(outputs, targets)`, a scalar tensor, the mean over the batch.
    data: inputs and targets with the same leading axis n.
    test: the same, for the metrics "test loss" and, where targets are classes, "test accuracy".
    batch: data per minibatch, drawn uniformly with replacement; None for all of them.

    The specification holds the SHA-256 of weights, buffers, data and source of module and loss, so a changed model is
    another run.

    Raises:
        ValueError: data that are empty, of different lengths or not finite; a module whose step is not a pure function:
            batch normalisation or dropout in training mode; a module without trainable parameters; a loss that is not
            a scalar.

    >>> made = problem(nn.Linear(2, 1), nn.functional.mse_loss, (torch.ones(8, 2), torch.zeros(8, 1)), batch=4)
    >>> sorted(made.init(Random(0)))
    ['bias', 'weight']
    """
    if batch is not None and batch < 1:
        raise ValueError(f"batch = {batch} draws nothing: use a whole number of at least 1, or None for all data")
    _check_module(module)
    held = _hold_data("data", data)
    held_test = None if test is None else _hold_data("test", test)
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in named.items():
        if tensor.is_floating_point():
            refuse_nonfinite(f"module's {name}", tensor.detach())
    content = {
        "structure": repr(module),
        "modes": [m.training for m in module.modules()],
        "trainable": [n for n, p in module.named_parameters() if p.requires_grad],
        "source": sorted({_source(type(m)) for m in module.modules()}),
        "weights": {name: tensor.detach() for name, tensor in named.items()},
    }
    made = UserProblem(Held.of(module, content), Held.of(loss, _describe_loss(loss)), held, held_test, batch)
    value = made.value(made.init(Random(0)), torch.zeros(min(made.size(), 2), dtype=torch.int64))
    if not isinstance(value, Tensor) or value.ndim:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"the loss returned {shape}, not a scalar tensor: use the mean over the batch")
    return made


def _check_module(module: nn.Module) -> None:
    if not any(p.requires_grad for p in module.parameters()):
        raise ValueError(f"{type(module).__name__} has no trainable parameters, so there is nothing to train")
    for name, part in module.named_modules():
        where = f"{name or 'the module'} ({type(part).__name__})"
        if part.training and getattr(part, "track_running_stats", False):
            raise ValueError(
                f"{where} updates its running statistics at every call, so a step is not a pure function: call "
                "module.eval() first, or use GroupNorm or LayerNorm"
            )
        random = isinstance(part, nn.modules.dropout._DropoutNd) and getattr(part, "p", 0) > 0
        random = random or (isinstance(part, nn.RNNBase | nn.MultiheadAttention) and part.dropout > 0)
        if part.training and random:
            raise ValueError(
                f"{where} drops units at random from torch's global generator, so a run could not be repeated: call "
                "module.eval() first, or set its probability to 0"
            )


def _hold_data(name: str, data: Data) -> Held:
    inputs, targets = (torch.as_tensor(part) for part in data)
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"{name} has inputs of shape {tuple(inputs.shape)} and targets of shape {tuple(targets.shape)}: use "
            "tensors with the same leading axis, of at least 1"
        )
    for part, tensor in (("inputs", inputs), ("targets", targets)):
        if tensor.is_floating_point():
            refuse_nonfinite(f"{name} {part}", tensor)
    return Held.of((inputs, targets), [inputs, targets])


def _source(item: Any) -> str:
    """The name of a class or function and a digest of its source (of its repr, where there is no source)."""
    try:
        text = inspect.getsource(item)
    except (OSError, TypeError):
        text = repr(getattr(getattr(item, "__code__", None), "co_code", item))
    return f"{spec.qualified_name(item)} {hashlib.sha256(text.encode()).hexdigest()}"


def _describe_loss(loss: Any) -> Any:
    if isinstance(loss, nn.Module):
        return [repr(loss), _source(type(loss)), dict(loss.named_buffers())]
    if hasattr(loss, "__qualname__"):
        captured = getattr(loss, "__closure__", None) or ()
        return [_source(loss), [cell.cell_contents for cell in captured]]
    raise ValueError(f"loss = {loss!r} is no function or module, so its content cannot be told: use a function")
