"""A rule applied in place, in pieces that stay in cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tendsto.core.rule import Rule, Scalars, Slots

PIECE = 32768
"""Entries computed at once: a dozen temporaries of this length fit into a core's cache."""


def working(tensor: Tensor) -> Tensor:
    """Return `tensor` in the precision that updates are computed in: float32 for the half precisions."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


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
