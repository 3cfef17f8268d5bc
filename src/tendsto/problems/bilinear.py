"""The bilinear game, with noise as heavy-tailed as wished."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.heavy_tails import radial_noise


@register("bilinear")
@dataclass(frozen=True)
class Bilinear(Problem):
    """min_u max_v smooth u . v over pairs of points of R^dimension; its operator is F(u, v) = smooth (v, -u).

    F is monotone, Lipschitz with constant `smooth`, and the only equilibrium is 0. The criterion is the restricted gap
    max { <F(y), x - y> : ||y|| <= distance } = smooth distance ||x||. The operator oracle adds the noise of
    `HeavyTails` times `noise`. Runs start on the sphere of radius
    `distance`. Points are float64 tensors (2, dimension): u and v.

    Raises:
        ValueError: sizes that are not positive, a negative noise, or a tail of at most 1.

    >>> problem = Bilinear(dimension=1)
    >>> problem.operator(torch.tensor([[1.0], [2.0]])).tolist()
    [[2.0], [-1.0]]
    """

    dimension: int = 2
    smooth: float = 1.0
    distance: float = 1.0
    noise: float = 0.0
    tail: float = math.inf

    family = "games"
    criterion_name = "restricted gap"

    def __post_init__(self) -> None:
        if self.dimension < 1 or not (self.smooth > 0 and self.distance > 0):
            raise ValueError(
                f"dimension = {self.dimension}, smooth = {self.smooth} and distance = {self.distance} must be positive"
            )
        if not self.noise >= 0 or not self.tail > 1:
            raise ValueError(f"noise = {self.noise} must be at least 0 and tail = {self.tail} above 1")

    def init(self, rng: Random) -> Tensor:
        x = rng.normal("x", (2, self.dimension), torch.float64)
        return self.distance * x / (x * x).sum().sqrt()

    def sample(self, rng: Random) -> Tensor | None:
        return radial_noise(rng, 2 * self.dimension, self.tail) if self.noise else None

    def operator(self, x: Tensor, sample: Any = None) -> Tensor:
        """F(x), shaped as x, with the noise of the sample."""
        exact = self.smooth * torch.stack([x[1], -x[0]])
        return exact if sample is None else exact + self.noise * sample.reshape(x.shape)

    def criterion(self, x: Tensor) -> Tensor:
        return self.smooth * self.distance * (x * x).sum().clamp(min=1e-300).sqrt()

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(2, self.dimension, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": (x * x).sum()}

    def constants(self) -> Constants:
        return Constants(smooth=self.smooth, distance=self.distance)
