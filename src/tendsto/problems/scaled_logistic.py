"""Logistic regression on independent features of very different scales: what a diagonal metric is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.finite_sum import FiniteSum, check_batch, noise_at
from tendsto.problems.logistic import newton
from tendsto.problems.once import once_property


@register("scaled-logistic")
@dataclass(frozen=True)
class ScaledLogistic(FiniteSum):
    """f(x) = (1/n) sum_i log(1 + exp(-y_i a_i . x)) + l2/2 ||x||^2, a_ij = z_ij exp(u_j), u_j uniform on (-s, s).

    z_ij are standard normal numbers and y_i = 1 with probability sigmoid(z_i . w), ||w|| = 3: about one label in seven
    is against its side. s = `spread` puts the scales of features up to exp(2s) apart, and curvatures exp(4s). Exact:
    L_max, L = lambda_max(A'A)/(4n) + l2, attained at x = 0, and mu = l2. Every run starts at 0. Points are float64
    tensors (dimension,).

    Raises:
        ValueError: sizes below 1, negative spread, l2 not positive, or a batch that draws nothing.

    >>> problem = ScaledLogistic(terms=50, dimension=3, spread=0.0)
    >>> float(problem.criterion(problem.init(Random(0)))) > problem.optimum() > 0
    True
    """

    terms: int = 500
    dimension: int = 50
    spread: float = 3.0
    l2: float = 1e-4
    batch: int | None = None
    data_seed: int = 0

    criterion_name = "f(x)"

    small: ClassVar[Mapping[str, Any]] = {"terms": 40, "dimension": 4, "spread": 1.0, "l2": 1e-2, "batch": 3}

    def __post_init__(self) -> None:
        if self.terms < 1 or self.dimension < 1:
            raise ValueError(f"terms = {self.terms} and dimension = {self.dimension} must be whole numbers above 0")
        if not self.spread >= 0:
            raise ValueError(f"spread = {self.spread} is not allowed: use a number of at least 0")
        if not self.l2 > 0:
            raise ValueError(f"l2 = {self.l2} leaves no minimiser on separable data: use a positive number")
        check_batch(self.batch)

    @once_property
    def data(self) -> Tensor:
        """y_i a_i, shape (terms, dimension): the data enter in no other way."""
        rng = Random(self.data_seed).fork("scaled-logistic")
        z = rng.normal("features", (self.terms, self.dimension), torch.float64)
        w = rng.normal("planted", (self.dimension,), torch.float64)
        chance = torch.sigmoid(z @ (3 * w / w.norm()))
        y = torch.where(rng.uniform("labels", (self.terms,), torch.float64) < chance, 1.0, -1.0)
        scales = (self.spread * (2 * rng.uniform("scales", (self.dimension,), torch.float64) - 1)).exp()
        return y[:, None] * z * scales

    @once_property
    def _minimum(self) -> tuple[Tensor, float]:
        return newton(self, self.init(Random(0)), self.hessian, tolerance=1e-12)

    def hessian(self, x: Tensor) -> Tensor:
        """The Hessian of f at x, shape (dimension, dimension)."""
        p = torch.sigmoid(self.data @ x)
        weighted = self.data.T * (p * (1 - p)) @ self.data / self.terms
        return weighted + self.l2 * torch.eye(self.dimension, dtype=x.dtype)

    def size(self) -> int:
        return self.terms

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        data = self.data if which is None else self.data[which]
        return torch.nn.functional.softplus(-(data @ x)) + 0.5 * self.l2 * (x * x).sum()

    def optimum(self) -> float:
        return self._minimum[1]

    def solution(self) -> Tensor:
        return self._minimum[0].clone()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self._minimum[0]) ** 2).sum()}

    def constants(self) -> Constants:
        x, optimum = self._minimum
        return Constants(
            smooth=float(torch.linalg.matrix_norm(self.data, 2)) ** 2 / (4 * self.terms) + self.l2,
            smooth_max=float((self.data**2).sum(dim=1).max()) / 4 + self.l2,
            strongly_convex=self.l2,
            strongly_convex_min=self.l2,
            convex=True,
            polyak_lojasiewicz=self.l2,
            noise=noise_at(self, x),
            distance=float(x.norm()),
            gap=float(self.criterion(torch.zeros_like(x))) - optimum,
        )
