"""Coin sampling: any direction of particles without a learning rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.sampling.direction import KSDDescent, Stein, asked, declined, prepared
from tendsto.sampling.kernels import IMQ, RBF, Kernel
from tendsto.sampling.lawgd import LAWGD

__all__ = ["Coin", "coin_ksdd", "coin_lawgd", "coin_svgd"]


@dataclass(frozen=True)
class Coin(Method):
    """Follow a direction without a learning rate: each coordinate of each particle bets on the direction's next sign.

    With c the direction at x, element by element, and L = floor, S = G = R = 0 at first:

        L <- max(L, |c|)      S <- S + c      G <- G + |c|      R <- max(R + (x - x_0) c, 0)
        x <- x_0 + S / (L max(G + L, alpha L)) (L + R)

    x_0 is where the particle began, L the largest |c| so far, R the wealth won; a constant factor of c cancels. The
    first step moves every coordinate by 1/2. There is no step size to give: `Coin(direction, lr=...)` is a TypeError.

    direction: a `Direction`, or a function of (x, oracle); its mean over particles, not its sum, where it averages.
    alpha: above 1 it keeps the first steps short, 100 in the variant for neural networks.
    floor: the first L, for a coordinate whose direction is 0 at first.

    A direction that is not finite makes the iterate so, and the run ends as diverged; the authors' code resets all
    particles to x_0 instead.

    Raises:
        ValueError: a negative `alpha`, or a `floor` that is not above 0.

    Source: Sharrock and Nemeth 2023 (arXiv 2301.11294), Algorithm 1 in the adaptive form of the authors' code (read);
    alpha after Orabona and Tommasi 2017 (arXiv 1705.07795), Algorithm 2.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.sampling import Cloud, Gaussian, Stein
    >>> trace = iterate(Coin(Stein()), Cloud(Gaussian(), particles=20), steps=200)
    >>> bool(trace.final()[0] < trace["energy distance"][0, 0] / 2)
    True
    """

    direction: Any = field(default_factory=Stein)
    alpha: float = 0.0
    floor: float = 1e-10

    family = "sampling"

    def __post_init__(self) -> None:
        if not self.alpha >= 0:
            raise ValueError(f"alpha = {self.alpha} is not allowed: use a number of at least 0, such as 0 or 100")
        if not self.floor > 0:
            raise ValueError(f"floor = {self.floor} divides by 0: use a small number above 0, such as 1e-10")

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return asked(self.direction)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declined(self.direction, problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        zero = torch.zeros_like(x)
        bets = {"largest": zero + self.floor, "sum": zero, "total": zero, "won": zero}
        return {"x": x, "start": x, **bets, "prepared": prepared(self.direction, oracle)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, start = state["x"], state["start"]
        c = self.direction(x, oracle, **state["prepared"])
        largest = torch.maximum(state["largest"], c.abs())
        heads, total = state["sum"] + c, state["total"] + c.abs()
        won = self.reward(state["won"], (x - start) * c)
        size = torch.maximum(total + largest, self.alpha * largest)
        x = start + heads / (largest * size) * (largest + won)
        bets = {"largest": largest, "sum": heads, "total": total, "won": won}
        return {**state, "x": x, **bets}, {"||direction||": c.norm()}

    def reward(self, won: Tensor, new: Tensor) -> Tensor:
        """Return the wealth won so far, never below 0."""
        return (won + new).clamp_min(0)


@register("coin-svgd")
def coin_svgd(kernel: Kernel | None = None) -> Coin:
    """Return SVGD without a learning rate; default kernel: RBF with the median rule.

    >>> coin_svgd().direction.kernel
    RBF(bandwidth=None)
    """
    return Coin(Stein(kernel or RBF()))


@register("coin-ksdd")
def coin_ksdd(kernel: Kernel | None = None) -> Coin:
    """Return kernel Stein discrepancy descent without a learning rate; default kernel: IMQ with h = 1.

    >>> coin_ksdd().direction.kernel
    IMQ(bandwidth=1.0, power=-0.5)
    """
    return Coin(KSDDescent(kernel or IMQ()))


@register("coin-lawgd")
def coin_lawgd(points: int = 400, modes: int = 50, reach: float = 20.0) -> Coin:
    """Return LAWGD without a learning rate, for targets on the line, see `LAWGD`.

    >>> coin_lawgd(modes=20).direction.modes
    20
    """
    return Coin(LAWGD(points, modes, reach))
