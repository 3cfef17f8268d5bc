"""Langevin samplers: each particle a chain of its own, with noise in the place of repulsion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register

__all__ = ["MALA", "ULA"]


@register("ula")
@dataclass(frozen=True)
class ULA(Method):
    """The unadjusted Langevin algorithm x <- x + lr grad log pi(x) + (2 lr)^(1/2) xi, xi ~ N(0, I).

    Its law is off by a bias of order lr: for N(0, 1) the variance is 1 / (1 - lr / 2).

    Raises:
        ValueError: `lr` is not a finite number above 0.

    Source: Roberts and Tweedie 1996, section 1.4.1.

    >>> ULA(lr=0.1).lr
    0.1
    """

    lr: float = 0.01

    asks = ("score",)
    family = "sampling"

    def __post_init__(self) -> None:
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr = {self.lr} is no step: use a finite number above 0, such as 0.01")

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        noise = rng.normal("noise", x.shape, x.dtype)
        return {"x": x + self.lr * oracle.score(x) + (2 * self.lr) ** 0.5 * noise}, {}


@register("mala")
@dataclass(frozen=True)
class MALA(Method):
    """The Metropolis-adjusted Langevin algorithm: ULA's step y, kept with probability min(1, a), else x stays.

    log a = log pi(y) - log pi(x) + (||y - x - lr s_x||^2 - ||x - y - lr s_y||^2) / (4 lr), s the scores. pi is exactly
    invariant. Acceptance near 0.57 is best. Info: the share of particles whose step was kept.

    Raises:
        ValueError: `lr` is not a finite number above 0.

    Source: Roberts and Tweedie 1996, section 1.4.2.

    >>> MALA(lr=0.1).lr
    0.1
    """

    lr: float = 0.1

    asks = ("score", "log_density")
    family = "sampling"

    def __post_init__(self) -> None:
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr = {self.lr} is no step: use a finite number above 0, such as 0.1")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        return {"x": x, "score": oracle.score(x), "log_density": oracle.log_density(x)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, s, at = state["x"], state["score"], state["log_density"]
        y = x + self.lr * s + (2 * self.lr) ** 0.5 * rng.normal("noise", x.shape, x.dtype)
        t, there = oracle.score(y), oracle.log_density(y)
        ratio = there - at + (_square(y - x - self.lr * s) - _square(x - y - self.lr * t)) / (4 * self.lr)
        # A proposal of density 0, or none at all, compares as False: it is not kept.
        kept = rng.uniform("accept", at.shape, at.dtype).log() < ratio
        moved = kept[:, None]
        new = {
            "x": torch.where(moved, y, x),
            "score": torch.where(moved, t, s),
            "log_density": torch.where(kept, there, at),
        }
        return new, {"acceptance": kept.to(x.dtype).mean()}


def _square(v: Tensor) -> Tensor:
    return (v * v).sum(-1)
