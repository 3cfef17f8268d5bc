"""Theorems behind AdAdaGrad: AdaGrad-Norm with exact gradients, and SGD on batches that pass the norm test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import RECOMMENDED, Guarantee, SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


@register("adagrad-norm-smooth")
@dataclass(frozen=True, kw_only=True)
class AdaGradNormSmooth(Guarantee):
    """AdaGrad-Norm with exact gradients on a smooth function, convex or not, the best of the gradients so far.

    step_length: lr, which is a length: 2 (d_0 / (2 L))^(1/2) if not given. initial: the first sum of squares s_0, of
    which at least (lr L)^2 is asked, and which is that if not given.

    Raises:
        ValueError: a length that is not positive, or `initial` below (lr L)^2.

    >>> AdaGradNormSmooth(smooth=2.0, gap=1.0).bound(9)
    0.8
    """

    smooth: float
    gap: float
    step_length: float = RECOMMENDED
    initial: float = RECOMMENDED

    method = "adagrad-norm"
    assumes = ("smooth", "gap")
    measure = "||grad f||^2"
    point = "best"
    statement = (
        "min over x_0 to x_k of ||grad f||^2 <= (4 d_0^2 / lr^2 + 2 d_0 sqrt(s_0) / lr) / (k + 1) for sqrt(s_0) >= lr"
        " L, with exact gradients."
    )
    proof = (
        "f falls by lr ||g||^2 / (2 sqrt(s)) at every step as sqrt(s) >= lr L, and ||g_k||^2 / sqrt(s_k) >="
        " sqrt(s_k) - sqrt(s_{k-1}): summed, sqrt(s_k) <= sqrt(s_0) + 2 d_0 / lr, and so sum ||g||^2 <="
        " (2 d_0 / lr) sqrt(s_k)."
    )
    source = "derived; of the form of Ward, Wu and Bottou 2019, arXiv 1806.01811, Theorem 2.2 (recalled)"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step_length is RECOMMENDED:
            object.__setattr__(self, "step_length", math.sqrt(2 * self.gap / self.smooth))
        if not 0 < self.step_length < math.inf:
            raise ValueError(f"step_length = {self.step_length} is no length: use a finite number above 0")
        least = (self.step_length * self.smooth) ** 2
        if self.initial is RECOMMENDED:
            object.__setattr__(self, "initial", least)
        if not least * (1 - 1e-12) <= self.initial < math.inf:
            raise ValueError(f"initial = {self.initial:g} is below (lr L)^2 = {least:g}: use at least that")

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_length, "initial": self.initial}

    def formula(self, k: Array) -> Array:
        ratio = 2 * self.gap / self.step_length
        return ratio * (ratio + math.sqrt(self.initial)) / (k + 1)


@register("sgd-norm-test-smooth")
@dataclass(frozen=True, kw_only=True)
class SGDNormTestSmooth(SteppedGuarantee):
    """SGD with unbiased gradients that pass the exact norm test at every step, on a smooth function.

    eta: the tolerance of the test, E||g - grad f||^2 <= eta^2 ||grad f||^2. Steps as long as those of exact gradients,
    and their rate 1 / k, are had up to the factor 1 + eta^2.

    Raises:
        ValueError: an eta of 0 or less, or a step above 1 / (L (1 + eta^2)).

    >>> SGDNormTestSmooth(smooth=2.0, gap=1.0, eta=0.5).step_size
    0.4
    """

    smooth: float
    gap: float | None = None
    eta: float = 0.5

    method = "sgd-norm-test"
    assumes = ("smooth",)
    scale = "gap"
    measure = "||grad f||^2"
    point = "best"
    mode = "expectation"
    statement = (
        "E min over x_0 to x_k of ||grad f||^2 <= 2 d_0 / (lr (k + 1)) for 0 < lr <= 1/(L (1 + eta^2)), if E||g - grad"
        " f||^2 <= eta^2 ||grad f||^2 at every step."
    )
    proof = (
        "E f falls by lr (1 - lr L (1 + eta^2) / 2) ||grad f||^2 >= lr ||grad f||^2 / 2 at every step, as E||g||^2 <="
        " (1 + eta^2) ||grad f||^2; sum, and the least is at most the mean."
    )
    source = "derived; the test: Byrd, Chin, Nocedal and Wu 2012, Lau, Liu and Kolar 2024, arXiv 2402.11215"

    def __post_init__(self) -> None:
        if not 0 < self.eta < math.inf:
            raise ValueError(f"eta = {self.eta} is no tolerance: use a finite number above 0")
        super().__post_init__()

    def step_limit(self) -> tuple[float, str]:
        return 1 / (self.smooth * (1 + self.eta**2)), "1/(L (1 + eta^2))"

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "eta": self.eta}

    def formula(self, k: Array) -> Array:
        return 2 * unit(self.gap) / (self.step_size * (k + 1))
