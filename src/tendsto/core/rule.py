"""Rule: the gradient-only form of a method, one tensor at a time, and what becomes a torch optimizer."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.tree import join, leaves, split, tree_map, tree_unzip

Slots = dict[str, Tensor]
Scalars = dict[str, Any]


class Rule(Method):
    """An update that needs, for each tensor, its gradient and a few slots of the same shape.

    One step of one tensor x with gradient g is

        x <- shrink * x - move(x, g, slots, scalars)

    and a subclass, a frozen dataclass of hyperparameters, gives

    - `slots(parameter)`: the initial slots, a dict of tensors;
    - `scalars(step)`: numbers that depend on the step alone, such as bias corrections, so that they are computed once a
      step and not once an entry;
    - `move(parameter, gradient, slots, scalars)`: the step, learning rate included, and the new slots, out of place;
    - `shrink()`: the factor 1 - lr * weight_decay of a decoupled weight decay, if it has one.

    Where that does not fit, it overrides `update` whole. Hyperparameters and `step` may be Python numbers or 0-d
    tensors, so there is no branch on their values and roots are written `** 0.5`. The same functions run eagerly in
    pieces, compiled into one pass over memory, and as lanes.

    A transform around rules needs more of them: `heading`, a tensor with the signs of the move, and `sums`, numbers
    about the whole tensor that are sums over its entries and that `move` finds among its scalars.
    """

    asks: ClassVar[tuple[str, ...]] = ("gradient",)

    @property
    def flat(self) -> bool:
        """Whether the shape of a tensor does not matter and, `sums` given, no entry looks at another."""
        return True

    @property
    def elementwise(self) -> bool:
        """Whether no entry looks at another at all, so that several tensors may be updated as one."""
        cls = type(self)
        return self.flat and cls.sums is Rule.sums and cls.update is Rule.update and cls.for_tensor is Rule.for_tensor

    def slots(self, parameter: Tensor) -> Slots:
        """Return the initial slots of one tensor."""
        return {}

    def scalars(self, step: Any) -> Scalars:
        """Return the numbers that depend on the step, 1, 2, ..., and on hyperparameters alone."""
        return {}

    def sums(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Scalars:
        """Return sums over the entries of one tensor that its move needs; the sums of two pieces add up."""
        return {}

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        """Return what is subtracted from one tensor, weight decay left out if decoupled, and the new slots."""
        raise NotImplementedError(
            f"{type(self).__name__} has no move: define move(parameter, gradient, slots, scalars), or update whole"
        )

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """Return a tensor with the signs of the move, where one is had more cheaply than the move."""
        return self.move(parameter, gradient, slots, scalars)[0]

    def shrink(self) -> Any:
        """Return the factor on the tensor before the move, or None for none."""
        return None

    def apply(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        """Return the next parameter and slots of one tensor, or of a piece of it, all scalars given."""
        move, slots = self.move(parameter, gradient, slots, scalars)
        shrink = self.shrink()
        return (parameter if shrink is None else parameter * shrink) - move, slots

    def update(self, parameter: Tensor, gradient: Tensor, slots: Slots, step: Any) -> tuple[Tensor, Slots]:
        """Return the next parameter and slots of one tensor; `step` = 1, 2, ..., a number or a 0-d tensor."""
        scalars = self.scalars(step)
        scalars = {**scalars, **self.sums(parameter, gradient, slots, scalars)}
        return self.apply(parameter, gradient, slots, scalars)

    def for_tensor(self, name: str, parameter: Tensor) -> Rule:
        """Return the rule that treats the tensor called `name`: itself, unless tensors are treated differently."""
        return self

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        import torch

        x = oracle.init()

        def slots(name: str, parameter: Tensor) -> Slots:
            return self.for_tensor(name, parameter).slots(parameter)

        return {
            "x": x,
            "slots": tree_map(slots, join(x) if self._joins(x) else x),
            "step": torch.zeros((), dtype=torch.float64),
        }

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, step = state["x"], state["step"] + 1
        value, gradient = oracle.value_and_gradient(x)
        joins = self._joins(x)
        parameters, gradients = (join(x), join(gradient)) if joins else (x, gradient)

        def update(name: str, parameter: Tensor, gradient: Tensor, slots: Slots) -> tuple[Tensor, Slots]:
            return self.for_tensor(name, parameter).update(parameter, gradient, slots, step)

        updated = tree_map(update, parameters, gradients, state["slots"])
        parameters, slots = tree_unzip(updated, like=parameters)
        x = split(parameters, like=x) if joins else parameters
        return {"x": x, "slots": slots, "step": step}, {"value": value}

    def _joins(self, x: Any) -> bool:
        """Whether the tensors of `x` may be updated as one: many small operations become few."""
        return self.elementwise and isinstance(x, dict) and len({leaf.dtype for leaf in leaves(x)}) == 1
