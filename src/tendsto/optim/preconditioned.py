"""What methods share that work a direction out and hand it to a rule in the gradient's place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.rule import Rule
from tendsto.core.tree import tree_map
from tendsto.optim.eager import working
from tendsto.problems.layer_tape import Layer


class _Given:
    """An oracle whose gradient was worked out beforehand."""

    def __init__(self, value: Any, direction: Any):
        self.answer = (value, direction)

    def value_and_gradient(self, x: Any) -> Any:
        return self.answer


def base_init(base: Rule, oracle: Oracle, rng: Random) -> dict[str, Any]:
    """Return the state of `base`: the point "x", "slots" and "step"."""
    return base.init(oracle, rng)


def base_step(base: Rule, state: dict[str, Any], value: Any, direction: Any, rng: Random) -> tuple[Any, Info]:
    """Return the state of `base`, and info, after a step that took `direction` for the gradient."""
    kept = {name: state[name] for name in ("x", "slots", "step")}
    return base.step(kept, _Given(value, direction), rng)  # type: ignore[reportArgumentType]


def replaced(tree: Any, parts: dict[str, Tensor]) -> Any:
    """Return `tree` with the leaves that `parts` holds by name."""
    return tree_map(lambda name, leaf: parts.get(name, leaf), tree)


def per_example(layer: Layer) -> tuple[Tensor, Tensor]:
    """Return a (rows, inputs) and s (rows, outputs) for losses of single examples, of which the loss is the mean."""
    return working(layer.a), layer.examples * working(layer.s)


def with_norm_of(direction: Tensor, gradient: Tensor) -> Tensor:
    """Return `direction` with the Euclidean norm of `gradient`, and 0 where it is 0."""
    size = direction.norm()
    return direction * torch.where(size > 0, gradient.norm() / size, torch.zeros_like(size))
