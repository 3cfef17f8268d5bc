"""Logistic regression with an l2 penalty, on real data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.data import breast_cancer
from tendsto.problems.finite_sum import FiniteSum, check_batch, noise_at
from tendsto.problems.once import once, once_property


@register("logistic")
@dataclass(frozen=True)
class Logistic(FiniteSum):
    """f(x) = (1/n) sum_i log(1 + exp(-y_i a_i . x)) + l2/2 ||x||^2 on the breast cancer data, n = 569.

    Features are standardised, labels -1 or +1, and there is no intercept. Every term carries the penalty. Exact:
    L = lambda_max(A'A)/(4n) + l2 and L_max = max_i ||a_i||^2/4 + l2, both attained at x = 0, and mu = l2, approached
    far out, where the sigmoids saturate. The optimum is computed once by Newton's method to a gradient of norm 1e-13,
    which certifies f to 1e-26 / (2 mu). Every run starts at 0. Points are float64 tensors (30,).

    Raises:
        ValueError: l2 is not positive (without it the infimum need not be attained), or a batch that draws nothing.
        ImportError: scikit-learn, which ships the data, is not installed.

    >>> constants = Logistic(l2=0.01).constants()
    >>> constants.strongly_convex, round(constants.smooth, 3)
    (0.01, 3.33)
    """

    l2: float = 0.01
    batch: int | None = None

    criterion_name = "f(x)"

    small: ClassVar[Mapping[str, Any]] = {"batch": 3}

    def __post_init__(self) -> None:
        if not self.l2 > 0:
            raise ValueError(f"l2 = {self.l2} leaves no minimiser on separable data: use a positive number")
        check_batch(self.batch)

    @once_property
    def data(self) -> Tensor:
        """y_i a_i, shape (569, 30): the data enter in no other way."""
        features, labels = breast_cancer()
        return labels[:, None] * features

    def size(self) -> int:
        return len(self.data)

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.data.shape[1], dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        data = self.data if which is None else self.data[which]
        return torch.nn.functional.softplus(-(data @ x)) + 0.5 * self.l2 * (x * x).sum()

    def optimum(self) -> float:
        return _minimise(self.l2)[1]

    def solution(self) -> Tensor:
        return _minimise(self.l2)[0].clone()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self.solution()) ** 2).sum()}

    def constants(self) -> Constants:
        x, optimum = _minimise(self.l2)
        squares = (self.data**2).sum(dim=1)
        return Constants(
            smooth=float(torch.linalg.matrix_norm(self.data, 2)) ** 2 / (4 * self.size()) + self.l2,
            smooth_max=float(squares.max()) / 4 + self.l2,
            strongly_convex=self.l2,
            strongly_convex_min=self.l2,
            convex=True,
            polyak_lojasiewicz=self.l2,
            noise=noise_at(self, x),
            distance=float(x.norm()),
            gap=float(self.criterion(torch.zeros_like(x))) - optimum,
        )


@once
def _minimise(l2: float) -> tuple[Tensor, float]:
    problem = Logistic(l2=l2)
    return newton(problem, problem.init(Random(0)), torch.func.jacrev(problem.gradient))


def newton(
    problem: FiniteSum, x: Tensor, hessian: Callable[[Tensor], Tensor], tolerance: float = 1e-13
) -> tuple[Tensor, float]:
    """Return the minimiser and the minimum of a smooth strongly convex problem, by damped Newton steps.

    `hessian(x)` is the matrix (size of x, size of x).

    Raises:
        ArithmeticError: the gradient's norm is not below `tolerance` after 100 steps.
    """
    size = float("inf")
    for _ in range(100):
        value, gradient = problem.value_and_gradient(x)
        size = float(gradient.norm())
        if size <= tolerance:
            return x, float(value)
        direction = torch.linalg.solve(hessian(x), gradient.flatten()).reshape(x.shape)
        slope, step = float((gradient * direction).sum()), 1.0
        # Once the promised decrease is lost in rounding, the full step is right and cannot be tested.
        while slope > 1e-12 and float(problem.value(x - step * direction)) > float(value) - 0.25 * step * slope:
            step /= 2
        x = x - step * direction
    raise ArithmeticError(f"Newton's method left a gradient of norm {size:g}, above {tolerance:g}")
