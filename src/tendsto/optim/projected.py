"""Projected optimizers: where a weight's length does not matter to the loss, the part of a move along it is removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core import spec
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots
from tendsto.optim.adam import AdamRule
from tendsto.optim.settings import at_least_zero, average, one_of
from tendsto.optim.sgd import SGDRule
from tendsto.optim.torch_optimizer import RuleOptimizer
from tendsto.optim.transform import Transformed, TransformOptimizer

VARIANTS = ("paper", "official")
SMALLEST = 1e-8
"""Norms below this count as this in a cosine."""


def scale_invariance(weight: Tensor, gradient: Tensor, delta: Any = 0.1) -> tuple[Tensor, Tensor]:
    """Return whether a gradient looks like that of a loss that does not change with the length of the weight.

    The first answer is for the length of every channel (w[i] for each i), the second for that of the whole tensor. A
    loss with f(c w) = f(w) has <g, w> = 0, and one without has a cosine of the order of 1 / sqrt(n) even by chance; so
    a tensor passes where |cos(g, w)| < delta / sqrt(n) over all channels of n entries, or over the whole of its n.

    Source: Heo et al. 2021, arXiv 2006.08217, section 3.3; the bound with sqrt(n) as in the official code.

    >>> w = torch.eye(2)
    >>> tuple(bool(found) for found in scale_invariance(w, torch.tensor([[0.0, 1.0], [3.0, 0.0]])))
    (True, True)
    >>> tuple(bool(found) for found in scale_invariance(w, torch.tensor([[1.0, 0.0], [0.0, -1.0]])))
    (False, True)
    """
    w, g = (t.reshape(weight.shape[0], -1) for t in (weight, gradient))
    products, weights, gradients = (w * g).sum(dim=1), (w * w).sum(dim=1), (g * g).sum(dim=1)

    def passes(product: Tensor, weight: Tensor, gradient: Tensor, length: int) -> Tensor:
        norms = weight.sqrt().clamp(min=SMALLEST) * gradient.sqrt().clamp(min=SMALLEST)
        return (product.abs() / norms).max() < delta / length**0.5

    whole = passes(products.sum(), weights.sum(), gradients.sum(), w.numel())
    return passes(products, weights, gradients, w.shape[1]), whole


def effective_lr(weight: Tensor, lr: float) -> float:
    """Return lr / |w|^2: how fast a gradient step turns a weight whose length the loss does not see.

    Its gradient is as 1 / |w|, and a turn is a step over |w|.

    >>> effective_lr(torch.full((2, 2), 2.0), lr=0.8)
    0.05
    """
    return float(lr / (weight.double() ** 2).sum())


@dataclass(frozen=True)
class ProjectedRule(Transformed):
    """A rule whose move loses its radial part on weights that pass the test of `scale_invariance`.

    With u the move of `base`, and w_i, u_i the channels of a tensor of two axes or more (or its whole, if only the
    whole passes the test),

        u_i <- u_i - w_i <w_i, u_i> / (|w_i| + norm_eps)^2
        w   <- w - (1 - shrink) * wd_ratio * w - u,

    so |w|^2 grows by |u|^2 in a step and no more. Where neither passes, and on vectors and single numbers, the step is
    that of the base. With momentum b alone |w|^2 grows (1 + b) / (1 - b) times faster, 19 times for b = 0.9, and the
    effective step lr / |w|^2 decays so much sooner. `wd_ratio` is the share of the decoupled weight decay that is kept
    where a move was projected.

    variant: "paper" (default) leaves momentum as it is; "official", around SGD without Nesterov's form, also projects
    the momentum, as the official code does by writing into it. Around other rules they are the same.

    State: that of `base`. Compiled it is two passes over memory: sums by channel come before the move.

    Source: Heo et al. 2021, arXiv 2006.08217, Algorithms 1 and 2, and its official code.

    Raises:
        ValueError: a negative setting, or an unknown variant. TypeError: `base` is no Rule.

    >>> w, g = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> rule, slots = ProjectedRule(SGDRule(lr=1.0, momentum=0.5)), {"momentum": torch.tensor([[4.0, 0.0]])}
    >>> [round(v, 4) + 0.0 for v in rule.update(w, g, slots, 2)[0][0].tolist()]
    [2.0, -1.0]
    """

    delta: float = 0.1
    wd_ratio: float = 0.1
    norm_eps: float = 1e-8
    variant: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_zero(delta=self.delta, wd_ratio=self.wd_ratio, norm_eps=self.norm_eps)
        one_of("variant", self.variant, VARIANTS)

    @property
    def flat(self) -> bool:
        return False

    @property
    def by_channel(self) -> bool:
        """Whether a tensor of any shape may be treated as a matrix of channels, which it may if the base is flat."""
        return self.base.flat

    def for_tensor(self, name: str, parameter: Tensor) -> Rule:
        base = self.base.for_tensor(name, parameter)
        return base if parameter.ndim < 2 else spec.substitute(self, {"base": base})

    def shrink(self) -> Any:
        return None  # decay is part of the move, since its share depends on the tensor

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        move, slots = self.base.move(parameter, gradient, slots, scalars)
        channel, whole = scale_invariance(parameter, gradient, self.delta)
        move = self._projected(move, parameter, channel, whole)
        if self.variant == "official" and isinstance(self.base, SGDRule) and not self.base.nesterov and slots:
            slots = {**slots, "momentum": self._projected(slots["momentum"], parameter, channel, whole)}
        shrink = self.base.shrink()
        if shrink is not None:
            kept = 1 - (1 - self.wd_ratio) * (channel | whole).to(parameter.dtype)
            move = move + (1 - shrink) * kept * parameter
        return move, slots

    def _projected(self, move: Tensor, weight: Tensor, channel: Tensor, whole: Tensor) -> Tensor:
        """The move without its part along each channel, without that along the whole, or as it is."""
        w, u = (t.reshape(weight.shape[0], -1) for t in (weight, move))
        squares, products = (w * w).sum(dim=1), (w * u).sum(dim=1)
        each = products / (squares.sqrt() + self.norm_eps) ** 2
        all_ = products.sum() / (squares.sum().sqrt() + self.norm_eps) ** 2
        part = torch.where(channel, each, torch.where(whole, all_, 0.0))
        return (u - part[:, None] * w).reshape(move.shape)


class Projected(TransformOptimizer):
    """Any torch optimizer, projected: `ProjectedRule` around whatever it does in a step.

    The inner optimizer's groups, state and state_dict are used as they are. `decoupled` says whether its weight decay
    multiplies the parameters; it is known for torch's own optimizers, and asked for where it cannot be told.

    Raises:
        TypeError: `inner` is no torch optimizer, or takes several steps in one (LBFGS).
        ValueError: a negative setting, or a weight decay of unknown kind.

    >>> model = torch.nn.Linear(3, 2)
    >>> optimizer = Projected(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))
    >>> torch.nn.functional.normalize(model(torch.ones(4, 3))).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        inner: torch.optim.Optimizer,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        norm_eps: float = 1e-8,
        *,
        decoupled: bool | None = None,
    ) -> None:
        super().__init__(inner, ProjectedRule(SGDRule(), delta, wd_ratio, norm_eps), decoupled)

    @classmethod
    def rule(cls, base: Rule, **settings: Any) -> ProjectedRule:
        """Return the rule `base` projected; `settings` may name settings of either."""
        return spec.replace(ProjectedRule(base), **settings)


@dataclass(frozen=True)
class SGDWRule(SGDRule):
    """`SGDRule` with decoupled weight decay: x <- (1 - lr * weight_decay / (1 - momentum)) x - lr * d.

    The factor 1 / (1 - momentum) makes the decay that which SGD's own would come to, once momentum has built up.

    State: as `SGDRule`. Source: the official code of Heo et al. 2021, where it is the base of SGDP.

    Raises:
        ValueError: a negative setting, momentum of 1 or more, or Nesterov's form without momentum.

    >>> SGDWRule(lr=0.5, momentum=0.5, weight_decay=0.1).shrink()
    0.9
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum >= 1:
            raise ValueError(f"momentum = {self.momentum} never forgets a gradient: use a number below 1, such as 0.9")

    def shrink(self) -> Any:
        return 1 - self.lr * self.weight_decay / (1 - self.momentum)

    def _direction(self, parameter: Tensor, gradient: Tensor, slots: Slots) -> tuple[Tensor, Slots]:
        # The direction of a tensor of zeros, on which SGD's own decay does nothing.
        return super()._direction(torch.zeros((), dtype=gradient.dtype), gradient, slots)


@dataclass(frozen=True)
class NesterovAdamRule(AdamRule):
    """`AdamRule` with the numerator b1 m + (1 - b1) g in the place of m, corrected for bias as m is.

    State: as `AdamRule`. Source: the official code of Heo et al. 2021, where it is the base of AdamP; it is not NAdam,
    whose correction of bias differs.

    Raises:
        ValueError: a negative setting, or betas outside [0, 1).

    >>> rule = NesterovAdamRule(lr=0.1)
    >>> x, _ = rule.update(torch.zeros(1), torch.ones(1), rule.slots(torch.zeros(1)), 1)
    >>> round(x.item(), 4)
    -0.19
    """

    nesterov: bool = True

    def heading(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        m = super().heading(parameter, gradient, slots, scalars)
        return average(m, self._gradient(parameter, gradient), self.betas[0]) if self.nesterov else m

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        ahead = self.heading(parameter, gradient, slots, scalars)
        move, slots = super().move(parameter, gradient, slots, scalars)
        if not self.nesterov:
            return move, slots
        v = slots["max_exp_avg_sq"] if self.amsgrad else slots["exp_avg_sq"]
        return scalars["size"] * ahead / (v.sqrt() / scalars["root"] + self.eps), slots


@register("adamp")
def adamp() -> ProjectedRule:
    """Return AdamW projected, without weight decay by default."""
    return ProjectedRule(NesterovAdamRule(decoupled=True, nesterov=False))


@register("sgdp")
def sgdp() -> ProjectedRule:
    """Return SGD with momentum projected, its weight decay decoupled and 0 by default."""
    return ProjectedRule(SGDWRule(momentum=0.9))


class AdamP(RuleOptimizer):
    """AdamW with `ProjectedRule` around it, as a torch optimizer.

    `variant` makes no difference here and is not asked for. Source: Heo et al. 2021, Algorithm 2; equal to the official
    package in float64. Raises what `ProjectedRule` and `AdamRule` raise.

    >>> model = torch.nn.Linear(3, 2)
    >>> optimizer = AdamP(model.parameters(), lr=1e-2, weight_decay=0.1)
    >>> model(torch.ones(4, 3)).sum().backward()
    >>> optimizer.step()
    """

    factory: ClassVar[Callable[[], Rule] | None] = staticmethod(adamp)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        nesterov: bool = False,
        **options: bool,
    ) -> None:
        inner = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, self.rule(delta=delta, wd_ratio=wd_ratio, **inner), **options)


class SGDP(RuleOptimizer):
    """SGD with momentum with `ProjectedRule` around it, as a torch optimizer.

    Source: Heo et al. 2021, Algorithm 1; with variant="official" equal to the official package in float64. Raises what
    `ProjectedRule` and `SGDWRule` raise.

    >>> model = torch.nn.Linear(3, 2)
    >>> optimizer = SGDP(model.parameters(), lr=0.1, momentum=0.9)
    >>> model(torch.ones(4, 3)).sum().backward()
    >>> optimizer.step()
    """

    factory: ClassVar[Callable[[], Rule] | None] = staticmethod(sgdp)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        variant: str = "paper",
        **options: bool,
    ) -> None:
        inner = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, self.rule(delta=delta, wd_ratio=wd_ratio, variant=variant, **inner), **options)
