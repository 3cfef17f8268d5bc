"""Theorems on forward-backward Gaussian variational inference; mu and L bound the Hessian of V = -log pi everywhere."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from tendsto.core.guarantee import SteppedGuarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array, Trace

_SOURCE = (
    "Diao, Balasubramanian, Chewi, Salim, Forward-backward Gaussian variational inference (2023, arXiv 2304.05398)"
)


@dataclass(frozen=True, kw_only=True)
class _FBGVI(SteppedGuarantee):
    smooth: float

    method = "fb-gvi"

    def step_limit(self) -> tuple[float, str]:
        return 1 / self.smooth, "1/L"

    def started(self, trace: Trace) -> Any:
        """This guarantee with a distance that was left out taken from the trace: W2 of the first point."""
        if self.scale != "distance" or getattr(self, "distance", None) is not None:
            return super().started(trace)
        if trace.index[0] != 0 or "W2^2" not in trace.values:
            raise ValueError("the distance is not known, and the trace has no W2^2 at 0: give distance = ...")
        return dataclasses.replace(self, distance=math.sqrt(float(trace["W2^2"][:, 0].max())))  # type: ignore[reportCallIssue]


@register("fb-gvi-contraction")
@dataclass(frozen=True, kw_only=True)
class FBGVIContraction(_FBGVI):
    """Exact expectations, V mu-strongly convex and L-smooth; W2^2 of the last Gaussian to the best one.

    >>> round(FBGVIContraction(smooth=1.0, strongly_convex=0.01, distance=1.0).bound(100), 4)
    0.3679
    """

    strongly_convex: float
    distance: float | None = None

    assumes = ("smooth", "strongly_convex")
    measure = "W2^2"
    scale = "distance"
    statement = "W2^2(p_k, p*) <= exp(-mu lr k) W2^2(p_0, p*) for 0 < lr <= 1/L, p* the best Gaussian."
    proof = (
        "the evolution variational inequality of a forward-backward step, (1 - mu lr) W2^2(p_k, p*) - W2^2(p_{k+1}, p*)"
        " >= 2 lr (F(p_{k+1}) - F(p*)) >= 0: along transport E V is mu-convex and L-smooth, and the entropy is convex."
    )
    source = f"{_SOURCE}, Theorem on the strongly convex case; recalled, and compared with Gaussian targets"

    def formula(self, k: Array) -> Array:
        return math.e ** (-self.strongly_convex * self.step_size * k) * unit(self.distance) ** 2


@register("fb-gvi-sublinear")
@dataclass(frozen=True, kw_only=True)
class FBGVISublinear(_FBGVI):
    """Exact expectations, V convex and L-smooth; the last Gaussian.

    >>> FBGVISublinear(smooth=10.0, distance=1.0).bound(100)
    0.05
    """

    distance: float | None = None

    assumes = ("smooth", "convex")
    scale = "distance"
    statement = "F(p_k) - F(p*) <= W2^2(p_0, p*) / (2 lr k) for 0 < lr <= 1/L, p* the best Gaussian."
    proof = "the inequality of one step with mu = 0, summed; F(p_k) decreases."
    source = f"{_SOURCE}, Theorem on the convex case; recalled, derived again from the inequality of one step"

    def formula(self, k: Array) -> Array:
        return unit(self.distance) ** 2 / (2 * self.step_size * k)


@register("fb-gvi-stochastic")
@dataclass(frozen=True, kw_only=True)
class FBGVIStochastic(_FBGVI):
    """One draw a step, V mu-strongly convex and L-smooth; the last Gaussian, in expectation. dimension: d.

    >>> theorem = FBGVIStochastic(smooth=1.0, strongly_convex=1.0, distance=1.0, dimension=5)
    >>> round(theorem.for_accuracy(0.1).bound(1e5), 4)
    0.05
    """

    strongly_convex: float
    distance: float | None = None
    dimension: int = 1

    assumes = ("smooth", "strongly_convex")
    measure = "W2^2"
    scale = "distance"
    tightness = "order-only"
    mode = "expectation"
    statement = "E W2^2(p_k, p*) <= exp(-mu lr k / 2) W2^2(p_0, p*) + 36 d lr L^2 / mu^2 for 0 < lr <= mu^2 / (48 L^3)."
    proof = (
        "the inequality of one step with the noise of b and A, whose variance grows with W2^2(p_k, p*) and is otherwise"
        " of the order d L; short steps absorb the growth."
    )
    source = f"{_SOURCE}, Theorem on the stochastic case; the order is read, the constants 36 and 48 are recalled"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dimension < 1:
            raise ValueError(f"dimension = {self.dimension} is none: use a whole number of at least 1")

    def step_limit(self) -> tuple[float, str]:
        return self.strongly_convex**2 / (48 * self.smooth**3), "mu^2/(48 L^3)"

    def for_accuracy(self, eps: float) -> FBGVIStochastic:
        share = eps / 2 * self.strongly_convex**2 / (36 * self.dimension * self.smooth**2)
        return dataclasses.replace(self, step_size=min(self.step_advised(), share))

    def formula(self, k: Array) -> Array:
        floor = 36 * self.dimension * self.step_size * (self.smooth / self.strongly_convex) ** 2
        return math.e ** (-self.strongly_convex * self.step_size * k / 2) * unit(self.distance) ** 2 + floor


@register("fb-gvi-smooth")
@dataclass(frozen=True, kw_only=True)
class FBGVISmooth(_FBGVI):
    """Exact expectations, V L-smooth, convex or not; the smallest Bures-Wasserstein gradient so far.

    >>> FBGVISmooth(smooth=1.0, gap=1.0).bound(1500)
    0.1
    """

    gap: float | None = None

    assumes = ("smooth",)
    measure = "||grad F||^2"
    scale = "gap"
    point = "best"
    tightness = "order-only"
    statement = "min_{t <= k} ||grad F(p_t)||^2 <= 150 L (F(p_0) - inf F) / k with lr = 1/L."
    proof = (
        "F falls by a multiple of lr ||grad F||^2 in a step: the energy is L-smooth, and the proximal step descends."
    )
    source = f"{_SOURCE}, Theorem on the smooth case; the order is read, the constant 150 is recalled"

    def formula(self, k: Array) -> Array:
        return 150 * unit(self.gap) / (self.step_size * k)
