"""The lasso on real data: a composite problem with a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.data import breast_cancer, diabetes
from tendsto.problems.finite_sum import FiniteSum, check_batch, noise_at
from tendsto.problems.once import once, once_property

_DATA = {"diabetes": diabetes, "breast-cancer": breast_cancer}


@register("lasso")
@dataclass(frozen=True)
class Lasso(FiniteSum):
    """F(x) = ||A x - b||^2 / (2n) + penalty ||x||_1; `value` is the first part, `prox` belongs to the second.

    The penalty is the share `strength` of ||A'b||_inf / n, from which on 0 is the solution. Data: "diabetes" (442 x 10,
    progression of the disease) or "breast-cancer" (569 x 30, labels -1 or +1, very correlated features), columns of
    mean 0 and variance 1. The metric "duality gap" is F(x) - D(u) at the dual point u = s (b - A x) / n, with
    D(u) = b . u - n/2 ||u||^2 on ||A'u||_inf <= penalty and the best feasible scale s: it bounds F(x) - F* at any x.
    The optimum is certified by it to 1e-12. Every run starts at 0. Points are float64 tensors (10,) or (30,).

    Raises:
        ValueError: strength is not positive, unknown data, or a batch that draws nothing.
        ImportError: scikit-learn, which ships the data, is not installed.

    Source: Tibshirani, *Regression shrinkage and selection via the lasso* (1996); the dual point: Fercoq, Gramfort,
    Salmon, *Mind the duality gap* (2015), section 2.

    >>> problem = Lasso()
    >>> bool(problem.metrics(problem.solution())["duality gap"] < 1e-12)
    True
    """

    data_name: str = "diabetes"
    strength: float = 0.1
    batch: int | None = None

    criterion_name = "F(x)"

    def __post_init__(self) -> None:
        if self.data_name not in _DATA:
            raise ValueError(f"data_name = {self.data_name!r} is unknown: use {' or '.join(map(repr, _DATA))}")
        if not self.strength > 0:
            raise ValueError(f"strength = {self.strength} is no penalty: use a positive number, below 1 to select any")
        check_batch(self.batch)

    @property
    def data(self) -> tuple[Tensor, Tensor]:
        return _DATA[self.data_name]()

    @once_property
    def penalty(self) -> float:
        a, b = self.data
        return self.strength * float((a.T @ b).abs().max()) / len(b)

    def size(self) -> int:
        return len(self.data[1])

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.data[0].shape[1], dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        a, b = self.data if which is None else (self.data[0][which], self.data[1][which])
        return (a @ x - b) ** 2 / 2

    def regulariser(self, x: Tensor) -> Tensor:
        return self.penalty * x.abs().sum()

    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        """argmin_y penalty ||y||_1 + ||y - x||^2 / (2 step_size): soft thresholding."""
        return x.sign() * (x.abs() - step_size * self.penalty).clamp(min=0)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x) + self.regulariser(x)

    def optimum(self) -> float:
        return _minimise(self.data_name, self.strength)[1]

    def solution(self) -> Tensor:
        return _minimise(self.data_name, self.strength)[0].clone()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"duality gap": self.duality_gap(x), "nonzeros": (x != 0).to(x.dtype).sum()}

    def duality_gap(self, x: Tensor) -> Tensor:
        """Return F(x) - D(u), an upper bound of F(x) - F*."""
        a, b = self.data
        u = (b - a @ x) / len(b)
        correlation = (a.T @ u).abs().max()
        longest = self.penalty / correlation.clamp(min=1e-300)
        best = (b @ u) / (len(b) * (u @ u)).clamp(min=1e-300)
        u = u * torch.minimum(torch.maximum(best, -longest), longest)
        return self.criterion(x) - (b @ u - 0.5 * len(b) * (u @ u))

    def constants(self) -> Constants:
        """Those of the smooth part, with the distance and gap of F."""
        a = self.data[0]
        spectrum = torch.linalg.svdvals(a) ** 2 / len(a)
        x, optimum = _minimise(self.data_name, self.strength)
        return Constants(
            smooth=float(spectrum[0]),
            smooth_max=float((a * a).sum(dim=1).max()),
            strongly_convex=float(spectrum[-1]),
            convex=True,
            polyak_lojasiewicz=float(spectrum[-1]),
            noise=noise_at(self, x),
            distance=float(x.norm()),
            gap=float(self.criterion(torch.zeros_like(x))) - optimum,
        )


@once
def _minimise(data_name: str, strength: float) -> tuple[Tensor, float]:
    """Coordinate descent finds the support; the linear system on it gives the solution; the gap certifies it."""
    problem = Lasso(data_name, strength)
    a, b = problem.data
    gram, moment = (a.T @ a / len(b)).tolist(), (a.T @ b / len(b)).tolist()
    x = [0.0] * len(moment)
    for _ in range(1000):
        for _ in range(20):
            for j, row in enumerate(gram):
                free = moment[j] - sum(g * v for g, v in zip(row, x, strict=True)) + row[j] * x[j]
                x[j] = max(abs(free) - problem.penalty, 0.0) * (1 if free > 0 else -1) / row[j]
        polished = _polish(problem, torch.tensor(x, dtype=torch.float64))
        if float(problem.duality_gap(polished)) < 1e-12:
            return polished, float(problem.criterion(polished))
    raise ArithmeticError(f"{problem} was not solved to a duality gap of 1e-12 in 20,000 sweeps")


def _polish(problem: Lasso, x: Tensor) -> Tensor:
    """The minimiser among points of the support and signs of `x`."""
    a, b = problem.data
    support = x != 0
    if not bool(support.any()):
        return x
    inside = a[:, support]
    moment = inside.T @ b / len(b) - problem.penalty * x[support].sign()
    polished = x.clone()
    polished[support] = torch.linalg.solve(inside.T @ inside / len(b), moment)
    return polished
