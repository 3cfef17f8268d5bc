"""Least squares with a planted sparse vector and an L1 penalty, from random starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property


@register("sparse-regression")
@dataclass(frozen=True)
class SparseRegression(Problem):
    """F(w) = ||X w - y||^2 / (2 samples) + penalty ||w||_1; `value` is the first part, `prox` belongs to the second.

    X is standard normal, y = X w_true + `noise` times a normal vector, the first `nonzeros` entries of w_true are 1,
    and the initial point is standard normal. From penalty = `largest_penalty()` = ||X'y||_inf / samples on, 0 is the
    solution. To hand the penalty to autograd instead, as training loops do: `AutogradPenalty(SparseRegression(...))`.
    Metrics: "||w||_1" and "zeros", the number of entries that are exactly 0. Points are float64 tensors (dimension,).

    Raises:
        ValueError: sizes below 1, more nonzeros than entries, a negative penalty or noise.

    Source: the LASSO experiment of Kumar 2024, arXiv 2401.08426, at the size of this library's own check (recalled).

    >>> problem = SparseRegression(penalty=100.0)
    >>> problem.optimum() == float(problem.criterion(problem.solution()))
    True
    """

    samples: int = 50
    dimension: int = 20
    nonzeros: int = 5
    penalty: float = 1.0
    noise: float = 0.1
    data_seed: int = 0

    criterion_name = "F(w)"

    def __post_init__(self) -> None:
        if self.samples < 1 or not 0 <= self.nonzeros <= self.dimension or self.dimension < 1:
            raise ValueError(
                f"samples = {self.samples}, dimension = {self.dimension} and nonzeros = {self.nonzeros} must be whole"
                " numbers, the first two above 0 and the last at most dimension"
            )
        if not self.penalty >= 0 or not self.noise >= 0:
            raise ValueError(f"penalty = {self.penalty} and noise = {self.noise} must not be negative")

    @once_property
    def data(self) -> tuple[Tensor, Tensor]:
        """X (samples, dimension) and y (samples,)."""
        rng = Random(self.data_seed).fork("sparse-regression")
        x = rng.normal("features", (self.samples, self.dimension), torch.float64)
        planted = (torch.arange(self.dimension) < self.nonzeros).to(torch.float64)
        return x, x @ planted + self.noise * rng.normal("noise", (self.samples,), torch.float64)

    def largest_penalty(self) -> float:
        """Return the penalty from which on the solution is 0."""
        x, y = self.data
        return float((x.T @ y).abs().max()) / self.samples

    def init(self, rng: Random) -> Tensor:
        return rng.normal("w", (self.dimension,), torch.float64)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        features, y = self.data
        return ((features @ x - y) ** 2).sum() / (2 * self.samples)

    def regulariser(self, x: Tensor) -> Tensor:
        return self.penalty * x.abs().sum()

    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        """argmin_y penalty ||y||_1 + ||y - x||^2 / (2 step_size): soft thresholding."""
        return x.sign() * (x.abs() - step_size * self.penalty).clamp(min=0)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x) + self.regulariser(x)

    def optimum(self) -> float | None:
        """The value at 0 where that is the solution; not known below the largest penalty."""
        zero = self.solution()
        return None if zero is None else float(self.criterion(zero))

    def solution(self) -> Tensor | None:
        return torch.zeros(self.dimension, dtype=torch.float64) if self.penalty >= self.largest_penalty() else None

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||w||_1": x.abs().sum(), "zeros": (x == 0).sum().to(x.dtype)}

    def constants(self) -> Constants:
        """Those of the smooth part."""
        spectrum = torch.linalg.svdvals(self.data[0]) ** 2 / self.samples
        full = self.samples >= self.dimension
        return Constants(
            smooth=float(spectrum[0]),
            strongly_convex=float(spectrum[-1]) if full else None,
            convex=True,
            noise=0.0,
        )
