"""Squared regression: a diagonal linear network, whose gradient flow ends where a convex problem says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property
from tendsto.problems.spectrum import top_eigenvalue

Point = dict[str, Tensor]

_NEWTON = 40


@register("squared-regression")
@dataclass(frozen=True)
class SquaredRegression(Problem):
    """L(u, v) = ||X (u^2 - v^2) - y||^2 / 2 with squares entry by entry, X of shape (terms, dimension).

    Gradient flow moves log u by -2 X'r dt and log v by +2 X'r dt, r the residual, so it ends at u e^(-2 X'l) and
    v e^(2 X'l) for the one l that fits y: the minimiser of the convex sum(u^2 e^(-4 X'l) + v^2 e^(4 X'l)) / 4 + y . l
    (`flow_limit`). The largest eigenvalue of the Hessian there is that of 4 X diag(u^2 + v^2) X' (`flow_sharpness`),
    the *GFS sharpness*.

    X is standard normal, y that of a planted vector with a quarter of its entries 1. Initial entries of u and v are
    `scale` times exp(0.5 z), z standard normal. Metrics: "GFS sharpness", and "sharpness" at the point itself. Points
    are dicts of float64 tensors "u" and "v" (dimension,).

    Raises:
        ValueError: sizes that do not satisfy 1 <= terms <= dimension, or a scale not above 0.

    Source: Kreisler et al. 2023, arXiv 2305.13064, the squared regression model (recalled); the convex problem is
    derived, as in Woodworth et al., *Kernel and rich regimes in overparametrized models* (2020).

    >>> problem = SquaredRegression(terms=2, dimension=6)
    >>> end = problem.flow_limit(problem.init(Random(0)))
    >>> bool(problem.value(end) < 1e-18)
    True
    """

    terms: int = 5
    dimension: int = 20
    scale: float = 0.3
    data_seed: int = 0

    criterion_name = "L(u, v)"

    def __post_init__(self) -> None:
        if not 1 <= self.terms <= self.dimension:
            raise ValueError(
                f"terms = {self.terms} and dimension = {self.dimension} leave no line of minima: use whole numbers with"
                " 1 <= terms <= dimension"
            )
        if not self.scale > 0:
            raise ValueError(f"scale = {self.scale} starts at the saddle 0: use a number above 0")

    @once_property
    def data(self) -> tuple[Tensor, Tensor]:
        """X (terms, dimension) and y (terms,)."""
        rng = Random(self.data_seed).fork("squared-regression")
        x = rng.normal("features", (self.terms, self.dimension), torch.float64)
        planted = (torch.arange(self.dimension) < max(1, self.dimension // 4)).to(torch.float64)
        return x, x @ planted

    def init(self, rng: Random) -> Point:
        return {
            name: self.scale * (0.5 * rng.normal(name, (self.dimension,), torch.float64)).exp() for name in ("u", "v")
        }

    def residual(self, x: Point) -> Tensor:
        """X (u^2 - v^2) - y, shape (terms,)."""
        features, y = self.data
        return features @ (x["u"] ** 2 - x["v"] ** 2) - y

    def value(self, x: Point, sample: Any = None) -> Tensor:
        return (self.residual(x) ** 2).sum() / 2

    def criterion(self, x: Point) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def flow_limit(self, x: Point) -> Point:
        """Return the minimum that gradient flow reaches from x; where entries are 0 there may be none, and L stays.

        Newton's method on l with the steps log(1 + m) / m, m the largest |4 X' move|: second derivatives of a sum of
        exponentials change by at most e^m along a move, so no step goes too far, and near the end they are full.
        """
        features, y = self.data
        u2, v2 = x["u"] ** 2, x["v"] ** 2
        dual = features @ torch.zeros_like(u2)
        for _ in range(_NEWTON):
            a, b = (-4 * features.T @ dual).exp() * u2, (4 * features.T @ dual).exp() * v2
            move = torch.linalg.solve(4 * (features * (a + b)) @ features.T, y - features @ (a - b))
            m = (4 * features.T @ move).abs().max().clamp(min=1e-12)
            dual = dual - torch.log1p(m) / m * move
        return {"u": x["u"] * (-2 * features.T @ dual).exp(), "v": x["v"] * (2 * features.T @ dual).exp()}

    def flow_sharpness(self, x: Point) -> Tensor:
        """Return the largest eigenvalue of the Hessian at `flow_limit(x)`."""
        end, features = self.flow_limit(x), self.data[0]
        return top_eigenvalue(4 * (features * (end["u"] ** 2 + end["v"] ** 2)) @ features.T)

    def sharpness(self, x: Point) -> Tensor:
        """Return the largest eigenvalue of the Hessian at x."""
        u, v, features = x["u"], x["v"], self.data[0]
        jacobian = torch.cat([2 * features * u, -2 * features * v], dim=1)
        pull = 2 * features.T @ self.residual(x)
        return top_eigenvalue(jacobian.T @ jacobian + torch.cat([pull, -pull]).diag())

    def metrics(self, x: Point) -> dict[str, Tensor]:
        return {"GFS sharpness": self.flow_sharpness(x), "sharpness": self.sharpness(x)}

    def constants(self) -> Constants:
        return Constants(convex=False, noise=0.0)
