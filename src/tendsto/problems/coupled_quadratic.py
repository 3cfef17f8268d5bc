"""Quadratics that are nearly diagonal, over as many orders of magnitude as wished."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property


@register("coupled-quadratic")
@dataclass(frozen=True)
class CoupledQuadratic(Problem):
    """f(x) = x'Hx / 2 with H_ij = sqrt(h_i h_j) (1[i = j] + coupling S_ij), h logarithmically from smallest to largest.

    S is symmetric, its entries off the diagonal standard normal numbers, those on it 0: a coupling of 0.02 is one of 2
    percent relative to the curvatures. A diagonal metric makes the problem easy, gradient descent alone sees the whole
    condition number. The initial point is N(0, 1) / sqrt(h), so that every coordinate has its share of f. With `noise`
    each entry of a step's gradient is multiplied by 1 + noise xi_i, xi normal; values and products stay exact.

    The optimum is 0 at x* = 0; L and mu are the extreme eigenvalues. Points are float64 tensors (dimension,).

    Raises:
        ValueError: a dimension below 1, curvatures that are not 0 < smallest <= largest, negative noise, a coupling
            that leaves H without positive eigenvalues.

    >>> CoupledQuadratic(dimension=3, smallest=1.0, largest=4.0).hessian().diagonal().tolist()
    [1.0, 2.0, 4.0]
    """

    dimension: int = 100
    smallest: float = 1e-4
    largest: float = 1e2
    coupling: float = 0.02
    noise: float = 0.0
    data_seed: int = 0

    criterion_name = "f(x) - f*"

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ValueError(f"dimension = {self.dimension} is empty: use a whole number of at least 1")
        if not 0 < self.smallest <= self.largest:
            raise ValueError(
                f"curvatures from {self.smallest} to {self.largest} are no spectrum: use 0 < smallest <= largest"
            )
        if not self.noise >= 0:
            raise ValueError(f"noise = {self.noise} is not allowed: use a number of at least 0")
        if not self._spectrum[0] > 0:
            raise ValueError(
                f"coupling = {self.coupling} makes an eigenvalue of H {self._spectrum[0]:g}: use a smaller number"
            )

    @once_property
    def _curvatures(self) -> Tensor:
        ends = math.log(self.smallest), math.log(self.largest)
        return torch.linspace(*ends, self.dimension, dtype=torch.float64).exp().clamp(self.smallest, self.largest)

    @once_property
    def _hessian(self) -> Tensor:
        rng, n = Random(self.data_seed).fork("coupled-quadratic"), self.dimension
        upper = rng.normal("coupling", (n, n), torch.float64).triu(1)
        h = self._curvatures
        scale = (h[:, None] * h[None, :]).sqrt() * (self.coupling * (upper + upper.T))
        return scale + torch.diag(h)

    @once_property
    def _spectrum(self) -> Tensor:
        return torch.linalg.eigvalsh(self._hessian)

    def hessian(self) -> Tensor:
        """H, shape (dimension, dimension)."""
        return self._hessian.clone()

    def init(self, rng: Random) -> Tensor:
        return rng.normal("x", (self.dimension,), torch.float64) / self._curvatures.sqrt()

    def sample(self, rng: Random) -> Any:
        return rng.normal("xi", (self.dimension,), torch.float64) if self.noise else None

    def criterion(self, x: Tensor) -> Tensor:
        return 0.5 * (x * (self._hessian @ x)).sum()

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": (x * x).sum(), "||grad f||^2": ((self._hessian @ x) ** 2).sum()}

    def constants(self) -> Constants:
        low, high = float(self._spectrum[0]), float(self._spectrum[-1])
        return Constants(smooth=high, strongly_convex=low, polyak_lojasiewicz=low, convex=True, noise=0.0)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.criterion(x)

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        exact = self._hessian @ x
        return exact if sample is None else exact * (1 + self.noise * sample)

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x, sample), self.gradient(x, sample)

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return self._hessian @ v
