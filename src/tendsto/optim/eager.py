"""A rule applied in place, in pieces that stay in cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tendsto.core.rule import Rule, Scalars, Slots

Item = tuple[Tensor, Tensor, Slots]
"""A parameter, its gradient and its slots."""

PIECE = 98304
"""Entries computed at once: few enough for a core's cache, enough to outweigh some microseconds an operation."""

SMALL = 8192
"""Shorter tensors are joined where a rule allows it: copying them costs less than as many operations on each."""


def working(tensor: Tensor) -> Tensor:
    """Return `tensor` in the precision that updates are computed in: float32 for the half precisions."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def advance(rule: Rule, items: list[Item], scalars: Scalars) -> None:
    """Update tensors and their slots in place, small ones together if no entry looks at another."""
    joined: dict[Any, list[Item]] = {}
    for item in items:
        parameter, gradient, slots = item
        if rule.elementwise and parameter.numel() <= SMALL:
            kind = tuple((name, s.dtype) for name, s in slots.items())
            joined.setdefault((parameter.device, parameter.dtype, gradient.dtype, kind), []).append(item)
        else:
            apply_in_place(rule, *item, scalars)
    for members in joined.values():
        for start in range(0, len(members), PIECE // SMALL):
            _apply_joined(rule, members[start : start + PIECE // SMALL], scalars)


def _apply_joined(rule: Rule, members: list[Item], scalars: Scalars) -> None:
    if len(members) == 1:
        return apply_in_place(rule, *members[0], scalars)
    columns = [[m[0] for m in members], [m[1] for m in members]]
    columns += [[m[2][name] for m in members] for name in members[0][2]]
    parameter, gradient, *old = (torch.cat([t.reshape(-1) for t in column]) for column in columns)
    new, new_slots = rule.apply(
        working(parameter), working(gradient), dict(zip(members[0][2], old, strict=True)), scalars
    )
    lengths = [t.numel() for t in columns[0]]
    for name, column in zip((None, *members[0][2]), (columns[0], *columns[2:]), strict=True):
        if name is not None and name not in new_slots:
            continue  # a slot that is only read
        parts = (new if name is None else new_slots[name]).split(lengths)
        torch._foreach_copy_(column, [part.view(t.shape) for part, t in zip(parts, column, strict=True)])
    return None


def apply_in_place(rule: Rule, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> None:
    """Update one tensor and its slots in place."""
    for name, total in _totals(rule, parameter, gradient, slots, scalars).items():
        scalars = {**scalars, name: total}
    for p, g, s in _pieces(rule, parameter, gradient, slots):
        new, new_slots = rule.apply(working(p), working(g), s, scalars)
        p.copy_(new)
        for name, value in new_slots.items():
            s[name].copy_(value)


def update_in_place(rule: Rule, parameter: Tensor, gradient: Tensor, slots: Slots, step: float) -> None:
    """Update one tensor and its slots in place by a rule that has no more than `update`: whole, never in pieces."""
    new, new_slots = rule.update(working(parameter), working(gradient), slots, step)
    parameter.copy_(new)
    for name, value in new_slots.items():
        slots[name].copy_(value)


def _totals(rule: Rule, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> dict[str, Any]:
    totals: dict[str, Any] = {}
    if type(rule).sums is Rule.sums:
        return totals
    for p, g, s in _pieces(rule, parameter, gradient, slots):
        part = rule.sums(working(p), working(g), s, scalars)
        if not part:
            break
        totals = {name: totals[name] + value if totals else value for name, value in part.items()}
    return totals


def _pieces(rule: Rule, parameter: Tensor, gradient: Tensor, slots: Slots) -> Iterator[tuple[Tensor, Tensor, Slots]]:
    n = parameter.numel()
    if n <= PIECE or not is_flat(rule, parameter, gradient, slots):
        yield parameter, gradient, slots
        return
    p, g = parameter.view(-1), gradient.view(-1)
    s = {name: slot.view(-1) for name, slot in slots.items()}
    for start in range(0, n, PIECE):
        piece = slice(start, start + PIECE)
        yield p[piece], g[piece], {name: slot[piece] for name, slot in s.items()}


def is_flat(rule: Rule, parameter: Tensor, gradient: Tensor, slots: Slots) -> bool:
    """Return whether the update may be computed on flat views of these tensors."""
    return rule.flat and all(t.is_contiguous() for t in (parameter, gradient, *slots.values()))
