"""Rule: the gradient-only form of a method, one tensor at a time, and what becomes a torch optimizer."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.tree import join, leaves, split, tree_map, tree_unzip

Slots = dict[str, Tensor]


class Rule(Method):
    """An update that needs, for each tensor, its gradient and a few slots of the same shape.

    A subclass gives

    - `slots(parameter)`: the initial slots, a dict of tensors;
    - `update(parameter, gradient, slots, step)`: the new parameter and slots, out of place, `step` = 1, 2, ... a 0-d
      tensor. Hyperparameters may be 0-d tensors, so there is no branch on them.

    The same function runs eagerly, compiled into one pass over memory, and as lanes.

    Class attributes:
        elementwise: no entry of the update looks at another, so that it may be computed in pieces.
        matrices_only: it is meant for the 2-D hidden weights of a network; `fallback` names the rule for the others.
    """

    asks: ClassVar[tuple[str, ...]] = ("gradient",)
    elementwise: ClassVar[bool] = True

    def slots(self, parameter: Tensor) -> Slots:
        """Return the initial slots of one tensor."""
        return {}

    def update(self, parameter: Tensor, gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
        """Return the next parameter and slots of one tensor."""
        raise NotImplementedError(
            f"{type(self).__name__} has no update: define update(parameter, gradient, slots, step)"
        )

    def for_tensor(self, name: str, parameter: Tensor) -> Rule:
        """Return the rule that treats the tensor called `name`: itself, unless tensors are treated differently."""
        return self

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        import torch

        x = oracle.init()
        slots = tree_map(lambda name, p: self.for_tensor(name, p).slots(p), join(x) if self._joins(x) else x)
        return {"x": x, "slots": slots, "step": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, step = state["x"], state["step"] + 1
        value, gradient = oracle.value_and_gradient(x)
        joins = self._joins(x)
        parameters, gradients = (join(x), join(gradient)) if joins else (x, gradient)
        updated = tree_map(
            lambda name, p, g, s: self.for_tensor(name, p).update(p, g, s, step), parameters, gradients, state["slots"]
        )
        parameters, slots = tree_unzip(updated, like=parameters)
        x = split(parameters, like=x) if joins else parameters
        return {"x": x, "slots": slots, "step": step}, {"value": value}

    def _joins(self, x: Any) -> bool:
        """Whether the tensors of `x` may be updated as one: many small operations become few."""
        return self.elementwise and isinstance(x, dict) and len({leaf.dtype for leaf in leaves(x)}) == 1
