"""A quadratic whose gradient noise has tails as heavy as wished."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register


@register("heavy-tails")
@dataclass(frozen=True)
class HeavyTails(Problem):
    """f(x) = ||x||^2 / 2 and noise xi of uniform direction and Pareto length: P(|xi| > r) = r^-tail, r >= 1.

    The gradient oracle answers x + xi. Of the noise, moments of order alpha < tail are finite, E|xi|^alpha =
    tail / (tail - alpha), so for tail <= 2 the variance is infinite. With tail = inf the entries of xi are normal
    instead, of variance 1 / dimension. Runs start at (distance, 0, ..., 0). Points are float64 tensors (dimension,).

    Raises:
        ValueError: a dimension below 1, a tail of at most 1, which has no mean, or a distance not above 0.

    >>> round(HeavyTails(tail=1.7).moment(1.5), 6)
    8.5
    """

    dimension: int = 5
    tail: float = 1.7
    distance: float = 1.0

    criterion_name = "f(x)"

    def __post_init__(self) -> None:
        if self.dimension < 1 or not self.distance > 0:
            raise ValueError(f"dimension = {self.dimension} must be at least 1 and distance = {self.distance} above 0")
        if not self.tail > 1:
            raise ValueError(f"tail = {self.tail} leaves noise without a mean: use a number above 1, or math.inf")

    def moment(self, alpha: float) -> float:
        """Return E||xi||^alpha, infinite for alpha >= tail.

        Raises:
            ValueError: the noise is Gaussian.
        """
        if math.isinf(self.tail):
            raise ValueError("tail = inf is Gaussian noise, whose moments are not those of a Pareto law")
        return self.tail / (self.tail - alpha) if alpha < self.tail else math.inf

    def init(self, rng: Random) -> Tensor:
        return self.distance * torch.eye(1, self.dimension, dtype=torch.float64)[0]

    def random_start(self) -> bool:
        return False

    def sample(self, rng: Random) -> Tensor:
        return radial_noise(rng, self.dimension, self.tail)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.criterion(x) + (0.0 if sample is None else (sample * x).sum())

    def criterion(self, x: Tensor) -> Tensor:
        return 0.5 * (x * x).sum()

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        square = (x * x).sum()
        return {"||x - x*||^2": square, "||grad f||^2": square}

    def constants(self) -> Constants:
        variance = 1.0 if math.isinf(self.tail) else self.moment(2.0)
        finite = variance if math.isfinite(variance) else None
        power = min(2.0, (1 + self.tail) / 2)
        scale = 1.0 if math.isinf(self.tail) else self.moment(power) ** (1 / power)
        return Constants(
            noise_power=power,
            noise_scale=scale if math.isfinite(scale) else None,
            smooth=1.0,
            convex=True,
            strongly_convex=1.0,
            polyak_lojasiewicz=1.0,
            noise=finite,
            noise_max=finite,
            distance=self.distance,
            gap=0.5 * self.distance**2,
        )


def radial_noise(rng: Random, dimension: int, tail: float) -> Tensor:
    """Draw noise of uniform direction and Pareto length, or normal with E||xi||^2 = 1 for an infinite tail index."""
    normal = rng.normal("direction", (dimension,), torch.float64)
    if math.isinf(tail):
        return normal / math.sqrt(dimension)
    radius = rng.uniform("radius", (1,), torch.float64) ** (-1 / tail)
    return radius * normal / normal.norm(dim=-1, keepdim=True)
