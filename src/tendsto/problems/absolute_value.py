"""The absolute value, and Huber's function: the simplest kink, and the same with its tip rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register


@register("absolute-value")
@dataclass(frozen=True)
class AbsoluteValue(Problem):
    """f(x) = slope |x|, or with `smoothing` d > 0 Huber's slope x^2 / (2d) for |x| <= d and slope (|x| - d/2) beyond.

    Convex, `slope`-Lipschitz, with the optimum 0 at 0; where d > 0 also (slope/d)-smooth. The subgradient answered at
    the kink is 0, as autograd's. `start`: the initial point; None for one uniform on [-distance, distance]. Metrics:
    "x"; "curvature", f'' at x (0 at the kink, as autograd says); "||x - x*||^2". Points are float64 tensors (1,).

    Raises:
        ValueError: slope or distance not above 0, or a negative smoothing.

    Source: Kumar 2024, arXiv 2401.08426, whose examples these are (recalled).

    >>> huber = AbsoluteValue(smoothing=0.5)
    >>> [float(huber.value(torch.tensor([x], dtype=torch.float64))) for x in (0.1, 0.5, 1.0)]
    [0.010000000000000002, 0.25, 0.75]
    """

    slope: float = 1.0
    smoothing: float = 0.0
    start: float | None = None
    distance: float = 1.0

    criterion_name = "f(x) - f*"

    def __post_init__(self) -> None:
        if not self.slope > 0 or not self.distance > 0:
            raise ValueError(f"slope = {self.slope} and distance = {self.distance} must be above 0")
        if not self.smoothing >= 0:
            raise ValueError(f"smoothing = {self.smoothing} is no width: use a number of at least 0, 0 for |x| itself")

    def init(self, rng: Random) -> Tensor:
        if self.start is not None:
            return torch.full((1,), self.start, dtype=torch.float64)
        return self.distance * (2 * rng.uniform("x", (1,), torch.float64) - 1)

    def random_start(self) -> bool:
        return self.start is None

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        size = x.abs().sum()
        if self.smoothing == 0:
            return self.slope * size
        inside = size * size / (2 * self.smoothing)
        return self.slope * torch.where(size <= self.smoothing, inside, size - self.smoothing / 2)

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.slope * (x.sign() if self.smoothing == 0 else (x / self.smoothing).clamp(-1, 1))

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    def curvature(self, x: Tensor) -> Tensor:
        """Return f''(x), 0 at a kink: a scalar."""
        inside = x.abs().sum() <= self.smoothing
        steepest = self.slope / self.smoothing if self.smoothing else 0.0
        return steepest * inside.to(x.dtype)

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return self.curvature(x) * v

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(1, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"x": x.sum(), "curvature": self.curvature(x), "||x - x*||^2": (x * x).sum()}

    def constants(self) -> Constants:
        return Constants(
            smooth=self.slope / self.smoothing if self.smoothing else None,
            convex=True,
            lipschitz=self.slope,
            noise=0.0,
            noise_max=0.0,
            distance=self.distance if self.start is None else abs(self.start),
        )
