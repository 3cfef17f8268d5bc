"""Rules as torch optimizers, with the whole contract of `torch.optim.Optimizer`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.rule import Rule
from tendsto.optim.compiled import Compiled
from tendsto.optim.constructor import MadeOptimizer
from tendsto.optim.eager import Item, advance, update_in_place, working

_OPTIONS = {"maximize": False}


def real_view(tensor: Tensor) -> Tensor:
    """Return a complex tensor as pairs of real numbers, another tensor as it is."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def gradient_of(parameter: Tensor, asker: str, *, clone: bool = False) -> Tensor:
    """Return the gradient of a parameter, detached.

    Raises:
        TypeError: it is sparse.
    """
    gradient = parameter.grad
    assert gradient is not None
    if gradient.layout != torch.strided:
        raise TypeError(
            f"{asker} takes no sparse gradients, and the parameter of shape {tuple(parameter.shape)} has one: "
            "use torch.optim.SparseAdam for it, or an embedding with sparse=False"
        )
    return gradient.detach().clone() if clone else gradient.detach()


@functools.lru_cache(maxsize=64)
def settings_of(rule: Rule) -> dict[str, Any]:
    """Return the settings of a rule and of the rules inside it, by name, as parameter groups hold them."""
    return {name: value for name, value in spec.fields_of(rule).items() if not dataclasses.is_dataclass(value)}


class RuleOptimizer(MadeOptimizer):
    """A `Rule` as an ordinary torch optimizer.

    Parameters may be given as tensors, as (name, tensor) pairs or as groups of either, a group with its own settings.
    Where a rule treats tensors differently (`Rule.for_tensor`), a group is split into one group a treatment, so that
    each has its own lr to schedule. State is float32 at least, also for float16 and bfloat16 parameters; `p.grad` is
    never written to; complex parameters are updated as pairs of real numbers; sparse gradients are refused.

    Args:
        params: the parameters.
        rule: the rule; subclasses make it of their arguments.
        maximize: ascend instead of descend.
        compiled: compile the update with torch's compiler into one fused pass over memory, two for a rule with sums.
            The first step then takes some seconds; what schedules change later does not compile anew. For CPU and for
            GPU. A rule that overrides `update`, and tensors whose shape matters to their rule, are updated eagerly all
            the same.

    Raises:
        TypeError: a gradient is sparse; a group has settings that the rule lacks.
        ValueError: a setting is out of its range.

    >>> from tendsto.optim import LionRule
    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = RuleOptimizer(model.parameters(), LionRule(lr=0.1))
    >>> model(torch.ones(4, 3)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(self, params: Any, rule: Rule, *, maximize: bool = False, compiled: bool = False) -> None:
        if not isinstance(rule, Rule):
            raise TypeError(f"{rule!r} is no Rule: use one such as tendsto.optim.AdamW.rule(), or an instance of yours")
        self._rule, self._rules = rule, list[Rule]()
        self._compiled = Compiled() if compiled else None
        super().__init__(params, {**settings_of(rule.for_tensor("", _MATRIX)), **_OPTIONS, "maximize": maximize})

    def __init_subclass__(cls, rule: Callable[[], Rule] | None = None, **kwargs: Any) -> None:
        """Give a subclass the constructor of its rule: `class AdamW(RuleOptimizer, rule=adamw)`."""
        super().__init_subclass__(**kwargs)
        if rule is not None:
            cls._give_constructor(RuleOptimizer, "rule", rule, {"maximize": False, "compiled": False})

    @classmethod
    def rule(cls, **settings: Any) -> Any:
        """Return the rule of this optimizer with some settings replaced, to be raced, wrapped or run as lanes."""
        return cls._make("rule", settings)

    def rule_of(self, group: dict[str, Any]) -> Rule:
        """Return the rule that treats the tensors of a group, with the group's settings of this moment."""
        structure = next(r for r, g in zip(self._rules, self.param_groups, strict=True) if g is group)
        values = ((n, _plain(group[n], v)) for n, v in settings_of(structure).items() if n in group)
        return _with_settings(structure, tuple(values))

    def __getstate__(self) -> dict[str, Any]:
        own = {"_rule": self._rule, "_rules": self._rules, "_compiled": self._compiled}
        return {**super().__getstate__(), **own}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with settings of their own if wanted."""
        if not isinstance(param_group, dict) or isinstance(param_group.get("params"), set):
            return super().add_param_group(param_group)  # which says what is wrong
        settings = {k: v for k, v in param_group.items() if k not in ("params", "param_names", *_OPTIONS)}
        known, extra = settings_of(self._rule), {}
        for name in [n for n in settings if n not in known]:
            extra[name] = settings.pop(name)  # such as "initial_lr", which schedulers keep in groups
        rule = spec.replace(self._rule, **settings)
        members = _members(param_group)
        parts: dict[Rule, list[Any]] = {}
        for name, item in members:
            tensor = item[1] if isinstance(item, tuple) else item
            treated = rule.for_tensor(name, tensor) if isinstance(tensor, Tensor) else rule
            parts.setdefault(treated, []).append(item)
        options = {k: v for k, v in param_group.items() if k in _OPTIONS}
        for part, items in (parts or {rule: []}).items():
            self._rules.append(part)
            try:
                super().add_param_group({**extra, **options, **settings_of(part), "params": items})
            except Exception:
                self._rules.pop()
                raise
        return None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step; `closure` evaluates the loss anew, and its value is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rule = self.rule_of(group)
            for step, items in self._items(rule, group).items():
                self._advance(rule, step, items)
        return loss

    def _items(self, rule: Rule, group: dict[str, Any]) -> dict[float, list[Item]]:
        """Return what there is to update in a group, by the number of the step, which is counted here."""
        by_step: dict[float, list[Item]] = {}
        counts, states, maximize = list[Tensor](), self.state, group["maximize"]
        for p in group["params"]:
            gradient = p.grad
            if gradient is None or not p.numel():
                continue
            if gradient.layout is not torch.strided:
                gradient_of(p, type(self).__name__)  # which says what is wrong
            state = states[p]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32)
                state.update(rule.slots(working(real_view(p.detach()))))
            slots = state.copy()
            count = slots.pop("step")
            if type(p) not in _PLAIN or p.is_complex():
                p, gradient = (real_view(_local(t)) for t in (p, gradient))
                slots = {name: _local(value) for name, value in slots.items()}
            item = (p, -gradient if maximize else gradient, slots)
            by_step.setdefault(count.item() + 1, []).append(item)
            counts.append(count)
        if counts:
            torch._foreach_add_(counts, [_ONE] * len(counts))
        return by_step

    def _advance(self, rule: Rule, step: float, items: list[Item]) -> None:
        if type(rule).update is not Rule.update:
            # The rule has overridden it whole: nothing is known of its parts.
            for item in items:
                update_in_place(rule, *item, step)
            return
        if self._compiled is not None:
            items = self._compiled.advance(rule, step, items)
        if items:
            advance(rule, items, rule.scalars(step))


_ONE, _PLAIN = torch.ones(()), (Tensor, torch.nn.Parameter)

_MATRIX = torch.empty(2, 2)
"""A tensor of the kind that a rule is for: its group's settings are the defaults that schedulers look at."""


@functools.lru_cache(maxsize=64)
def _with_settings(structure: Rule, values: tuple[tuple[str, Any], ...]) -> Rule:
    return spec.substitute(structure, dict(values))


def _members(group: dict[str, Any]) -> list[tuple[str, Any]]:
    params: Iterable[Any] = group["params"]
    params = [params] if isinstance(params, Tensor) else list(params)
    names = group.get("param_names", [""] * len(params))
    named = [item if isinstance(item, tuple) else (name, item) for name, item in zip(names, params, strict=True)]
    keep = "param_names" in group
    return [(name, (name, t) if keep else item) for (name, t), item in zip(named, params, strict=True)]


def _plain(value: Any, like: Any) -> Any:
    """A group's setting as the number that rules compute with; a scheduled lr may be a tensor, betas a list."""
    if isinstance(value, Tensor):
        value = value.item()
    if isinstance(like, tuple):
        return tuple(_plain(v, k) for v, k in zip(value, like, strict=True))
    return float(value) if isinstance(like, float) else value


def _local(tensor: Tensor) -> Tensor:
    """The part of a distributed tensor that this process holds; another tensor as it is."""
    to_local = getattr(tensor, "to_local", None)
    return tensor if to_local is None else to_local()
