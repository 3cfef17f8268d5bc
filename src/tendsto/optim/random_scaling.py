"""Random scaling: every step is multiplied by one exponential random number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.settings import one_of
from tendsto.optim.sgd import SGDRule
from tendsto.optim.torch_optimizer import RuleOptimizer
from tendsto.optim.transform import Transformed, TransformOptimizer

LAWS = ("exponential", "uniform", "none")
BLOCK = 64
"""Steps whose scales are drawn at once."""


def random_scale(law: str, seed: Any, step: Any) -> Any:
    """Return the scale of a step, of mean 1: Exp(1) ("exponential"), twice a uniform number ("uniform") or 1 ("none").

    It is a function of (seed, step) alone: a number for numbers, a float64 tensor where either is a tensor.

    Raises:
        ValueError: an unknown law.

    >>> random_scale("exponential", 0, 3) == random_scale("exponential", 0, 3) != random_scale("exponential", 0, 4)
    True
    """
    one_of("law", law, LAWS)
    if law == "none":
        return 1.0
    if isinstance(step, Tensor) or isinstance(seed, Tensor):
        step = step.to(torch.int64) if isinstance(step, Tensor) else int(step)
        return _drawn(law, Random(seed, step, "/random scaling", "torch"), torch.float64)[..., 0]
    block, place = divmod(int(step), BLOCK)
    return _numbers(law, seed, block)[place]


def _drawn(law: str, rng: Random, dtype: Any) -> Any:
    return rng.exponential("scale", (1,), dtype) if law == "exponential" else 2 * rng.uniform("scale", (1,), dtype)


@functools.lru_cache(maxsize=64)
def _numbers(law: str, seed: int, block: int) -> list[float]:
    """The scales of a block of steps, as numbers: all of them take as long to draw as one."""
    steps = np.arange(block * BLOCK, (block + 1) * BLOCK)
    return _drawn(law, Random(seed, steps, "/random scaling", "numpy"), None)[:, 0].tolist()


@dataclass(frozen=True)
class RandomScalingRule(Transformed):
    """A rule whose whole step is multiplied by s ~ Exp(1), one number a step for all tensors.

        x <- x + s D,   D = shrink * x - move - x, the step of `base`, its decoupled weight decay included.

    As E[F(x + s D) - F(x)] = E<grad F(x + s D), D> exactly (see `lemma_residual`), gradients taken after scaled steps
    tell what the steps gained with no error of linearisation, smooth or not: that turns any online learner of D into
    an optimizer of non-convex functions. Slots evolve as in `base`: they do not see s. s has mean 1 and is not bounded,
    so the largest stable lr is smaller than the base's.

    The scale is a function of (seed, step) alone. In a run the run's seed takes the place of `seed`; as a torch
    optimizer `seed` is a setting like others, kept in state_dict, and the same on all workers. Tensors of one optimizer
    share the scale as long as all of them have gradients at every step; where some have not, wrap a torch optimizer by
    `RandomScaling`, which counts steps for all.

    law: "exponential"; "uniform" (2 U(0, 1)) and "none" (1) have the same mean, and no such lemma.

    State: that of `base`.

    Source: Zhang and Cutkosky 2024, arXiv 2405.09742, Algorithm 1 and section 5 (read in the authors' code; recalled
    from the paper).

    Raises:
        ValueError: an unknown law. TypeError: `base` is no Rule.

    >>> rule, x = RandomScalingRule(SGDRule(lr=0.5), seed=7), torch.zeros(2, dtype=torch.float64)
    >>> moved, _ = rule.update(x, torch.tensor([1.0, -2.0]), {}, 3)
    >>> bool(moved[0] == -0.5 * random_scale("exponential", 7, 3)) and bool(moved[1] == -2 * moved[0])
    True
    """

    law: str = "exponential"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("law", self.law, LAWS)

    def seeded(self, rng: Random) -> Rule:
        return spec.substitute(super().seeded(rng), {"seed": rng.seed})

    def scalars(self, step: Any) -> Scalars:
        return {**super().scalars(step), "scale": random_scale(self.law, self.seed, step)}

    def shrink(self) -> Any:
        return None  # decay is part of the step that is scaled

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        move, slots = self.base.move(parameter, gradient, slots, scalars)
        shrink = self.base.shrink()
        if shrink is not None:
            move = move + (1 - shrink) * parameter
        return scalars["scale"] * move, slots


class RandomScaling(TransformOptimizer):
    """Any torch optimizer, its whole step scaled at random: `RandomScalingRule` around whatever it does in a step.

    One scale a step serves all tensors. Seed and number of the step are kept in the inner optimizer's groups, so that
    its state_dict resumes the same scales. `decoupled` says whether its weight decay multiplies the parameters; it is
    known for torch's own optimizers, and asked for where it cannot be told.

    Raises:
        TypeError: `inner` is no torch optimizer, or takes several steps in one (LBFGS).
        ValueError: an unknown law, or a weight decay of unknown kind.

    >>> model = torch.nn.Linear(3, 1)
    >>> optimizer = RandomScaling(torch.optim.AdamW(model.parameters(), lr=1e-2), seed=1)
    >>> model(torch.ones(4, 3)).sum().backward()
    >>> optimizer.step()
    >>> optimizer.param_groups[0]["scaling_step"]
    1
    """

    def __init__(
        self,
        inner: torch.optim.Optimizer,
        law: str = "exponential",
        seed: int = 0,
        *,
        decoupled: bool | None = None,
    ) -> None:
        super().__init__(inner, RandomScalingRule(SGDRule(), law, seed), decoupled)
        self._count(0)

    def _count(self, steps: int) -> None:
        last = max((g.get("scaling_step", 0) for g in self.param_groups), default=0)
        for group in self.param_groups:
            group.setdefault("scaling_seed", self.transform.seed)  # type: ignore[attr-defined]
            group["scaling_step"] = last + steps

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step; `closure` evaluates the loss anew and is called once."""
        self._count(1)
        return super().step(closure)

    def transform_of(self, group: dict[str, Any]) -> tuple[Transformed, int]:
        return spec.substitute(self.transform, {"seed": group["scaling_seed"]}), group["scaling_step"]

    @classmethod
    def rule(cls, base: Rule, **settings: Any) -> RandomScalingRule:
        """Return the rule `base` with random scaling; `settings` may name settings of either."""
        return spec.replace(RandomScalingRule(base), **settings)


@register("rsgdm")
def rsgdm() -> RandomScalingRule:
    """Return SGD with momentum 0.9 and random scaling."""
    return RandomScalingRule(SGDRule(momentum=0.9))


class RSGDM(RuleOptimizer):
    """SGD with momentum and random scaling, as a torch optimizer.

    With law="none" it is `torch.optim.SGD`. Raises what `RandomScalingRule` and `SGDRule` raise.

    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([1.0, -2.0])
    >>> RSGDM([weight], lr=0.1, seed=3).step()
    >>> bool(weight[1] == -2 * weight[0])
    True
    """

    factory: ClassVar[Callable[[], Rule] | None] = staticmethod(rsgdm)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        law: str = "exponential",
        seed: int = 0,
        **options: bool,
    ) -> None:
        inner = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, self.rule(law=law, seed=seed, **inner), **options)
