"""A mask drawn at random, as dense as the cautious one: what a cautious optimizer is without its signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars
from tendsto.optim.adam import adamw
from tendsto.optim.cautious import CautiousRule
from tendsto.optim.sgd import SGDRule as SGDRule

_LEVELS = 2**31


@dataclass(frozen=True)
class RandomMaskRule(CautiousRule):
    """`CautiousRule` whose mask forgets which entries agree: the same density, the same scale, other entries.

    With p the share of the entries of a tensor whose move agrees in sign with the gradient, each entry moves with
    probability p, scaled as the cautious move is. It is the control that tells the effect of the signs from that of a
    sparser and longer step.

    Draws are a function of (draws, tensor, step, place in the tensor) alone, so a rule stays pure: runs that differ in
    seed share them, which pairs the runs. They depend on the place, so a tensor cannot be updated in pieces.

    draws: another number gives other masks. tensor: the name of the tensor, filled in by `for_tensor`.

    Raises:
        ValueError: an unknown scale. TypeError: `base` is no Rule.

    >>> slots = {"momentum": torch.tensor([2.0, -2.0, 2.0, -2.0])}
    >>> rule = RandomMaskRule(SGDRule(lr=0.5, momentum=1.0), draws=3)
    >>> rule.update(torch.zeros(4), torch.ones(4), slots, 2)[0].tolist()
    [-3.0, 0.0, 0.0, 1.0]
    """

    draws: int = 0
    tensor: str = ""

    @property
    def flat(self) -> bool:
        return False

    def for_tensor(self, name: str, parameter: Tensor) -> Rule:
        return spec.substitute(super().for_tensor(name, parameter), {"tensor": name})

    def scalars(self, step: Any) -> Scalars:
        return {**super().scalars(step), "step": step}

    def sums_of(self, heading: Tensor, gradient: Tensor) -> Scalars:
        return {"agreeing": self._mask(heading, gradient).sum(), "entries": gradient.numel()}

    def transform(self, move: Tensor, heading: Tensor, gradient: Tensor, scalars: Scalars) -> Tensor:
        agreeing, entries, step = scalars["agreeing"], scalars["entries"], scalars["step"]
        rng = Random(self.draws, step.to(torch.int64) if isinstance(step, Tensor) else int(step))
        drawn = rng.integers(f"mask/{self.tensor}", _LEVELS, tuple(move.shape))
        masked = move * (drawn < agreeing / entries * _LEVELS).to(move.dtype)
        return masked if self.scale == "none" else masked * self._factor(agreeing, entries)


@register("random-mask-adamw")
def random_mask_adamw() -> RandomMaskRule:
    """Return AdamW with a random mask as dense as the cautious one."""
    return RandomMaskRule(adamw())
