"""The log-optimal portfolio: a self-concordant objective over the simplex."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once, once_property
from tendsto.problems.polytope import Polytope, SetConstants, interior_point, project_simplex

RESERVE = 1e-6
"""What the asset that everything starts in returns where the others are lost."""


@register("log-portfolio")
@dataclass(frozen=True)
class LogPortfolio(Polytope):
    """f(x) = -sum_t log(r_t . x) over {x >= 0, sum x = capital}: the growth of wealth over scenarios, negated.

    Returns r_ti are exp(spread times a normal number); with probability `ruin` an asset is lost in a scenario:
    r_ti = 0. Of the first asset, in which the run starts with all its capital, a ruin leaves 1e-6, so that the start is
    in dom f, barely. Other vertices are not in it then, and a step towards one may end at f = +inf.

    f is self-concordant, nu = 3 and M = 2. Without ruin, L = lambda_max(sum_t r_t r_t' / (capital min_i r_ti)^2) bounds
    the Hessian on the set; with ruin no L does. Points are float64 tensors (assets,).

    Raises:
        ValueError: fewer than 2 assets or 1 scenario, spread or capital not above 0, ruin not in [0, 1).

    Source: Carderera, Besancon, Pokutta, *Simple steps are all you need* (2021), section 5, with returns drawn here.

    >>> problem = LogPortfolio(assets=5, scenarios=20)
    >>> bool(problem.metrics(problem.solution())["Frank-Wolfe gap"] < 1e-9)
    True
    """

    assets: int = 30
    scenarios: int = 200
    spread: float = 0.3
    ruin: float = 0.0
    capital: float = 1.0
    data_seed: int = 0

    # Much capital: the points that the conformance suite looks at are moved by a part of 1 + their size.
    small: ClassVar[Mapping[str, Any]] = {"assets": 5, "scenarios": 12, "capital": 20.0}

    def __post_init__(self) -> None:
        if self.assets < 2 or self.scenarios < 1:
            raise ValueError(
                f"assets = {self.assets} and scenarios = {self.scenarios} leave no choice: use at least 2 and 1"
            )
        if not (self.spread > 0 and self.capital > 0 and 0 <= self.ruin < 1):
            raise ValueError(
                f"spread = {self.spread} and capital = {self.capital} must be above 0, and ruin = {self.ruin} in [0, 1)"
            )

    @once_property
    def returns(self) -> Tensor:
        """r, shape (scenarios, assets)."""
        rng = Random(self.data_seed).fork("log-portfolio")
        shape = (self.scenarios, self.assets)
        returns = (self.spread * rng.normal("returns", shape, torch.float64)).exp()
        lost = rng.uniform("ruin", shape, torch.float64) < self.ruin
        returns = torch.where(lost, torch.zeros_like(returns), returns)
        returns[:, 0] = torch.where(lost[:, 0], torch.full_like(returns[:, 0], RESERVE), returns[:, 0])
        return returns

    def init(self, rng: Random) -> Tensor:
        return self.vertices()[0].clone()

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        wealth = self.returns @ x
        return torch.where((wealth > 0).all(), -wealth.clamp(min=1e-300).log().sum(), math.inf)

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return -(self.returns.T @ (1 / (self.returns @ x)))

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    @once_property
    def _vertices(self) -> Tensor:
        return self.capital * torch.eye(self.assets, dtype=torch.float64)

    def vertices(self, sample: Any = None) -> Tensor:
        return self._vertices

    def lmo(self, g: Tensor, sample: Any = None) -> Tensor:
        return self._vertices[g.argmin()]

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """The nearest point of the simplex."""
        return project_simplex(x, self.capital)

    def outside(self, x: Tensor) -> Tensor:
        return torch.maximum(-x.min(), (x.sum() - self.capital).abs()) / self.capital

    def solve(self) -> tuple[Tensor, float]:
        return _solve(self)

    def constants(self) -> SetConstants:
        x, optimum = self.solve()
        start = self.init(Random(0))
        least = self.capital * self.returns.min(dim=1).values
        smooth = None
        if bool((least > 0).all()):
            smooth = float(torch.linalg.matrix_norm(self.returns / least[:, None], 2)) ** 2
        return SetConstants(
            smooth=smooth,
            convex=True,
            diameter=math.sqrt(2) * self.capital,
            self_concordance=2.0,
            self_concordance_order=3.0,
            distance=float((start - x).norm()),
            gap=float(self.value(start)) - optimum,
        )


@once
def _solve(problem: LogPortfolio) -> tuple[Tensor, float]:
    return interior_point(problem)
