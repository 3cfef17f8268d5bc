"""Cloud: the problem of carrying particles to a target law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.problems.once import once
from tendsto.sampling.discrepancy import mean_distance
from tendsto.sampling.target import Gaussian, Target


@dataclass(frozen=True)
class Cloud(Problem):
    """Carry `particles` points to `target`. The point is the cloud, a float64 tensor (particles, d).

    The oracles `score` and `log_density` answer grad log pi and log pi (up to a constant) at each particle; `value` is
    -sum_i log pi(x_i). The criterion is the squared
    energy distance to `reference` exact draws, the same in every run; a target without exact draws has no such
    criterion, and its cloud is judged by -mean_i log pi(x_i) instead. Particles start as
    start + spread N(0, I).

    Raises:
        ValueError: fewer than one particle or draw, or a spread not above 0.

    >>> cloud = Cloud(Gaussian(), particles=10)
    >>> cloud.init(Random(0)).shape
    torch.Size([10, 2])
    """

    target: Target = field(default_factory=Gaussian)
    particles: int = 50
    spread: float = 1.0
    start: float = 0.0
    reference: int = 2000

    family = "sampling"
    criterion_name = "energy distance"
    oracles = ("log_density",)
    small: ClassVar[Mapping[str, Any]] = {"particles": 6, "reference": 50}

    def __post_init__(self) -> None:
        if self.particles < 1 or self.reference < 1:
            raise ValueError(f"particles = {self.particles} and reference = {self.reference} must be at least 1")
        if not self.spread > 0:
            raise ValueError(f"spread = {self.spread} starts all particles at one point: use a number above 0")

    def init(self, rng: Random) -> Tensor:
        shape = (self.particles, self.target.dimension)
        return self.start + self.spread * rng.normal("x", shape, torch.float64)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return -self.target.log_density(x).sum()

    def log_density(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.target.log_density(x)

    def score(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.target.score(x)

    def criterion(self, x: Tensor) -> Tensor:
        draws, own = _reference(self.target, self.reference)
        if draws is None:
            return -self.target.log_density(x).mean()
        return 2 * mean_distance(x, draws) - mean_distance(x, x) - own

    def metrics(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"mean -log pi": -self.target.log_density(x).mean()}


@once
def _reference(target: Target, n: int) -> tuple[Tensor | None, Tensor]:
    """Exact draws, and their mean distance from each other."""
    draws = target.draw(Random(0).fork("reference"), n)
    return draws, torch.zeros(()) if draws is None else mean_distance(draws, draws)
