"""Phase retrieval: recover a real signal from the squares of its measurements."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.finite_sum import FiniteSum, check_batch
from tendsto.problems.once import once_property


@register("phase-retrieval")
@dataclass(frozen=True)
class PhaseRetrieval(FiniteSum):
    """f(x) = (1/n) sum_i ((a_i . x)^2 - b_i)^2 / 4, with b_i = (a_i . x*)^2 and ||x*|| = 1, a_i standard normal.

    Nonconvex and quartic, so its gradient is not globally Lipschitz; the optimum 0 is at x* and -x*, and with enough
    measurements (`ratio` = n / dimension of about 3 or more) gradient descent from a random point finds one of them
    with high probability. The initial point is normal with E||x||^2 = 1. Points are float64 tensors (dimension,).

    Raises:
        ValueError: dimension or ratio below 1, or a batch that draws nothing.

    Source: Candes, Li, Soltanolkotabi, *Phase retrieval via Wirtinger flow* (2015), the real case; random starts:
    Chen, Chi, Fan, Ma, *Gradient descent with random initialization* (2019).

    >>> problem = PhaseRetrieval(dimension=5)
    >>> float(problem.criterion(-problem.solution()))
    0.0
    """

    dimension: int = 20
    ratio: int = 8
    batch: int | None = None
    data_seed: int = 0

    criterion_name = "f(x) - f*"

    def __post_init__(self) -> None:
        if self.dimension < 1 or self.ratio < 1:
            raise ValueError(f"dimension = {self.dimension} and ratio = {self.ratio} must be whole numbers above 0")
        check_batch(self.batch)

    @once_property
    def data(self) -> tuple[Tensor, Tensor]:
        rng = Random(self.data_seed).fork("phase-retrieval")
        a = rng.normal("measurements", (self.size(), self.dimension), torch.float64)
        return a, (a @ self.signal) ** 2

    def size(self) -> int:
        return self.ratio * self.dimension

    @once_property
    def signal(self) -> Tensor:
        """x*, of norm 1."""
        direction = Random(self.data_seed).fork("phase-retrieval").normal("signal", (self.dimension,), torch.float64)
        return direction / direction.norm()

    def solution(self) -> Tensor:
        return self.signal.clone()

    def init(self, rng: Random) -> Tensor:
        return rng.normal("x", (self.dimension,), torch.float64) / self.dimension**0.5

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        a, b = self.data if which is None else (self.data[0][which], self.data[1][which])
        return ((a @ x) ** 2 - b) ** 2 / 4

    def optimum(self) -> float:
        return 0.0

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        """The squared distance to the nearer of x* and -x*."""
        star = self.signal
        return {"min ||x -+ x*||^2": torch.minimum(((x - star) ** 2).sum(), ((x + star) ** 2).sum())}

    def constants(self) -> Constants:
        return Constants(convex=False, noise=0.0)
