"""Restarts: a method begun anew, with other settings, where the last stage has left off."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.clipped import ClippedSSTM, check_noise


class _From:
    """An oracle that begins at a given point."""

    def __init__(self, oracle: Oracle, point: Any) -> None:
        self._oracle, self._point = oracle, point

    def init(self) -> Any:
        return self._point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oracle, name)


@dataclass(frozen=True)
class Restarted(Method):
    """Run each of `stages` for its number of steps in `lengths`, from the answer of the one before; the last goes on.

    State: x, "inner", the state of the present stage, and "count", a number. One run at a time.

    Raises:
        ValueError: no stages, another number of lengths, or a length below 1.

    >>> Restarted((ClippedSSTM(slowness=1.0), ClippedSSTM(slowness=2.0)), (10, 20)).ends
    (10, 30)
    """

    stages: tuple[Method, ...] = field(default_factory=lambda: (ClippedSSTM(),))
    lengths: tuple[int, ...] = (1,)

    lanes = None

    def __post_init__(self) -> None:
        if not self.stages or len(self.stages) != len(self.lengths) or min(self.lengths) < 1:
            raise ValueError(
                f"lengths = {self.lengths} for {len(self.stages)} stages: give each stage a number of steps, 1 or more"
            )

    @property
    def ends(self) -> tuple[int, ...]:
        """After how many steps each stage ends."""
        return tuple(accumulate(self.lengths))

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.asks))

    def declines(self, problem: Problem) -> str | None:
        return next((reason for stage in self.stages if (reason := stage.declines(problem))), None)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        inner = self.stages[0].init(oracle, rng)
        return {"x": inner["x"], "inner": inner, "count": 0}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        count, inner, ends = state["count"], state["inner"], self.ends
        stage = min(sum(count >= end for end in ends), len(ends) - 1)
        if stage and count == ends[stage - 1]:
            begin: Any = _From(oracle, state["x"])
            inner = self.stages[stage].init(begin, rng.fork(f"stage {stage}"))
        inner, info = self.stages[stage].step(inner, oracle, rng)
        return {"x": inner["x"], "inner": inner, "count": count + 1}, info


def restarted_clipped_sstm(
    *,
    smooth: float,
    strongly_convex: float,
    sigma: float,
    alpha: float,
    distance: float,
    eps: float,
    beta: float = 0.05,
    constants: tuple[float, float] = (1.0, 1.0),
) -> Restarted:
    """Return R-clipped-SSTM, for strongly convex functions: every stage halves the square of the distance.

    With N = ceil(log2(mu R^2 / (2 eps))) stages, R_t = R 2^{-t/2} and eps_t = mu R_{t-1}^2 / 4, stage t runs clipped
    SSTM for the least K whose bound 6 a L R_{t-1}^2 / (K (K + 3)) is at most eps_t, with A = log(4 K N / beta),

        a = max(c_1 A^2, c_2 sigma (K + 1) K^{1/alpha} A^{(alpha-1)/alpha} / (L R_{t-1}))

    and the level R_{t-1} / (30 a_{k+1} A). Then f - f* <= eps at the end with probability 1 - beta, where `constants` c
    are the paper's, (48600, 1800); by default they are 1, without that promise, and the level is R_{t-1} / (a_{k+1} A).
    K grows like (sigma / (mu R_{t-1}))^{alpha/(alpha-1)}: for heavy tails it is soon beyond reach.

    distance: R >= ||x_0 - x*||. sigma, alpha: E||noise||^alpha <= sigma^alpha.

    Source: Sadiev et al., High-Probability Bounds: the Case of Unbounded Variance (ICML 2023, arXiv 2302.00999),
    R-clipped-SSTM: the scheme read where a later paper restates it, the constants recalled.

    Raises:
        ValueError: a constant that is not above 0, mu above L, or noise that is none.

    >>> made = restarted_clipped_sstm(smooth=1.0, strongly_convex=0.1, sigma=1.0, alpha=1.5, distance=1.0, eps=1e-2)
    >>> len(made.stages), made.stages[0].smooth
    (3, 1.0)
    """
    check_noise(sigma, alpha, beta)
    given = {"smooth": smooth, "strongly_convex": strongly_convex, "distance": distance, "eps": eps}
    for name, value in given.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} = {value} must be a finite number above 0")
    if strongly_convex > smooth:
        raise ValueError(f"strongly_convex = {strongly_convex} exceeds smooth = {smooth}: no function has mu > L")
    count = max(1, math.ceil(math.log2(strongly_convex * distance**2 / (2 * eps))))
    stages: list[ClippedSSTM] = []
    lengths: list[int] = []
    share = 1.0 if constants == (1.0, 1.0) else 30.0
    for t in range(count):
        radius = distance * 2 ** (-t / 2)
        goal = strongly_convex * radius**2 / 4

        def slowness(k: int, radius: float = radius) -> tuple[float, float]:
            a = math.log(4 * k * count / beta)
            noisy = sigma * (k + 1) * k ** (1 / alpha) * a ** ((alpha - 1) / alpha) / (smooth * radius)
            return max(constants[0] * a * a, constants[1] * noisy, 1.0), a

        k = 1
        while 6 * slowness(k)[0] * smooth * radius**2 / (k * (k + 3)) > goal:
            k = math.ceil(1.1 * k) if k > 10 else k + 1
        slow, a = slowness(k)
        stages.append(ClippedSSTM(smooth=smooth, slowness=slow, level=radius / (share * a)))
        lengths.append(k)
    return Restarted(tuple(stages), tuple(lengths))


@register("restarted-clipped-sstm")
def _restarted_clipped_sstm() -> Restarted:
    """R-clipped-SSTM for L = 1, mu = 0.1, noise with sigma = 1 and alpha = 3/2, from distance 1 to a gap of 0.01."""
    return restarted_clipped_sstm(smooth=1.0, strongly_convex=0.1, sigma=1.0, alpha=1.5, distance=1.0, eps=1e-2)
