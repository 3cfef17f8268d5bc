"""Flows of particles with a learning rate: SVGD, and any other direction, plain or with adaptive steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.sampling.direction import Stein, asked, declined, prepared
from tendsto.sampling.kernels import RBF, Kernel

__all__ = ["AdaptiveFlow", "ParticleFlow", "svgd", "svgd_adagrad"]


@dataclass(frozen=True)
class ParticleFlow(Method):
    """Particles follow a direction: x_i <- x_i + lr phi_i(x_1, ..., x_n). With `Stein` it is SVGD.

    direction: a `Direction`, or a function of (x, oracle).

    Raises:
        ValueError: `lr` is not a finite number above 0.

    Source: Liu and Wang 2016 (arXiv 1608.04471), Algorithm 1.

    >>> ParticleFlow(Stein(), lr=0.5).lr
    0.5
    """

    direction: Any = field(default_factory=Stein)
    lr: float = 0.1

    family = "sampling"

    def __post_init__(self) -> None:
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr = {self.lr} moves no particle well: use a finite number above 0, such as 0.1")

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[reportIncompatibleVariableOverride]
        return asked(self.direction)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declined(self.direction, problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "prepared": prepared(self.direction, oracle)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        phi = self.direction(x, oracle, **state["prepared"])
        return {**state, "x": x + self.lr * phi}, {"||direction||": phi.norm()}


@dataclass(frozen=True)
class AdaptiveFlow(ParticleFlow):
    """`ParticleFlow` with each coordinate's step divided by the root of a running mean of its direction's square.

    v <- beta v + (1 - beta) phi^2, at first v = phi^2;  x <- x + lr phi / (eps + v^(1/2)). Papers on SVGD call it
    AdaGrad; as a running mean it is RMSprop.

    Raises:
        ValueError: `lr` or `eps` is not above 0, or `beta` is not in [0, 1).

    Source: the code of Liu and Wang 2016 (arXiv 1608.04471), beta = 0.9 and eps = 1e-6; read in that of coin sampling.

    >>> AdaptiveFlow(Stein(), lr=0.1).beta
    0.9
    """

    beta: float = 0.9
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.beta < 1:
            raise ValueError(f"beta = {self.beta} is out of range: use a number of at least 0 and below 1, such as 0.9")
        if not self.eps > 0:
            raise ValueError(f"eps = {self.eps} divides by 0 where a particle is at rest: use a number above 0")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        state = super().init(oracle, rng)
        return {**state, "squares": torch.zeros_like(state["x"]), "first": torch.ones((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        phi = self.direction(x, oracle, **state["prepared"])
        new = torch.maximum(state["first"], torch.ones_like(state["first"]) * (1 - self.beta))
        squares = self.beta * state["squares"] + new * phi**2
        x = x + self.lr * phi / (self.eps + squares.sqrt())
        return {**state, "x": x, "squares": squares, "first": torch.zeros_like(state["first"])}, {
            "||direction||": phi.norm()
        }


@register("svgd")
def svgd(lr: float = 0.1, kernel: Kernel | None = None) -> ParticleFlow:
    """Return Stein variational gradient descent; default kernel: RBF with the median rule.

    >>> svgd(lr=0.5).lr
    0.5
    """
    return ParticleFlow(Stein(kernel or RBF()), lr)


@register("svgd-adagrad")
def svgd_adagrad(lr: float = 0.1, kernel: Kernel | None = None) -> AdaptiveFlow:
    """Return SVGD with the adaptive steps that its authors use, see `AdaptiveFlow`.

    >>> svgd_adagrad(lr=0.01).lr
    0.01
    """
    return AdaptiveFlow(Stein(kernel or RBF()), lr)
