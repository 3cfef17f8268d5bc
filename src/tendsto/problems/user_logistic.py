"""A person's own logistic regression as a problem, with the constants that theorems ask for."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.problems.data import refuse_nonfinite
from tendsto.problems.finite_sum import FiniteSum, check_batch, noise_at
from tendsto.problems.logistic import newton
from tendsto.problems.once import once_property
from tendsto.problems.user import Held


@dataclass(frozen=True)
class UserLogistic(FiniteSum):
    """f(x) = (1/n) sum_i log(1 + exp(-y_i (a_i . w + b))) + ||w||^2 / (2 C n): scikit-learn's objective over C n.

    The point is x = (w, b), or w without an intercept; b is not penalised. Made by `from_sklearn` or `read_logistic`.
    Exact: L, the largest eigenvalue of A'A/(4n) + P/(C n), with P = 1 on w and 0 on b, and A with a column of ones for
    b; mu = 1/(C n) without an intercept, and unknown with one, as the Hessian fades along b far out. L_max is the bound
    max_i ||a_i||^2/4 + 1/(C n). The optimum is computed once by Newton's method. Every run starts at 0.
    Points are float64 tensors (d,) or (d + 1,).
    """

    data: Held
    C: float = 1.0
    intercept: bool = True
    batch: int | None = None

    criterion_name = "f(x)"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.C) and self.C > 0):
            raise ValueError(f"C = {self.C} leaves no minimiser on separable data: use a finite number above 0")
        check_batch(self.batch)

    @property
    def signed(self) -> Tensor:
        """y_i (a_i, 1): the data enter in no other way."""
        return self.data.get()

    @property
    def l2(self) -> float:
        """The penalty's factor 1/(C n)."""
        return 1 / (self.C * self.size())

    def _penalised(self, x: Tensor) -> Tensor:
        return x[:-1] if self.intercept else x

    def size(self) -> int:
        return len(self.signed)

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.signed.shape[1], dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def losses(self, x: Tensor, which: Tensor | None) -> Tensor:
        data = self.signed if which is None else self.signed[which]
        return torch.nn.functional.softplus(-(data @ x)) + 0.5 * self.l2 * (self._penalised(x) ** 2).sum()

    @once_property
    def _solved(self) -> tuple[Tensor, float]:
        full = UserLogistic(self.data, self.C, self.intercept)
        start = self.init(Random(0))
        tolerance = 1e-13 * max(1.0, float(full.gradient(start).norm()))
        return newton(full, start, torch.func.jacrev(full.gradient), tolerance)

    def optimum(self) -> float:
        return self._solved[1]

    def solution(self) -> Tensor:
        return self._solved[0].clone()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self._solved[0]) ** 2).sum(), "||grad f||^2": (self.gradient(x) ** 2).sum()}

    def constants(self) -> Constants:
        x, optimum = self._solved
        penalty = torch.full_like(x, self.l2)
        if self.intercept:
            penalty[-1] = 0.0
        curvature = self.signed.T @ self.signed / (4 * self.size()) + torch.diag(penalty)
        mu = None if self.intercept else self.l2
        return Constants(
            smooth=float(torch.linalg.eigvalsh(curvature)[-1]),
            smooth_max=float((self.signed**2).sum(dim=1).max()) / 4 + self.l2,
            strongly_convex=mu,
            strongly_convex_min=mu,
            convex=True,
            polyak_lojasiewicz=mu,
            noise=noise_at(self, x),
            distance=float(x.norm()),
            gap=float(self.criterion(torch.zeros_like(x))) - optimum,
        )


def from_sklearn(estimator: Any, X: Any, y: Any, batch: int | None = None) -> UserLogistic:
    """Return the problem that a scikit-learn `LogisticRegression` solves on these data, fitted or not.

    X: numbers (n, d); y: two classes (n,). batch: terms a minibatch, drawn with replacement; None for all of them.
    The estimator's C and fit_intercept are used; the problem's minimiser is the (coef_, intercept_) of its fit.

    Raises:
        TypeError: the estimator is no LogisticRegression.
        ValueError: it has another penalty than l2, class weights, or a scaled intercept; or data of other shapes, not
            finite, or not of two classes.

    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "yes", "no", "yes"]
    >>> made = from_sklearn(LogisticRegression(C=2.0), X, y)
    >>> made.constants().convex, round(made.optimum(), 4)
    (True, 0.6203)
    """
    if type(estimator).__name__ != "LogisticRegression":
        raise TypeError(f"{type(estimator).__name__} is no LogisticRegression of scikit-learn: give one, fitted or not")
    settings = estimator.get_params()
    l1 = settings.get("penalty") not in ("l2", "deprecated", None) or settings.get("l1_ratio") not in (None, 0, 0.0)
    if l1 or (settings.get("penalty") is None and "l1_ratio" not in settings):
        raise ValueError(f"{estimator} does not have the l2 penalty alone, which is what the constants are known for")
    if settings.get("class_weight") is not None:
        raise ValueError(f"class_weight = {settings['class_weight']!r} weighs the terms: use None")
    if not math.isfinite(settings["C"]):
        raise ValueError(f"C = {settings['C']} leaves no minimiser on separable data: use a finite number above 0")
    return _made(np.asarray(X, np.float64), np.asarray(y), float(settings["C"]), settings["fit_intercept"], batch)


def read_logistic(path: str | Path, C: float = 1.0, intercept: bool = True, batch: int | None = None) -> UserLogistic:
    """Return the logistic regression on a CSV file: numbers, the label in the last column, a line of names or none.

    Raises:
        ValueError: the file cannot be read, a cell is no number, lines differ in length, or the labels are not
            of two kinds.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as a CSV file: {getattr(error, 'strerror', None) or error}") from error
    if rows and not all(_is_number(cell) for cell in rows[0][:-1]):
        rows = rows[1:]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise ValueError(f"{path} holds {len(rows)} lines of data: give two or more, of numbers and a label at the end")
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError(f"{path}: line {number} of the data has {len(row)} cells, the first has {len(rows[0])}")
        for cell in row[:-1]:
            if not _is_number(cell):
                raise ValueError(f"{path}: {cell!r} in line {number} of the data is no number")
    features = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return _made(features, np.array([row[-1].strip() for row in rows]), C, intercept, batch)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _made(features: Any, labels: Any, C: float, intercept: bool, batch: int | None) -> UserLogistic:
    if features.ndim != 2 or labels.shape != features.shape[:1] or features.size == 0:
        raise ValueError(f"X of shape {features.shape} and y of shape {labels.shape}: use (n, d) and (n,), not empty")
    kinds = np.unique(labels)
    if len(kinds) != 2:
        raise ValueError(f"y has {len(kinds)} classes, {kinds[:5].tolist()}: logistic regression is between two")
    refuse_nonfinite("X", torch.from_numpy(features))
    signs = np.where(labels == kinds[1], 1.0, -1.0)[:, None]
    if intercept:
        features = np.hstack([features, np.ones((len(features), 1))])
    signed = torch.from_numpy(signs * features)
    return UserLogistic(Held.of(signed, [signed]), C, intercept, batch)
