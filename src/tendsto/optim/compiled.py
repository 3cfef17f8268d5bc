"""A rule compiled into fused passes over memory, in place, for all the tensors of a group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.rule import Rule, Slots
from tendsto.optim.eager import is_flat, working

Item = tuple[Tensor, Tensor, Slots]

SMALL = 32768
"""Tensors of at most so many entries are joined: a call costs as much as some ten thousand entries."""


class Compiled:
    """Updates lists of tensors by compiled rules, one compilation for each structure of rule and set of dtypes.

    What may change from step to step, hyperparameters and bias corrections, lives in 0-d tensors, so that nothing is
    compiled twice when a schedule moves it. Lengths are dynamic.
    """

    def __init__(self) -> None:
        self._programs: dict[Any, _Program] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_programs": {}}  # compiled code is neither copied nor saved

    def advance(self, rule: Rule, step: float, items: list[Item]) -> list[Item]:
        """Update `items` in place and return those that have to be updated otherwise.

        These are tensors whose shape matters to the rule or that are not contiguous, and single numbers.
        """
        left: list[Item] = []
        lists: dict[Any, list[Item]] = {}
        for item in items:
            parameter, gradient, slots = item
            if parameter.numel() < 2 or not is_flat(rule, *item):
                left.append(item)
                continue
            kinds = tuple((name, s.dtype) for name, s in slots.items())
            flat = (parameter.view(-1), gradient.view(-1), {name: s.view(-1) for name, s in slots.items()})
            lists.setdefault((parameter.device, parameter.dtype, gradient.dtype, kinds), []).append(flat)
        structure = _with_numbers(rule, iter([0.0] * len(_numbers(rule))))
        for kind, members in lists.items():
            if (structure, kind) not in self._programs:
                self._programs[structure, kind] = _Program(rule, step, kind[0])
            self._programs[structure, kind].run(rule, step, members)
        return left


class _Program:
    """The compiled functions of one structure of rule, closed over 0-d tensors for all its numbers."""

    def __init__(self, rule: Rule, step: float, device: torch.device) -> None:
        self.names = list(rule.scalars(step))
        count = len(_numbers(rule))
        self.values: list[float] = []
        self.vector = torch.zeros(count + len(self.names), dtype=torch.float64, device=device)
        cells = [cell.clone() for cell in self.vector.unbind()]
        self.cells = cells
        self.rule = _with_numbers(rule, iter(cells[:count]))
        self.scalars = dict(zip(self.names, cells[count:], strict=True))
        self.sums, self.apply, self.sums_of_lanes, self.lanes = self._functions()
        self.summing = type(rule).sums is not Rule.sums

    def _functions(self) -> tuple[Callable[..., Any], ...]:
        rule, scalars = self.rule, self.scalars

        def sums(p: Tensor, g: Tensor, slots: Slots) -> dict[str, Any]:
            return rule.sums(working(p), working(g), slots, scalars)

        def apply(p: Tensor, g: Tensor, slots: Slots, totals: dict[str, Any]) -> None:
            new, new_slots = rule.apply(working(p), working(g), slots, {**scalars, **totals})
            p.copy_(new)
            for name, value in new_slots.items():
                slots[name].copy_(value)

        def lane_sums(p: Tensor, g: Tensor, slots: Slots) -> dict[str, Tensor]:
            # vmap returns tensors alone.
            return {n: _tensor(v, p) for n, v in sums(p, g, slots).items()}

        def lane(p: Tensor, g: Tensor, slots: Slots, totals: dict[str, Any]) -> tuple[Tensor, Slots]:
            return rule.apply(working(p), working(g), slots, {**scalars, **totals})

        def sums_of_lanes(p: Tensor, g: Tensor, slots: Slots) -> dict[str, Tensor]:
            return torch.vmap(lane_sums)(p, g, slots)

        def lanes(p: Tensor, g: Tensor, slots: Slots, totals: dict[str, Any]) -> None:
            new, new_slots = torch.vmap(lane)(p, g, slots, totals)
            p.copy_(new)
            for name, value in new_slots.items():
                slots[name].copy_(value)

        # Sums and update apart: fused, they are more than the compiler's CPU backend takes (KeyError in torch 2.13).
        return _compiled(sums), _compiled(apply), _compiled(sums_of_lanes), _compiled(lanes)

    def run(self, rule: Rule, step: float, items: list[Item]) -> None:
        self._set([*_numbers(rule), *map(float, rule.scalars(step).values())])
        groups: dict[int, list[Item]] = {}
        for item in items:
            n = item[0].numel()
            # Sums are over one tensor: only tensors of one length can be stacked. Without sums any can be joined.
            groups.setdefault((n if self.summing else 0) if n <= SMALL else -1, []).append(item)
        for item in groups.pop(-1, []):
            self._large(*item)
        for members in groups.values():
            if len(members) == 1:
                self._large(*members[0])
            else:
                self._joined(members)

    def _set(self, values: list[float]) -> None:
        if values == self.values:
            return
        self.values = values
        self.vector.copy_(torch.tensor(values, dtype=torch.float64))
        torch._foreach_copy_(self.cells, list(self.vector.unbind()))

    def _large(self, parameter: Tensor, gradient: Tensor, slots: Slots) -> None:
        totals: dict[str, Any] = {}
        if self.summing:
            found = self.sums(parameter, gradient, slots)
            totals = {name: _tensor(value, self.vector) for name, value in found.items()}
        self.apply(parameter, gradient, slots, totals)

    def _joined(self, members: list[Item]) -> None:
        join = torch.stack if self.summing else torch.cat
        parameters, gradients = [m[0] for m in members], [m[1] for m in members]
        columns = {name: [m[2][name] for m in members] for name in members[0][2]}
        parameter, gradient = join(parameters), join(gradients)
        slots = {name: join(column) for name, column in columns.items()}
        if self.summing:
            self.lanes(parameter, gradient, slots, self.sums_of_lanes(parameter, gradient, slots))
        else:
            self.apply(parameter, gradient, slots, {})
        for joined, column in ((parameter, parameters), *((slots[n], c) for n, c in columns.items())):
            pieces = joined.unbind() if self.summing else joined.split([t.numel() for t in column])
            torch._foreach_copy_(column, list(pieces))


def _tensor(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value
    return torch.full((), value, dtype=torch.float64, device=like.device)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled as code of its own.

    torch keeps compilations with a code object, searches them one after the other in each call, and refuses a ninth:
    functions that programs make from one source would share it.
    """
    own = FunctionType(function.__code__.replace(), function.__globals__, function.__name__, None, function.__closure__)
    return torch.compile(own, dynamic=True, fullgraph=True)


def _numbers(value: Any) -> list[float]:
    """All floats of a rule, those in tuples and in rules inside it included, in order."""
    if isinstance(value, float):
        return [value]
    if dataclasses.is_dataclass(value):
        return [n for f in dataclasses.fields(value) for n in _numbers(getattr(value, f.name))]
    return [n for v in value for n in _numbers(v)] if isinstance(value, tuple) else []


def _with_numbers(value: Any, numbers: Iterator[Any]) -> Any:
    """The same rule with its floats replaced, in the order of `_numbers`."""
    if isinstance(value, float):
        return next(numbers)
    if dataclasses.is_dataclass(value):
        own = {f.name: _with_numbers(getattr(value, f.name), numbers) for f in dataclasses.fields(value)}
        return spec.substitute(value, own)
    return tuple(_with_numbers(v, numbers) for v in value) if isinstance(value, tuple) else value
