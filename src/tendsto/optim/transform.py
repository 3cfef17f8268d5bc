"""Transforms: a rule around a rule, and an optimizer around any torch optimizer, by one function of the move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.method import Info
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.compiled import by_channel
from tendsto.optim.eager import working
from tendsto.optim.torch_optimizer import RuleOptimizer, gradient_of, real_view


@dataclass(frozen=True)
class Transformed(Rule):
    """A rule whose move is another rule's move, changed.

    A subclass gives `transform(move, heading, gradient, scalars)`, and `sums_of(heading, gradient)` where the change
    depends on sums over the tensor. Slots and decoupled weight decay are those of the base, untouched.
    """

    base: Rule

    def __post_init__(self) -> None:
        if not isinstance(self.base, Rule):
            raise TypeError(f"base = {self.base!r} is no Rule: use one such as tendsto.optim.AdamW.rule()")

    def transform(self, move: Tensor, heading: Tensor, gradient: Tensor, scalars: Scalars) -> Tensor:
        """Return the changed move; `heading` has the signs of the move, `gradient` is as given, without decay."""
        raise NotImplementedError(f"{type(self).__name__} has no transform(move, heading, gradient, scalars)")

    def sums_of(self, heading: Tensor, gradient: Tensor) -> Scalars:
        """Return sums over entries that `transform` finds among its scalars."""
        return {}

    @property
    def flat(self) -> bool:
        return self.base.flat

    @property
    def by_channel(self) -> bool:
        """Whether a tensor may be treated as a matrix of channels; not where the transform looks at its shape."""
        return type(self).flat is Transformed.flat and by_channel(self.base)

    def slots(self, parameter: Tensor) -> Slots:
        return self.base.slots(parameter)

    def scalars(self, step: Any) -> Scalars:
        return self.base.scalars(step)

    def shrink(self) -> Any:
        return self.base.shrink()

    def sums(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Scalars:
        inner = self.base.sums(parameter, gradient, slots, scalars)
        heading = self.base.heading(parameter, gradient, slots, {**scalars, **inner})
        return {**inner, **self.sums_of(heading, gradient)}

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        heading = self.base.heading(parameter, gradient, slots, scalars)
        move, slots = self.base.move(parameter, gradient, slots, scalars)
        return self.transform(move, heading, gradient, scalars), slots

    def for_tensor(self, name: str, parameter: Tensor) -> Rule:
        return spec.substitute(self, {"base": self.base.for_tensor(name, parameter)})

    def seeded(self, rng: Random) -> Rule:
        """Return the rule with the seed of the run in the place of its own, and of those of the rules inside it."""
        return spec.substitute(self, {"base": self.base.seeded(rng)}) if isinstance(self.base, Transformed) else self

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        return Rule.step(self.seeded(rng), state, oracle, rng)


_COUPLED = ("Adadelta", "Adagrad", "Adam", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam")
_DECOUPLED = ("AdamW", "Adafactor", "Lion", "Muon")
_FLAGS = ("decoupled_weight_decay", "decoupled", "weight_decouple", "decoupled_decay")


def is_decoupled(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> bool:
    """Return whether weight decay of a group multiplies the parameters, rather than being added to the gradient.

    Raises:
        ValueError: it decays weights and nothing tells which way.
    """
    if isinstance(optimizer, RuleOptimizer):
        return optimizer.rule_of(group).shrink() is not None
    for flag in _FLAGS:
        if flag in group:
            return bool(group[flag])
    name = type(optimizer).__name__
    if not group.get("weight_decay") or name in _COUPLED:
        return False
    if name in _DECOUPLED:
        return True
    raise ValueError(
        f"whether {name} decouples its weight decay of {group['weight_decay']} cannot be told: say decoupled=True "
        "(it multiplies the parameters) or decoupled=False (it is added to the gradient)"
    )


class TransformOptimizer(torch.optim.Optimizer):
    """Changes what any torch optimizer does in a step.

    Parameters are kept, the inner optimizer takes its step with decoupled weight decay switched off, the move is what
    it did, `transform` changes it, and the result is written together with the decay. Parameter groups and state are
    the inner optimizer's own, so its state_dict, schedulers and hooks keep working on either.
    """

    def __init__(self, inner: torch.optim.Optimizer, transform: Transformed, decoupled: bool | None = None) -> None:
        if not isinstance(inner, torch.optim.Optimizer):
            raise TypeError(f"{inner!r} is no torch.optim.Optimizer: give one, such as torch.optim.AdamW(parameters)")
        if isinstance(inner, torch.optim.LBFGS):
            raise TypeError("LBFGS takes many steps in one and cannot be wrapped: give an optimizer of one step")
        self.inner, self.transform, self.decoupled = inner, transform, decoupled
        for group in inner.param_groups:
            self._decay(group)
        super().__init__(inner.param_groups, inner.defaults)
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state, self.defaults = self.inner.param_groups, self.inner.state, self.inner.defaults

    def _decay(self, group: dict[str, Any]) -> bool:
        return is_decoupled(self.inner, group) if self.decoupled is None else self.decoupled

    def __getstate__(self) -> dict[str, Any]:
        own = {"inner": self.inner, "transform": self.transform, "decoupled": self.decoupled}
        return {**super().__getstate__(), **own}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if any(param_group is group for group in self.inner.param_groups):
            return  # torch's constructor, handing over the groups that the inner optimizer already has
        self.inner.add_param_group(param_group)
        self._share()

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.inner.load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step; `closure` evaluates the loss anew and is called once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Gradients are kept too: some optimizers write into them.
        before = [
            (group, p, p.detach().clone(), gradient_of(p, type(self.inner).__name__, clone=True))
            for group in self.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        decays = [group.get("weight_decay", 0.0) for group in self.param_groups]
        shrinks = {
            id(g): 1 - g["lr"] * d for g, d in zip(self.param_groups, decays, strict=True) if d and self._decay(g)
        }
        try:
            for group in self.param_groups:
                if id(group) in shrinks:
                    group["weight_decay"] = 0.0
            self.inner.step()
        finally:
            for group, decay in zip(self.param_groups, decays, strict=True):
                if id(group) in shrinks:
                    group["weight_decay"] = decay
        for group, p, old, gradient in before:
            self._write(group, p, old, -gradient if group.get("maximize") else gradient, shrinks.get(id(group)))
        return loss

    def transform_of(self, group: dict[str, Any]) -> tuple[Transformed, int]:
        """Return the transform of a group's moves, and the number of the step, where the transform asks for it."""
        return self.transform, 1

    def _write(self, group: dict[str, Any], p: Tensor, old: Tensor, gradient: Tensor, shrink: Any) -> None:
        if p.numel() == 0:
            return
        new, old, gradient = (working(real_view(t)) for t in (p.detach(), old, gradient))
        transform, step = self.transform_of(group)
        rule = spec.substitute(transform, {"base": _Done(old - new, shrink)}).for_tensor("", old)
        real_view(p.detach()).copy_(rule.update(old, gradient, {}, step)[0])


@dataclass(frozen=True)
class _Done(Rule):
    """The step that another optimizer took: what a transform is around when it is around a torch optimizer."""

    done: Tensor
    factor: Any

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        return self.done, slots

    def shrink(self) -> Any:
        return self.factor
