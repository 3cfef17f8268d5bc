"""A function on which the last iterate of the subgradient method pays a logarithm for the usual steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property


@register("worst-last-iterate")
@dataclass(frozen=True)
class WorstLastIterate(Problem):
    """f(x) = max_{i <= T+1} <h_i, x> on the unit ball of R^T, started at 0, for runs of T = `horizon` steps.

    h_ij = 1 / (8 (T - j + 1)) for j < i, h_ii = -sqrt(i / T) / 2 for i <= T, and 0 otherwise. The oracle answers with
    the active h_i of the smallest index, so that each step meets a new one, and steps lr / sqrt(t) climb: the last
    value is of the order log(T) / sqrt(T), the best one 1 / sqrt(T). `project` is that onto the ball.

    The optimum is 0, at the initial point: if <h_i, x> < 0 for i = 1, ..., T in turn, every x_i is positive, and then
    <h_{T+1}, x> > 0. A method can only lose. lipschitz = max_i ||h_i||. Points are float64 tensors (horizon,).

    Raises:
        ValueError: horizon below 2.

    Source: Harvey, Liaw, Plan, Randhawa, Tight analyses of non-smooth stochastic gradient descent (2019), section 3,
    with its constants for lr_t = 1/sqrt(t) recalled.

    >>> problem = WorstLastIterate(horizon=4)
    >>> float(problem.criterion(problem.init(Random(0))))
    0.0
    """

    horizon: int = 64

    criterion_name = "f(x)"

    def __post_init__(self) -> None:
        if self.horizon < 2:
            raise ValueError(f"horizon = {self.horizon} has no logarithm to show: use a whole number of at least 2")

    @once_property
    def slopes(self) -> Tensor:
        """h, shape (horizon + 1, horizon)."""
        size = self.horizon
        j = torch.arange(1, size + 1, dtype=torch.float64)
        below = (1 / (8 * (size - j + 1))).expand(size + 1, size).tril(-1)
        ahead = torch.cat([torch.diag((j / size).sqrt() / 2), torch.zeros(1, size, dtype=torch.float64)])
        return below - ahead

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.horizon, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.gradient(x) @ x

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        """The active h_i of the smallest index; what is within rounding of the maximum is active."""
        values = self.slopes @ x
        active = values >= values.max() - 1e-13
        return self.slopes[active.to(torch.uint8).argmax()]

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """The nearest point of the unit ball."""
        return x / (x * x).sum().clamp(min=1.0).sqrt()

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(self.horizon, dtype=torch.float64)

    def constants(self) -> Constants:
        return Constants(lipschitz=float(self.slopes.norm(dim=1).max()), convex=True, noise=0.0, noise_max=0.0)
