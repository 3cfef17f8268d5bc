"""Logistic regression over the l1 ball, on real data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.data import breast_cancer
from tendsto.problems.once import once, once_property
from tendsto.problems.polytope import Polytope, SetConstants, interior_point, project_l1


@register("l1-logistic")
@dataclass(frozen=True)
class L1Logistic(Polytope):
    """f(x) = (1/n) sum_i log(1 + exp(-y_i a_i . x)) over {||x||_1 <= radius}, on the breast cancer data, n = 569.

    Features are standardised, labels -1 or +1, and there is no intercept. L = lambda_max(A'A) / (4n); f is generalised
    self-concordant, nu = 2 and M = max_i ||a_i||. Every run starts at 0. Points are float64 tensors (30,).

    Raises:
        ValueError: radius is not above 0.
        ImportError: scikit-learn, which ships the data, is not installed.

    >>> constants = L1Logistic(radius=2.0).constants()
    >>> constants.diameter, round(constants.smooth, 2), round(constants.self_concordance, 1)
    (4.0, 3.32, 20.5)
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ValueError(f"radius = {self.radius} leaves no ball: use a number above 0")

    @once_property
    def data(self) -> Tensor:
        """y_i a_i, shape (569, 30): the data enter in no other way."""
        features, labels = breast_cancer()
        return labels[:, None] * features

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.data.shape[1], dtype=torch.float64)

    @once_property
    def _rows(self) -> tuple[Tensor, Tensor]:
        """-y_i a_i as rows, and the same over n as columns: what a step has to multiply by, with nothing left to do."""
        return -self.data, (-self.data.T / len(self.data)).contiguous()

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return torch.nn.functional.softplus(self._rows[0] @ x).mean()

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        rows, columns = self._rows
        return columns @ torch.sigmoid(rows @ x)

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        rows, columns = self._rows
        margins = rows @ x
        return torch.nn.functional.softplus(margins).mean(), columns @ torch.sigmoid(margins)

    @once_property
    def _vertices(self) -> Tensor:
        corners = self.radius * torch.eye(self.data.shape[1], dtype=torch.float64)
        return torch.cat([corners, -corners])

    def vertices(self, sample: Any = None) -> Tensor:
        return self._vertices

    def lmo(self, g: Tensor, sample: Any = None) -> Tensor:
        return self._vertices[torch.cat((g, -g)).argmin()]

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """The nearest point of the ball."""
        return project_l1(x, self.radius)

    def outside(self, x: Tensor) -> Tensor:
        return (x.abs().sum() - self.radius).clamp(min=0) / self.radius

    def solve(self) -> tuple[Tensor, float]:
        return _solve(self)

    def constants(self) -> SetConstants:
        x, optimum = self.solve()
        return SetConstants(
            smooth=float(torch.linalg.matrix_norm(self.data, 2)) ** 2 / (4 * len(self.data)),
            convex=True,
            diameter=2 * self.radius,
            self_concordance=float(self.data.norm(dim=1).max()),
            self_concordance_order=2.0,
            distance=float(x.norm()),
            gap=float(self.value(torch.zeros_like(x))) - optimum,
        )


@once
def _solve(problem: L1Logistic) -> tuple[Tensor, float]:
    return interior_point(problem)
