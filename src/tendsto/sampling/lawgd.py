"""LAWGD: the direction of the chi-squared flow, by the eigenfunctions of the target's Langevin generator on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.sampling.direction import Direction

__all__ = ["LAWGD", "spectrum"]

DEEP = 40.0
"""Points whose log-density is this far below the largest are left out: there the eigenfunctions are rounding noise."""


@dataclass(frozen=True)
class LAWGD(Direction):
    """-(1/n) sum_j grad_1 K(x_i, x_j), K the kernel of the inverse of the generator L f = -f'' - (log pi)' f'.

    K(x, y) = sum_{k >= 1} f_k(x) f_k(y) / e_k with L f_k = e_k f_k and E_pi f_k^2 = 1; the constant f_0 with e_0 = 0
    is left out. Only for targets on the line: `spectrum` tells f_k and f_k' on a grid, linear in between, and beyond
    its ends they are those of the ends.

    points: of the grid. modes: how many eigenfunctions are kept. reach: the grid lies within [-reach, reach].

    Raises:
        ValueError: not 1 <= modes < points, or a reach not above 0.

    Source: Chewi et al. 2020 (arXiv 2006.02509), Algorithm 1. The generator is discretised here so that its null vector
    is pi itself; the authors of coin sampling keep a ground state whose eigenvalue is nearly 0, a false drift.

    >>> LAWGD(modes=20).modes
    20
    """

    points: int = 400
    modes: int = 50
    reach: float = 20.0

    asks = ("log_density",)

    def __post_init__(self) -> None:
        if not 1 <= self.modes < self.points:
            raise ValueError(f"modes = {self.modes} must be at least 1 and below points = {self.points}")
        if not self.reach > 0:
            raise ValueError(f"reach = {self.reach} leaves no grid: use a number above 0")

    def declines(self, problem: Problem) -> str | None:
        d = getattr(getattr(problem, "target", None), "dimension", None)
        return (
            None if d == 1 else f"its eigenfunctions are told on a grid of the line: the dimension must be 1, not {d}"
        )

    def prepare(self, oracle: Oracle) -> dict[str, Tensor]:
        grid = self.grid(oracle)
        values, functions, slopes = spectrum(grid, oracle.log_density(grid[:, None]), self.modes)
        return {"grid": grid, "functions": functions, "slopes": slopes / values}

    def grid(self, oracle: Oracle) -> Tensor:
        """Return even points where the density is not negligible, (points,)."""
        scan = torch.linspace(-self.reach, self.reach, 4001, dtype=torch.float64)
        log_density = oracle.log_density(scan[:, None])
        deep = log_density < log_density.max() - DEEP
        low, high = scan.masked_fill(deep, torch.inf).min(), scan.masked_fill(deep, -torch.inf).max()
        return low + (high - low) * torch.linspace(0, 1, self.points, dtype=torch.float64)

    def __call__(self, x: Tensor, oracle: Oracle, **prepared: Tensor) -> Tensor:
        grid = prepared["grid"]
        functions = interpolate(x[:, 0], grid, prepared["functions"])
        slopes = interpolate(x[:, 0], (grid[1:] + grid[:-1]) / 2, prepared["slopes"])
        return -(slopes @ functions.mean(0))[:, None]


def spectrum(grid: Tensor, log_density: Tensor, modes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first `modes` eigenvalues above 0 of the generator on an even grid, eigenfunctions and their slopes.

    grid, log_density: (m,). Eigenvalues (modes,), functions (m, modes) with E_pi f^2 = 1, slopes (m - 1, modes) half
    way between the points. No flux leaves the ends. With pi_{i+1/2} = (pi_i pi_{i+1})^(1/2) and step h,

        (L f)_i = [pi_{i-1/2} (f_i - f_{i-1}) - pi_{i+1/2} (f_{i+1} - f_i)] / (h^2 pi_i),

    which pi^(1/2) L pi^(-1/2) makes symmetric, with -1/h^2 beside the diagonal.

    >>> grid = torch.linspace(-8, 8, 400, dtype=torch.float64)
    >>> spectrum(grid, -(grid**2) / 2, 3)[0].round(decimals=2).tolist()
    [1.0, 2.0, 3.0]
    """
    h = grid[1] - grid[0]
    rises = (0.5 * log_density.diff()).exp()
    zero = torch.zeros_like(rises[:1])
    diagonal = (torch.cat([rises, zero]) + torch.cat([zero, 1 / rises])) / h**2
    beside = torch.full_like(rises, 1.0) / h**2
    matrix = torch.diag(diagonal) - torch.diag(beside, 1) - torch.diag(beside, -1)
    values, vectors = torch.linalg.eigh(matrix)
    weights = log_density.softmax(0)
    functions = vectors[:, 1 : modes + 1] / weights.sqrt()[:, None]
    return values[1 : modes + 1], functions, functions.diff(dim=0) / h


def interpolate(x: Tensor, grid: Tensor, table: Tensor) -> Tensor:
    """Return the rows of a table (m, k) on an even grid (m,) at points x (n,), linear in between, constant beyond.

    >>> interpolate(torch.tensor([0.5, 9.0]), torch.tensor([0.0, 1.0]), torch.tensor([[1.0], [3.0]])).tolist()
    [[2.0], [3.0]]
    """
    at = ((x - grid[0]) / (grid[1] - grid[0])).clamp(0, len(grid) - 1)
    left = at.floor().clamp_max(len(grid) - 2)
    share, left = (at - left)[:, None], left.long()
    return (1 - share) * table[left] + share * table[left + 1]
