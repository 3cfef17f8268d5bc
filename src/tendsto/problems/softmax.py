"""Softmax regression on the digits, some labels randomised if so wished."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.classification import cross_entropies
from tendsto.problems.data import digits
from tendsto.problems.finite_sum import check_batch, noise_at
from tendsto.problems.layered import Layered
from tendsto.problems.logistic import newton
from tendsto.problems.once import once, once_property


@register("softmax")
@dataclass(frozen=True)
class Softmax(Layered):
    """f(W) = (1/n) sum_i cross-entropy(W a_i, y_i) + l2/2 ||W||^2 on the digits' 1,438 training images.

    Points are float64 matrices W (10, 65), the last column the intercepts (a_i ends in 1); every run starts at 0. With
    `random_labels` > 0 that share of the training labels, the same for every run, is replaced by uniformly drawn
    ones: then no W fits all labels, and gradient noise does not vanish at the optimum.

    Exact: L = lambda_max(A'A)/(2n) + l2 and L_max = max_i ||a_i||^2/2 + l2, both approached where two classes share
    all probability, and mu = l2. With l2 > 0 the optimum is computed once by Newton's method to a gradient of norm
    1e-13; with l2 = 0 none is claimed. Metrics are the test accuracy and the test loss, on true labels.

    Raises:
        ValueError: a negative l2, a share outside 0 to 1, or a batch that draws nothing.
        ImportError: scikit-learn, which ships the data, is not installed.

    >>> round(float(Softmax().criterion(Softmax().init(Random(0)))), 4)  # log 10
    2.3026
    """

    l2: float = 1e-3
    random_labels: float = 0.0
    batch: int | None = None

    criterion_name = "f(x)"

    small: ClassVar[Mapping[str, Any]] = {"batch": 8}

    def __post_init__(self) -> None:
        if self.l2 < 0 or not 0 <= self.random_labels <= 1:
            raise ValueError(
                f"l2 = {self.l2} must not be negative and random_labels = {self.random_labels} must be from 0 to 1"
            )
        check_batch(self.batch)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, x_test, y_test = digits()
        rng = Random(0).fork("softmax labels")
        changed = rng.uniform("which", (len(y),), torch.float64) < self.random_labels
        labels = torch.where(changed, rng.integers("labels", 10, (len(y),)), y)
        ones = torch.nn.functional.pad
        return ones(x, (0, 1), value=1.0), labels, ones(x_test, (0, 1), value=1.0), y_test

    def size(self) -> int:
        return len(self.data[1])

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(10, 65, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        return cross_entropies(self.predict(x, which), self._labels(which)) + self.penalty(x)

    def predict(self, x: Tensor, which: Tensor | None) -> Tensor:
        return torch.nn.functional.linear(self.data[0] if which is None else self.data[0][which], x)

    def predicted_loss(self, outputs: Tensor, which: Tensor | None) -> Tensor:
        return cross_entropies(outputs, self._labels(which)).mean()

    def penalty(self, x: Tensor) -> Tensor:
        return 0.5 * self.l2 * (x * x).sum()

    def _labels(self, which: Tensor | None) -> Tensor:
        return self.data[1] if which is None else self.data[1][which]

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.data[2] @ x.T
        right = (logits.argmax(dim=-1) == self.data[3]).to(logits.dtype).mean()
        return {"test accuracy": right, "test loss": cross_entropies(logits, self.data[3]).mean()}

    def optimum(self) -> float | None:
        return _minimise(self.l2, self.random_labels)[1] if self.l2 else None

    def solution(self) -> Tensor | None:
        return _minimise(self.l2, self.random_labels)[0].clone() if self.l2 else None

    def constants(self) -> Constants:
        a = self.data[0]
        exact = Constants(
            smooth=float(torch.linalg.matrix_norm(a, 2)) ** 2 / (2 * self.size()) + self.l2,
            smooth_max=float((a * a).sum(dim=1).max()) / 2 + self.l2,
            convex=True,
        )
        if self.l2 == 0:
            return exact
        x, optimum = _minimise(self.l2, self.random_labels)
        return dataclasses.replace(
            exact,
            strongly_convex=self.l2,
            strongly_convex_min=self.l2,
            polyak_lojasiewicz=self.l2,
            noise=noise_at(self, x),
            distance=float(x.norm()),
            gap=float(self.criterion(torch.zeros_like(x))) - optimum,
        )

    def hessian(self, x: Tensor) -> Tensor:
        """Return the Hessian (650, 650): (1/n) sum_i (diag(p_i) - p_i p_i') kron a_i a_i' + l2 I."""
        a = self.data[0]
        p = torch.softmax(a @ x.T, dim=-1)
        blocks = torch.zeros(10, 65, 10, 65, dtype=x.dtype)
        for c in range(10):
            for d in range(c + 1):
                weight = p[:, c] * (float(c == d) - p[:, d])
                blocks[c, :, d, :] = blocks[d, :, c, :] = a.T @ (weight[:, None] * a) / self.size()
        return blocks.reshape(650, 650) + self.l2 * torch.eye(650, dtype=x.dtype)


@once
def _minimise(l2: float, random_labels: float) -> tuple[Tensor, float]:
    problem = Softmax(l2=l2, random_labels=random_labels)
    return newton(problem, problem.init(Random(0)), problem.hessian)
