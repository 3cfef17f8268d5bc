"""Regression in absolute values: convex and not smooth, with a planted solution that is exactly optimal."""

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


@register("absolute-regression")
@dataclass(frozen=True)
class AbsoluteRegression(FiniteSum):
    """f(x) = (1/n) sum_i |a_i . x - b_i| + l2/2 ||x - x*||^2 over a ball around the initial point 0.

    Every a_i (uniform on the unit sphere, times 1 to `spread`) occurs twice, with b_i = a_i . x* - r_i and + r_i,
    r_i = `noise` times the absolute value of a normal number: the two kinks pull x* in opposite directions, so x*,
    uniform on the sphere of radius `distance`, is a minimiser, the only one where l2 > 0, and the optimum is the mean
    of the r_i. With noise = 0 every term is least at x* (interpolation). The ball, onto which `project` projects, has
    the radius 2 `distance`; the Lipschitz constant max_i ||a_i|| + 3 l2 distance holds in it. `sample_prox` is the
    proximal map of the sampled term, exact. Points are float64 tensors (dimension,).

    Raises:
        ValueError: sizes below 1, spread below 1, distance not above 0, a negative noise or l2, an empty batch.

    >>> problem = AbsoluteRegression(terms=5, dimension=3)
    >>> bool(abs(problem.criterion(problem.solution()) - problem.optimum()) < 1e-12)
    True
    """

    terms: int = 50
    dimension: int = 10
    spread: float = 3.0
    noise: float = 0.1
    l2: float = 0.0
    distance: float = 1.0
    batch: int | None = 1
    data_seed: int = 0

    oracles = ("value_at_solution", "sample_prox")
    criterion_name = "f(x)"

    def __post_init__(self) -> None:
        if self.terms < 1 or self.dimension < 1:
            raise ValueError(f"terms = {self.terms} and dimension = {self.dimension} must be whole numbers above 0")
        if self.spread < 1 or self.noise < 0 or self.l2 < 0 or not self.distance > 0:
            raise ValueError(
                f"spread = {self.spread} must be at least 1, distance = {self.distance} above 0, and noise = "
                f"{self.noise} and l2 = {self.l2} not negative"
            )
        check_batch(self.batch)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor]:
        """a (2 terms, dimension), b (2 terms,), x* (dimension,)."""
        rng = Random(self.data_seed).fork("absolute-regression")
        a = rng.normal("directions", (self.terms, self.dimension), torch.float64)
        sizes = torch.linspace(0.0, 1.0, self.terms, dtype=torch.float64)
        a = a / a.norm(dim=1, keepdim=True) * (self.spread**sizes)[:, None]
        x = rng.normal("solution", (self.dimension,), torch.float64)
        x = self.distance * x / x.norm()
        residuals = self.noise * rng.normal("residuals", (self.terms,), torch.float64).abs()
        return torch.cat([a, a]), torch.cat([a @ x - residuals, a @ x + residuals]), x

    def size(self) -> int:
        return 2 * self.terms

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        a, b, solution = self.data
        a, b = (a, b) if which is None else (a[which], b[which])
        return (a @ x - b).abs() + self.l2 / 2 * ((x - solution) ** 2).sum()

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """The nearest point of the ball ||x|| <= 2 distance."""
        radius = 2 * self.distance
        return x * radius / (x * x).sum().clamp(min=radius**2).sqrt()

    def sample_prox(self, x: Tensor, step_size: Any, sample: Tensor) -> Tensor:
        """argmin_y f_i(y) + ||y - x||^2 / (2 step_size) for the one term i of the sample."""
        a, b = self.data[0][sample[0]], self.data[1][sample[0]]
        # The quadratic joins the square: centre and step of one proximal map of |a . y - b|.
        size = step_size / (1 + step_size * self.l2)
        centre = (x + step_size * self.l2 * self.data[2]) / (1 + step_size * self.l2)
        pull = (a @ centre - b) / (a * a).sum()
        return centre - pull.sign() * torch.minimum(pull.abs(), size + 0 * pull) * a

    def offers(self) -> frozenset[str]:
        # The proximal map of several terms has no closed form.
        return super().offers() - (frozenset() if self.batch == 1 else {"sample_prox"})

    def optimum(self) -> float:
        return float((self.data[1] - self.data[0] @ self.data[2]).abs().mean())

    def solution(self) -> Tensor:
        return self.data[2].clone()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self.data[2]) ** 2).sum()}

    def constants(self) -> Constants:
        a = self.data[0]
        return Constants(
            lipschitz=float(a.norm(dim=1).max()) + 3 * self.l2 * self.distance,
            convex=True,
            strongly_convex=self.l2 or None,
            strongly_convex_min=self.l2 or None,
            noise=noise_at(self, self.solution()),
            distance=self.distance,
            gap=float(self.criterion(torch.zeros(self.dimension, dtype=torch.float64))) - self.optimum(),
        )
