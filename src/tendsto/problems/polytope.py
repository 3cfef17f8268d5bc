"""Problems over the convex hull of a few vertices: what projection-free methods are for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem

TOLERANCE = 1e-9
"""How far outside its set a point is still feasible, relative to the size of the set: steps are rounded."""


@dataclass(frozen=True)
class SetConstants(Constants):
    """Constants of f on a feasible set, which is all that holds of them.

    diameter: D_X, the largest distance of two points of the set. self_concordance, self_concordance_order: M and nu,
    with |D^3 f(x)[w]uu| <= M ||u||_x^2 ||w||_x^(nu-2) ||w||^(3-nu) in the Hessian's norm ||u||_x.

    >>> SetConstants(diameter=2.0, convex=True).known()
    {'convex': True, 'diameter': 2.0}
    """

    diameter: float | None = None
    self_concordance: float | None = None
    self_concordance_order: float | None = None


class Polytope(Problem):
    """min f(x) over conv{v_1, ..., v_m}. A subclass gives `value` (+inf outside dom f), `vertices` and `project`.

    `lmo(g)` is a vertex that minimises <g, v>. The criterion is f on the set, up to rounding, and +inf outside it. The
    metric "Frank-Wolfe gap", <grad f(x), x - lmo(grad f(x))>, bounds f(x) - f* from above for convex f. Optimum and
    solution are computed once by an interior-point method and certified by that gap.
    """

    oracles = ("vertices",)
    criterion_name = "f(x)"

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        """Return f(x), smooth and convex on its domain, +inf outside it."""
        raise NotImplementedError(f"{type(self).__name__} has no value: define value(x, sample)")

    def project(self, x: Tensor, sample: Any = None) -> Tensor:
        """Return the nearest point of the set."""
        raise NotImplementedError(f"{type(self).__name__} has no projection: define project(x, sample)")

    def vertices(self, sample: Any = None) -> Tensor:
        """Return all vertices, shape (m, d)."""
        raise NotImplementedError(f"{type(self).__name__} has no vertices: define vertices()")

    def outside(self, x: Tensor) -> Tensor:
        """Return how far x is outside the set, relative to its size: a number that is 0 inside."""
        raise NotImplementedError(f"{type(self).__name__} has no set: define outside(x)")

    def solve(self) -> tuple[Tensor, float]:
        """Return the solution and the optimum, computed once."""
        raise NotImplementedError(f"{type(self).__name__} does not solve itself: define solve()")

    def lmo(self, g: Tensor, sample: Any = None) -> Tensor:
        """argmin over the set of <g, v>, a vertex."""
        vertices = self.vertices()
        return vertices[(vertices @ g).argmin()]

    def criterion(self, x: Tensor) -> Tensor:
        value = self.value(x)
        return torch.where(self.outside(x) <= TOLERANCE, value, torch.full_like(value, math.inf))

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        g = self.gradient(x)
        return {"Frank-Wolfe gap": ((x - self.lmo(g)) * g).sum()}

    def optimum(self) -> float:
        return self.solve()[1]

    def solution(self) -> Tensor:
        return self.solve()[0].clone()

    def random_start(self) -> bool:
        return False


def project_simplex(x: Tensor, total: float) -> Tensor:
    """Return the nearest point of {x >= 0, sum x = total}, x of shape (d,).

    Source: Held, Wolfe, Crowder, *Validation of subgradient optimization* (1974).

    >>> project_simplex(torch.tensor([2.0, 1.0, -1.0]), 2.0)
    tensor([1.5000, 0.5000, 0.0000])
    """
    ordered = x.sort(descending=True).values
    levels = (ordered.cumsum(0) - total) / torch.arange(1, len(x) + 1, dtype=x.dtype)
    # The last level below its entry is the shift; levels rise until then and fall afterwards.
    return (x - levels.max()).clamp(min=0)


def project_l1(x: Tensor, radius: float) -> Tensor:
    """Return the nearest point of {||x||_1 <= radius}, x of shape (d,).

    >>> project_l1(torch.tensor([-2.0, 1.0, 0.0]), 2.0)
    tensor([-1.5000,  0.5000,  0.0000])
    """
    outer = x.sign() * project_simplex(x.abs(), radius)
    return torch.where(x.abs().sum() <= radius, x, outer)


def interior_point(problem: Polytope, tolerance: float = 1e-11, most: int = 200) -> tuple[Tensor, float]:
    """Return minimiser and minimum of convex f over the hull, the Frank-Wolfe gap below `tolerance` (1 + |f*|).

    Primal-dual, in the weights z of the vertices: grad - s - y 1 = 0, z s = barrier, sum z = 1.

    Raises:
        ArithmeticError: the gap is not that small after `most` steps.
    """
    vertices = problem.vertices()
    m = len(vertices)
    z, s = torch.full((m,), 1 / m, dtype=torch.float64), torch.ones(m, dtype=torch.float64)
    hessian = torch.func.jacrev(problem.gradient)
    gap = math.inf
    for _ in range(most):
        x = z @ vertices
        value = float(problem.value(x))
        g = vertices @ problem.gradient(x)
        gap = float(z @ g - g.min())
        if gap <= tolerance * (1 + abs(value)):
            return x, value
        barrier = 0.1 * (z @ s) / m
        matrix = torch.zeros(m + 1, m + 1, dtype=torch.float64)
        matrix[:m, :m] = vertices @ hessian(x) @ vertices.T + torch.diag(s / z)
        matrix[:m, m] = matrix[m, :m] = 1
        move = torch.linalg.solve(matrix, torch.cat([barrier / z - g, torch.zeros(1, dtype=torch.float64)]))[:m]
        slack = (barrier - s * move) / z - s
        size = min(1.0, *(0.99 * float((-v / dv)[dv < 0].min()) for v, dv in ((z, move), (s, slack)) if (dv < 0).any()))
        z, s = z + size * move, s + size * slack
        z = z / z.sum()
    raise ArithmeticError(f"{problem} was not solved: a Frank-Wolfe gap of {gap:g} is left after {most} steps")
