"""Quadratics with a chosen spectrum: everything about them is known exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register


@register("quadratic")
@dataclass(frozen=True)
class Quadratic(Problem):
    """f(x) = 1/2 sum_i h_i x_i^2, with curvatures h from `smallest` to `largest`, evenly or logarithmically spaced.

    The optimum is 0 at x* = 0; L = largest, mu = smallest. The initial point is uniform on the sphere of radius
    `distance`, or `distance` along the flattest direction where `start` is "flattest". With `noise` > 0 the gradient
    of a step is h * x + xi, xi normal with E||xi||^2 = noise^2.

    Points are float64 tensors of shape (dimension,).

    Raises:
        ValueError: curvatures that are not 0 <= smallest <= largest, or a dimension below 1.

    >>> Quadratic(dimension=3, smallest=1.0, largest=9.0, spacing="even").curvatures().tolist()
    [1.0, 5.0, 9.0]
    """

    dimension: int = 100
    smallest: float = 0.01
    largest: float = 1.0
    spacing: str = "log"
    distance: float = 1.0
    start: str = "sphere"
    noise: float = 0.0

    criterion_name = "f(x) - f*"

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ValueError(f"dimension = {self.dimension} is empty: use a whole number of at least 1")
        if not 0 <= self.smallest <= self.largest or self.largest <= 0:
            raise ValueError(
                f"curvatures from {self.smallest} to {self.largest} are no spectrum: use 0 <= smallest <= largest, "
                "largest > 0"
            )
        if self.spacing not in ("log", "even") or (self.spacing == "log" and self.smallest == 0):
            raise ValueError(f"spacing = {self.spacing!r} does not fit: use 'even', or 'log' with smallest > 0")
        if self.start not in ("sphere", "flattest"):
            raise ValueError(f"start = {self.start!r} is unknown: use 'sphere' or 'flattest'")

    def curvatures(self) -> Tensor:
        """The eigenvalues h, increasing, shape (dimension,)."""
        if self.dimension == 1:
            return torch.tensor([self.largest], dtype=torch.float64)
        if self.spacing == "even":
            return torch.linspace(self.smallest, self.largest, self.dimension, dtype=torch.float64)
        ends = math.log(self.smallest), math.log(self.largest)
        return torch.linspace(*ends, self.dimension, dtype=torch.float64).exp().clamp(self.smallest, self.largest)

    def init(self, rng: Random) -> Tensor:
        if self.start == "flattest":
            return self.distance * torch.eye(1, self.dimension, dtype=torch.float64)[0]
        direction = rng.normal("x", (self.dimension,), torch.float64)
        return self.distance * direction / direction.norm()

    def sample(self, rng: Random) -> Any:
        return rng.normal("xi", (self.dimension,), torch.float64) if self.noise else None

    def criterion(self, x: Tensor) -> Tensor:
        return 0.5 * (self.curvatures() * x * x).sum()

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random_start(self) -> bool:
        return self.start == "sphere"

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": (x * x).sum(), "||grad f||^2": ((self.curvatures() * x) ** 2).sum()}

    def constants(self) -> Constants:
        mu = self.smallest if self.smallest > 0 else None
        return Constants(
            smooth=self.largest,
            convex=True,
            strongly_convex=mu,
            polyak_lojasiewicz=mu,
            noise=self.noise**2,
            distance=self.distance,
        )

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        tilt = 0.0 if sample is None else (self._xi(sample) * x).sum()
        return self.criterion(x) + tilt

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        exact = self.curvatures() * x
        return exact if sample is None else exact + self._xi(sample)

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x, sample), self.gradient(x, sample)

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return self.curvatures() * v

    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        """argmin_y f(y) + ||y - x||^2 / (2 step_size)."""
        return x / (1 + step_size * self.curvatures())

    def _xi(self, sample: Tensor) -> Tensor:
        return sample * (self.noise / math.sqrt(self.dimension))
