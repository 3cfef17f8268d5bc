"""Rosenbrock's banana valley: smooth, nonconvex, and badly scaled along a curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register


@register("rosenbrock")
@dataclass(frozen=True)
class Rosenbrock(Problem):
    """f(x) = sum_i steepness (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, i = 1, ..., dimension - 1.

    The optimum is 0 at (1, ..., 1), the only stationary point in dimensions 2 and 3; from 4 to 7 there is one more
    local minimum, near (-1, 1, ..., 1). The gradient is not globally Lipschitz, so no step size is safe from
    everywhere. The initial point is the customary (-1.2, 1, -1.2, 1, ...) plus `spread` times a normal vector. Points
    are float64 tensors of shape (dimension,).

    Raises:
        ValueError: dimension below 2, steepness not positive, or a negative spread.

    Source: Rosenbrock, *An automatic method for finding the greatest or least value of a function* (1960); local
    minima: Kok, Sandrock, *Locating and characterizing the stationary points of the extended Rosenbrock function*
    (2009).

    >>> round(Rosenbrock().criterion(torch.tensor([-1.2, 1.0], dtype=torch.float64)).item(), 9)
    24.2
    """

    dimension: int = 2
    steepness: float = 100.0
    spread: float = 0.1

    criterion_name = "f(x) - f*"

    def __post_init__(self) -> None:
        if self.dimension < 2:
            raise ValueError(f"dimension = {self.dimension} has no valley: use a whole number of at least 2")
        if self.steepness <= 0 or self.spread < 0:
            raise ValueError(f"steepness = {self.steepness} must be positive and spread = {self.spread} not negative")

    def init(self, rng: Random) -> Tensor:
        even = torch.arange(self.dimension) % 2 == 0
        customary = torch.where(even, -1.2, 1.0).to(torch.float64)
        return customary + self.spread * rng.normal("x", (self.dimension,), torch.float64)

    def random_start(self) -> bool:
        return self.spread > 0

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return (self.steepness * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.ones(self.dimension, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - 1) ** 2).sum()}

    def constants(self) -> Constants:
        return Constants(convex=False, noise=0.0)
