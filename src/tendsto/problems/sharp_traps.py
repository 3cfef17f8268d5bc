"""Sharp traps: a bowl with small sharp local minima, which small steps end in and large steps leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once_property


@register("sharp-traps")
@dataclass(frozen=True)
class SharpTraps(Problem):
    """f(x) = ||x||^2 / 2 + sum_k Q(||x - c_k||): the global minimum 0 at 0, and local ones x_k in `traps` balls.

    Q' grows as (mu - 1) rho up to `radius`, falls linearly to 0 over `connector`, and is 0 beyond, mu = `sharpness`. So
    within `radius` of c_k = x_k mu / (mu - 1) the gradient is mu (x - x_k), and outside of the balls of radius `radius`
    + `connector` it is x. x_k lie at `distance` from 0: at +distance in one dimension, else in random directions.

    Initial points: uniform on [-box, box]^dimension (`start` "box"), or in the inner ball of a random trap ("traps").
    Metrics: "in a trap", 1 within a ball with its connector, else 0; "||x - x*||^2". Points are float64 (dimension,).

    Raises:
        ValueError: sizes below 1; a trap without its minimum, deeper than the global one, or overlapping another.

    Source: Mohtashami, Jaggi, Stich 2023, arXiv 2205.15142: functions with one sharp region M (recalled). This function
    is this library's; the connector, which a continuous gradient needs, satisfies neither half of their assumptions.

    >>> problem = SharpTraps()
    >>> x = torch.tensor([3.02], dtype=torch.float64)
    >>> round(float(problem.gradient(x)), 9), round(problem.escape_bracket()[0], 9)
    (4.0, 0.01)
    """

    dimension: int = 1
    traps: int = 1
    sharpness: float = 200.0
    radius: float = 0.05
    connector: float = 0.05
    distance: float = 3.0
    start: str = "box"
    box: float = 10.0
    data_seed: int = 0

    criterion_name = "f(x) - f*"

    def __post_init__(self) -> None:
        if self.dimension < 1 or self.traps < 1 or (self.dimension == 1 and self.traps > 1):
            raise ValueError(
                f"dimension = {self.dimension} and traps = {self.traps} must be whole numbers above 0, with one trap in"
                " one dimension"
            )
        if self.start not in ("box", "traps"):
            raise ValueError(f"start = {self.start!r} is unknown: use 'box' or 'traps'")
        if not min(self.radius, self.connector, self.distance, self.box) > 0 or not self.sharpness > 1:
            raise ValueError(
                f"radius = {self.radius}, connector = {self.connector}, distance = {self.distance} and box = {self.box}"
                f" must be above 0, and sharpness = {self.sharpness} above 1, that of the bowl"
            )
        if self.distance / (self.sharpness - 1) >= self.radius:
            raise ValueError(
                f"a trap of radius {self.radius} does not hold its minimum: use a larger one, or a sharper"
            )
        if self._depth() >= self.distance**2 / 2 * self.sharpness / (self.sharpness - 1):
            raise ValueError("the traps are deeper than the minimum at 0: use smaller ones, or a larger distance")
        apart = torch.cdist(self.centres, self.centres) + torch.eye(self.traps) * 1e9
        if float(apart.min()) <= 2 * (self.radius + self.connector):
            raise ValueError(f"two of {self.traps} traps overlap: use fewer, smaller ones, or another data_seed")

    def _depth(self) -> float:
        return (self.sharpness - 1) * self.radius * (self.radius + self.connector) / 2

    @once_property
    def minima(self) -> Tensor:
        """The local minima x_k, shape (traps, dimension)."""
        if self.dimension == 1:
            return torch.full((1, 1), self.distance, dtype=torch.float64)
        rng = Random(self.data_seed).fork("sharp-traps")
        directions = rng.normal("directions", (self.traps, self.dimension), torch.float64)
        return self.distance * directions / directions.norm(dim=1, keepdim=True)

    @property
    def centres(self) -> Tensor:
        """The centres c_k of the balls, shape (traps, dimension)."""
        return self.minima * self.sharpness / (self.sharpness - 1)

    def escape_bracket(self) -> tuple[float, float]:
        """Return 2/mu and (2 + connector/radius)/mu: no step above the first converges to a trap's minimum, and none
        above the second stays in a trap.

        Between them runs may go about within a trap for ever: a step that leaves the inner ball meets the falling Q'
        and is sent back. Derived for a trap alone; the bowl's slope lets runs out below the second.
        """
        return 2 / self.sharpness, (2 + self.connector / self.radius) / self.sharpness

    def init(self, rng: Random) -> Tensor:
        if self.start == "box":
            return self.box * (2 * rng.uniform("x", (self.dimension,), torch.float64) - 1)
        direction = rng.normal("direction", (self.dimension,), torch.float64)
        size = self.radius * rng.uniform("size", (), torch.float64) ** (1 / self.dimension)
        return self.centres[rng.integers("trap", self.traps)] + size * direction / (direction**2).sum().sqrt()

    def _from_centres(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x - c_k; its squared norms; the norms, no less than radius and no more than radius + connector."""
        away = x - self.centres
        squares = (away**2).sum(-1)
        return away, squares, squares.clamp(self.radius**2, (self.radius + self.connector) ** 2).sqrt()

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        _, squares, rho = self._from_centres(x)
        inner, outer = squares.clamp(max=self.radius**2) / 2, rho - self.radius
        well = (self.sharpness - 1) * (inner + self.radius * (outer - outer**2 / (2 * self.connector)))
        return (x * x).sum() / 2 + (well - self._depth()).sum()

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        away, _, rho = self._from_centres(x)
        pull = (self.sharpness - 1) * self.radius / self.connector * ((self.radius + self.connector) / rho - 1)
        return x + (pull[:, None] * away).sum(0)

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        squares = self._from_centres(x)[1]
        inside = (squares < (self.radius + self.connector) ** 2).any()
        return {"in a trap": inside.to(x.dtype), "||x - x*||^2": (x * x).sum()}

    def constants(self) -> Constants:
        steepest = (self.sharpness - 1) * self.radius / self.connector - 1
        return Constants(smooth=max(self.sharpness, steepest), convex=False, noise=0.0)
