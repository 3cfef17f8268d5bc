"""Least squares as a finite sum: terms as unequal as wished, with or without interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.finite_sum import FiniteSum, check_batch, noise_at
from tendsto.problems.once import once_property


@register("least-squares")
@dataclass(frozen=True)
class LeastSquares(FiniteSum):
    """f(x) = (1/n) sum_i (a_i . x - b_i)^2 / 2, terms' L_i = ||a_i||^2 from 1 to `spread`, logarithmically spaced.

    Directions of a_i are uniform, b_i = a_i . x_0* + `noise` times a standard normal number, ||x_0*|| = 1. With
    dimension >= terms the problem is over-parametrised: some x fits every term, the optimum is 0, and gradient noise
    vanishes there (interpolation), whatever `noise` is. Every run starts at 0, so `solution` is the solution of least
    norm. All constants are exact; the Polyak-Lojasiewicz one is the least positive eigenvalue of A'A/n, and the
    function is strongly convex where dimension <= terms. Points are float64 tensors (dimension,).

    Raises:
        ValueError: sizes below 1, spread below 1, negative noise, or a batch that draws nothing.

    >>> LeastSquares(terms=10, dimension=20, batch=1).constants().noise < 1e-20
    True
    """

    terms: int = 100
    dimension: int = 20
    spread: float = 100.0
    noise: float = 0.1
    batch: int | None = 1
    data_seed: int = 0

    oracles = ("value_at_solution", "sample_prox")
    criterion_name = "f(x)"

    def __post_init__(self) -> None:
        if self.terms < 1 or self.dimension < 1:
            raise ValueError(f"terms = {self.terms} and dimension = {self.dimension} must be whole numbers above 0")
        if self.spread < 1 or self.noise < 0:
            raise ValueError(f"spread = {self.spread} must be at least 1 and noise = {self.noise} not negative")
        check_batch(self.batch)

    @once_property
    def data(self) -> tuple[Tensor, Tensor]:
        rng = Random(self.data_seed).fork("least-squares")
        a = rng.normal("directions", (self.terms, self.dimension), torch.float64)
        sizes = torch.linspace(0.0, 0.5, self.terms, dtype=torch.float64)
        a = a / a.norm(dim=1, keepdim=True) * (self.spread**sizes)[:, None]
        planted = rng.normal("planted", (self.dimension,), torch.float64)
        noise = self.noise * rng.normal("noise", (self.terms,), torch.float64)
        return a, a @ (planted / planted.norm()) + noise

    @once_property
    def _solved(self) -> tuple[Tensor, float, Tensor]:
        """The solution of least norm, the optimum, and the positive eigenvalues of A'A/n, decreasing."""
        a, b = self.data
        u, s, vh = torch.linalg.svd(a, full_matrices=False)
        x = vh.T @ ((u.T @ b) / s)
        optimum = 0.0 if self.dimension >= self.terms else float(((a @ x - b) ** 2).mean()) / 2
        return x, optimum, s**2 / self.terms

    def size(self) -> int:
        return self.terms

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        a, b = self.data if which is None else (self.data[0][which], self.data[1][which])
        return (a @ x - b) ** 2 / 2

    def sample_prox(self, x: Tensor, step_size: Any, sample: Tensor | None = None) -> Tensor:
        """argmin_y (mean of the sampled terms at y) + ||y - x||^2 / (2 step_size)."""
        a, b = self.data if sample is None else (self.data[0][sample], self.data[1][sample])
        ridge = len(b) / step_size * torch.eye(len(b), dtype=x.dtype)
        return x - a.T @ torch.linalg.solve(a @ a.T + ridge, a @ x - b)

    def optimum(self) -> float:
        return self._solved[1]

    def solution(self) -> Tensor:
        return self._solved[0].clone()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self._solved[0]) ** 2).sum()}

    def constants(self) -> Constants:
        x, optimum, spectrum = self._solved
        least = float(spectrum[-1])
        return Constants(
            smooth=float(spectrum[0]),
            smooth_max=float((self.data[0] ** 2).sum(dim=1).max()),
            strongly_convex=least if self.dimension <= self.terms else None,
            convex=True,
            polyak_lojasiewicz=least,
            noise=noise_at(self, x),
            distance=float(x.norm()),
            gap=float(self.criterion(torch.zeros_like(x))) - optimum,
        )
