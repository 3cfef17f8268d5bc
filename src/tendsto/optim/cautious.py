"""Cautious optimizers: entries whose update disagrees with the gradient stay where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars
from tendsto.optim.adam import adamw
from tendsto.optim.lion import LionRule
from tendsto.optim.settings import one_of
from tendsto.optim.sgd import SGDRule
from tendsto.optim.transform import Transformed, TransformOptimizer

SCALES = ("mean", "original", "paper", "none")


@dataclass(frozen=True)
class CautiousRule(Transformed):
    """A rule whose move is masked where it disagrees in sign with the gradient, and rescaled.

    With u the move of `base` and g the gradient as given (before any weight decay is added to it),

        mask = 1 where u g > 0, else 0
        x <- shrink * x - scale * mask * u

    elementwise, with one scale a tensor that keeps the average size of the move:

    - "mean" (default; official code today, timm): 1 / max(mean(mask), 1e-3);
    - "original" (official code of 2024): n / (sum(mask) + 1) for n entries, which can be a little below 1;
    - "paper" (the paper's one line): 1 / (mean(mask) + 1e-8);
    - "none": 1.

    Slots evolve as in `base`, unmasked; decoupled weight decay is outside the mask. Around Muon the mask comes after
    orthogonalisation, where the official code has it before. With full gradients of an L-smooth loss, a masked move
    d decreases it whenever |d|^2 L / 2 < <g, d>, and <g, d> >= <g, u> if scale >= 1.

    State: that of `base`. Any scale but "none" is a second pass over memory, for the count.

    Source: Liang, Chen, Liu and Liu 2024, arXiv 2411.16085, Algorithm 1; variants from the official repository.

    Raises:
        ValueError: an unknown scale.
        TypeError: `base` is no Rule.

    >>> base = SGDRule(lr=0.5, momentum=1.0)
    >>> slots = {"momentum": torch.tensor([2.0, -2.0])}
    >>> CautiousRule(base).update(torch.zeros(2), torch.ones(2), slots, 2)[0].tolist()
    [-3.0, 0.0]
    """

    scale: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("scale", self.scale, SCALES)

    def _mask(self, heading: Tensor, gradient: Tensor) -> Tensor:
        # Signs first: the product of two small numbers may underflow to 0.
        # No comparison: on a CPU one costs several products.
        return (heading.sign() * gradient.sign()).relu()

    def sums_of(self, heading: Tensor, gradient: Tensor) -> Scalars:
        if self.scale == "none":
            return {}
        return {"agreeing": self._mask(heading, gradient).sum(), "entries": gradient.numel()}

    def transform(self, move: Tensor, heading: Tensor, gradient: Tensor, scalars: Scalars) -> Tensor:
        # A product, not a choice: a NaN stays to be seen.
        masked = move * self._mask(heading, gradient)
        return masked if self.scale == "none" else masked * self._factor(scalars["agreeing"], scalars["entries"])

    def _factor(self, agreeing: Tensor, entries: Any) -> Tensor:
        if self.scale == "original":
            return entries / (agreeing + 1)
        if self.scale == "paper":
            return 1 / (agreeing / entries + 1e-8)
        return 1 / (agreeing / entries).clamp(min=1e-3)


class Cautious(TransformOptimizer):
    """Any torch optimizer, made cautious: `CautiousRule` around whatever it does in a step.

    The inner optimizer's groups, state and state_dict are used as they are, so checkpoints and schedulers carry over.
    `decoupled` says whether its weight decay multiplies the parameters; it is known for torch's own optimizers, and
    asked for where it cannot be told. For speed use the rule itself: `Cautious.rule(AdamW.rule())`.

    Raises:
        TypeError: `inner` is no torch optimizer, or takes several steps in one (LBFGS).
        ValueError: an unknown scale, or a weight decay of unknown kind.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = Cautious(torch.optim.AdamW(model.parameters(), lr=1e-2))
    >>> model(torch.ones(4, 3)).sum().backward()
    >>> optimizer.step()
    >>> Cautious.rule(LionRule()).base
    LionRule(lr=0.0001, betas=(0.9, 0.99), weight_decay=0.0)
    """

    def __init__(self, inner: torch.optim.Optimizer, scale: str = "mean", *, decoupled: bool | None = None) -> None:
        # The move comes from `inner`: the rule lends its transform only, around a base that is never asked.
        super().__init__(inner, CautiousRule(SGDRule(), scale), decoupled)

    @classmethod
    def rule(cls, base: Rule, **settings: Any) -> CautiousRule:
        """Return the rule `base` made cautious; `settings` may name settings of either."""
        return spec.replace(CautiousRule(base), **settings)


@register("cautious-adamw")
def cautious_adamw() -> CautiousRule:
    """Return AdamW made cautious."""
    return CautiousRule(adamw())


@register("cautious-lion")
def cautious_lion() -> CautiousRule:
    """Return Lion made cautious."""
    return CautiousRule(LionRule())


@register("cautious-sgd")
def cautious_sgd() -> CautiousRule:
    """Return SGD with momentum made cautious."""
    return CautiousRule(SGDRule(momentum=0.9))
