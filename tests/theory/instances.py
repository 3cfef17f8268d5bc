"""Instances on which theorems are as sharp as a small problem lets them be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.problems.finite_sum import FiniteSum
from tendsto.problems.worst_case import Huber


@dataclass(frozen=True)
class Slope(Huber):
    """The Huber function of a given slope far out, in one dimension, with L = 1, from a point at distance 1."""

    slope: float
    smooth: float = 1.0
    distance: float = 1.0
    dimension: int = 1
    horizon: int = 1

    def threshold(self) -> float:
        return self.slope


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
        return self.criterion(x) if sample is None else ((x - self.spread * sample) ** 2).sum() / 2

    def criterion(self, x: Tensor) -> Tensor:
        return ((x * x).sum() + self.spread**2) / 2

    def optimum(self) -> float:
        return self.spread**2 / 2

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": (x * x).sum(), "||grad f||^2": (x * x).sum()}


@dataclass(frozen=True)
class WithZero(TwoTargets):
    """The same beside a regulariser that is 0 everywhere, and with the proximal map of each term."""

    oracles = ("sample_prox",)

    def regulariser(self, x: Tensor) -> Tensor:
        return 0 * x.sum()

    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        return x

    def sample_prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        return (x + step_size * self.spread * sample) / (1 + step_size)


@dataclass(frozen=True)
class SlopeWithZero(Slope):
    """The Huber function beside a regulariser that is 0 everywhere, so that the gradient mapping is the gradient."""

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {**super().metrics(x), "||G||^2": (self.gradient(x) ** 2).sum()}

    def regulariser(self, x: Tensor) -> Tensor:
        return 0 * x.sum()

    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        return x


@dataclass(frozen=True)
class Interval(TwoTargets):
    """The same on [-distance, distance], where |x - a_i| <= spread + distance bounds the gradients."""

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        return x.clamp(-self.distance, self.distance)


@dataclass(frozen=True)
class SlopeTwice(FiniteSum):
    """The Huber function of a given slope in one dimension, L = 1, from 1, as the mean of two equal terms."""

    slope: float
    batch: int | None = 1

    criterion_name = "f"

    def size(self) -> int:
        return 2

    def init(self, rng: Random) -> Tensor:
        return torch.ones(1, dtype=torch.float64)

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        size = x.abs().sum()
        value = torch.where(size < self.slope, size**2 / 2, self.slope * size - self.slope**2 / 2)
        return value.expand(2 if which is None else len(which))

    def optimum(self) -> float:
        return 0.0

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||grad f||^2": (self.gradient(x) ** 2).sum()}


@dataclass(frozen=True)
class Corners(Problem):
    """f(x) = ||x||^2 / 2 on the simplex, from a vertex: L = 1, D_X^2 = 2, and M = 0 for any nu."""

    dimension: int = 400

    criterion_name = "f"

    def init(self, rng: Random) -> Tensor:
        return torch.eye(self.dimension, dtype=torch.float64)[0]

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return (x * x).sum() / 2

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return x

    def lmo(self, g: Tensor, sample: Any = None) -> Tensor:
        return torch.nn.functional.one_hot(g.argmin(), self.dimension).to(g.dtype)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 1 / (2 * self.dimension)


@dataclass(frozen=True)
class OneBettor(Problem):
    """f(x) = |x| of a single particle on the line, from `distance`; its score is -sign(x)."""

    distance: float = 1.0

    criterion_name = "f"

    def init(self, rng: Random) -> Tensor:
        return torch.full((1, 1), self.distance, dtype=torch.float64)

    def criterion(self, x: Tensor) -> Tensor:
        return x.abs().sum()

    def score(self, x: Tensor, sample: Any = None) -> Tensor:
        return -x.sign()

    def optimum(self) -> float:
        return 0.0
