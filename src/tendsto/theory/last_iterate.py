"""Theorems on the last iterate of composite stochastic mirror descent, for any sequence of steps."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tendsto.core.guarantee import RECOMMENDED, Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array

_SOURCE = (
    "Liu and Zhou, Revisiting the Last-Iterate Convergence of Stochastic Gradient Methods (ICLR 2024,"
    " arXiv 2312.08531), Theorems 3.1 and 3.2; the inequality recalled, derived again"
)
EVERY = 4000
"""The longest horizon at every k of which the bound is evaluated, which takes horizon^2 operations; of a longer one it
is evaluated at the end alone, where it is wanted."""


def last_iterate_bound(
    steps: npt.ArrayLike,
    *,
    distance: float,
    second_moment: float,
    strongly_convex: float = 0.0,
    regulariser_strongly_convex: float = 0.0,
) -> float:
    """Return the bound on E F(x_{T+1}) - F* after the steps lr_1, ..., lr_T, whatever they are.

    With mu_f, mu_h the strong convexity of f and of the regulariser, B^2 = M^2 + sigma^2, w_1 = 1 and
    w_t = prod_{s=2}^t (1 + mu_h lr_{s-1}) / (1 - mu_f lr_s):

        (1 - mu_f lr_1) D^2 / (2 sum_t w_t lr_t) + 2 B^2 sum_t w_t lr_t^2 / sum_{s >= t} w_s lr_s.

    steps: (T,), each in (0, min(1/(2L), 1/mu_f)), which the caller sees to for L.
    second_moment: B^2; M = 0 for smooth f, M = 2G for G-Lipschitz f; sigma^2 bounds the variance everywhere.

    Raises:
        ValueError: a step that is not positive, or not below 1/mu_f.

    >>> last_iterate_bound([0.5, 0.5], distance=1.0, second_moment=0.0)
    0.5
    """
    lr = np.asarray(steps, np.float64)
    if lr.ndim != 1 or lr.size == 0 or not (lr > 0).all():
        raise ValueError(f"steps = {steps!r} must be a sequence of positive numbers")
    if not (strongly_convex * lr < 1).all():
        raise ValueError(f"step {lr.max():g} is not below 1/mu = {1 / strongly_convex:g} for mu = {strongly_convex:g}")
    ratios = (1 + regulariser_strongly_convex * lr[:-1]) / (1 - strongly_convex * lr[1:])
    logs = np.concatenate([[0.0], np.log(ratios).cumsum()])
    weights = np.exp(logs - logs.max())
    weighted = weights * lr
    # Summed from the end, where the terms that matter are; weights are relative to the largest.
    remaining = weighted[::-1].cumsum()[::-1]
    start = (1 - strongly_convex * lr[0]) * distance**2 / (2 * remaining[0]) * np.exp(-logs.max())
    return float(start + 2 * second_moment * (weighted * lr / remaining).sum())


@dataclass(frozen=True, kw_only=True)
class _LastIterate(Guarantee):
    """schedule: as in `optim.MirrorDescent`; horizon: T, after which the point stays.

    The bound at k is the largest of those at k, ..., T, since it is to hold at each k and not to increase; for horizons
    above `EVERY` it is infinite before the end.
    """

    schedule: str = "linear-decay"
    horizon: int = 1000
    step_size: float = RECOMMENDED

    method = "mirror-descent"
    scale = "distance"
    mode = "expectation"
    proof = (
        "the one-step inequality is taken not at x* but at convex combinations z_t of x* and of the points so far, with"
        " weights v_t = w_T lr_T / sum_{s >= t} w_s lr_s; convexity telescopes everything to the last point."
    )
    source = _SOURCE

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.horizon < 1:
            raise ValueError(f"horizon = {self.horizon} is no number of steps: use a whole number of at least 1")
        if self.step_size is RECOMMENDED:
            object.__setattr__(self, "step_size", self.step_advised())
        if not 0 < self.step_size < np.inf:
            raise ValueError(f"step size {self.step_size:g} is none: use a finite number above 0")

    def second_moment(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} has no second moment: define second_moment()")

    def step_advised(self) -> float:
        """Return D / B, which balances the two parts."""
        moment = self.second_moment()
        return unit(self.distance) / moment**0.5 if moment else unit(self.distance)  # type: ignore[attr-defined]

    def cap(self) -> float | None:
        return None

    def settings(self) -> dict[str, Any]:
        return {"lr": self.step_size, "schedule": self.schedule, "horizon": self.horizon, "cap": self.cap()}

    def for_accuracy(self, eps: float) -> _LastIterate:
        made = dataclasses.replace(self, horizon=1, step_size=RECOMMENDED)
        while made.bound(made.horizon) > eps:
            made = dataclasses.replace(made, horizon=2 * made.horizon, step_size=RECOMMENDED)
        return made

    def formula(self, k: Array) -> Array:
        at = np.minimum(k, self.horizon).astype(np.int64)
        return np.concatenate([[np.inf], _envelope(self)])[at]


@functools.lru_cache(maxsize=64)
def _envelope(theorem: Any) -> Array:
    """The bounds at k = 1, ..., T, each the largest from there on."""
    steps = theorem.method_for().size(np.arange(1, theorem.horizon + 1)).numpy()
    sizes = {"distance": unit(theorem.distance), "second_moment": theorem.second_moment()}
    if theorem.horizon > EVERY:
        return np.append(np.full(theorem.horizon - 1, np.inf), last_iterate_bound(steps, **sizes))
    bounds = np.array([last_iterate_bound(steps[:k], **sizes) for k in range(1, theorem.horizon + 1)])
    return np.maximum.accumulate(bounds[::-1])[::-1]


@register("last-iterate-lipschitz")
@dataclass(frozen=True, kw_only=True)
class LastIterateLipschitz(_LastIterate):
    """f convex and G-Lipschitz, noise of variance at most sigma_max^2, the last point.

    Linear decay costs no logarithm: G D / sqrt(T) up to a constant. The other two schedules do.

    >>> g = LastIterateLipschitz(lipschitz=1.0, noise_max=0.0, distance=1.0)
    >>> usual = LastIterateLipschitz(lipschitz=1.0, noise_max=0.0, distance=1.0, schedule="inverse-sqrt")
    >>> round(g.bound(1000), 2), round(usual.bound(1000), 2)
    (0.31, 1.52)
    """

    lipschitz: float
    noise_max: float
    distance: float | None = None

    assumes = ("lipschitz", "convex", "noise_max")
    statement = (
        "E F(x_{k+1}) - F* <= D^2 / (2 sum_t lr_t) + 2 (4 G^2 + sigma_max^2) sum_t lr_t^2 / sum_{s >= t} lr_s,"
        " sums over t, s <= k, for any steps."
    )

    def second_moment(self) -> float:
        return 4 * self.lipschitz**2 + self.noise_max


@register("last-iterate-smooth")
@dataclass(frozen=True, kw_only=True)
class LastIterateSmooth(_LastIterate):
    """f convex and L-smooth, noise of variance at most sigma_max^2, steps of at most 1/(2L), the last point.

    >>> g = LastIterateSmooth(smooth=1.0, noise_max=0.0, distance=1.0, step_size=100.0, schedule="constant")
    >>> round(g.bound(1000), 3)
    0.001
    """

    smooth: float
    noise_max: float
    distance: float | None = None

    assumes = ("smooth", "convex", "noise_max")
    statement = (
        "E F(x_{k+1}) - F* <= D^2 / (2 sum_t lr_t) + 2 sigma_max^2 sum_t lr_t^2 / sum_{s >= t} lr_s,"
        " sums over t, s <= k, for any steps lr_t <= 1/(2L)."
    )

    def second_moment(self) -> float:
        return self.noise_max

    def step_advised(self) -> float:
        # With a little noise, D / sigma; in any case not so long that the cap is all there is.
        longest = self.horizon**0.5 / (2 * self.smooth)
        return min(super().step_advised(), longest) if self.noise_max else longest

    def cap(self) -> float:
        return 1 / (2 * self.smooth)
