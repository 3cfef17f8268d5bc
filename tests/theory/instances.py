"""Instances on which theorems are as sharp as a small problem lets them be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random


@dataclass(frozen=True)
class Huber(Problem):
    """In one dimension, r |x| - r^2 / (2 L) beyond r / L and L x^2 / 2 within, from x_0 = distance.

    With r = L distance / (2 k L lr + 1) gradient descent attains its bound at k.
    """

    slope: float
    smooth: float = 1.0
    distance: float = 1.0

    criterion_name = "f"

    def init(self, rng: Random) -> Tensor:
        return torch.full((1,), self.distance, dtype=torch.float64)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        edge = self.slope / self.smooth
        size = x.abs()
        beyond = self.slope * size - self.slope * edge / 2
        return torch.where(size > edge, beyond, self.smooth * x * x / 2).sum()

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        gradient = (self.smooth * x).clamp(-self.slope, self.slope)
        return {"||x - x*||^2": (x * x).sum(), "||grad f||^2": (gradient * gradient).sum()}


@dataclass(frozen=True)
class TwoTargets(Problem):
    """f_i(x) = (x - a_i)^2 / 2, a = +-spread, one drawn at each step: L = L_max = mu = 1, sigma^2 = spread^2."""

    spread: float = 1.0
    distance: float = 1.0

    criterion_name = "f"

    def init(self, rng: Random) -> Tensor:
        return torch.full((1,), self.distance, dtype=torch.float64)

    def sample(self, rng: Random) -> Tensor:
        return rng.rademacher("which", (1,), torch.float64)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return ((x - self.spread * sample) ** 2).sum() / 2

    def criterion(self, x: Tensor) -> Tensor:
        return ((x * x).sum() + self.spread**2) / 2

    def optimum(self) -> float:
        return self.spread**2 / 2

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": (x * x).sum(), "||grad f||^2": (x * x).sum()}
