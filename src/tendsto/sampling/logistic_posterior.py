"""The posterior of Bayesian logistic regression, whose expectations under a Gaussian are one-dimensional."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.sampling.target import Target

__all__ = ["LogisticPosterior"]


@dataclass(frozen=True)
class LogisticPosterior(Target):
    """V(x) = sum_i log(1 + exp(-c_i . x)) + prior/2 |x|^2 with c_i = y_i a_i: features times labels of -1 or +1.

    prior I <= Hess V <= (lambda_max(sum_i c_i c_i^T) / 4 + prior) I. Under N(m, S) each c_i . x is normal, so that E V,
    E grad V and E Hess V are sums of integrals over one dimension, each to rounding by the trapezoidal rule while
    c_i^T S c_i is below about 50.

    rows: the c_i as tuples; `of` makes them from features and labels, `synthetic` draws them.

    Raises:
        ValueError: no rows, rows of different lengths or not finite, or a prior that is not above 0.

    Source: the example of Diao et al. (2023), d = 5, 20 observations; the one-dimensional integrals are derived.

    >>> posterior = LogisticPosterior(((1.0, 0.0), (0.0, 2.0)), prior=0.5)
    >>> posterior.curvature()
    (0.5, 1.5)
    """

    rows: tuple[tuple[float, ...], ...]
    prior: float = 1.0

    def __post_init__(self) -> None:
        if not self.rows or len({len(row) for row in self.rows}) > 1 or not self.rows[0]:
            raise ValueError(f"{len(self.rows)} rows of lengths {sorted({len(r) for r in self.rows})} are no data")
        if not np.isfinite(self.rows).all():
            raise ValueError("a row has an entry that is not finite: leave out or fill in what is missing")
        if not (self.prior > 0 and math.isfinite(self.prior)):
            raise ValueError(f"prior = {self.prior} is improper on separable data: use a number above 0")

    @classmethod
    def of(cls, features: Any, labels: Any, *, prior: float = 1.0) -> LogisticPosterior:
        """Return the posterior given features (n, d) and labels (n,) with two values, the larger one counting as +1.

        >>> LogisticPosterior.of([[1.0, 2.0], [3.0, 4.0]], [0, 1]).rows
        ((-1.0, -2.0), (3.0, 4.0))
        """
        a, y = np.asarray(features, np.float64), np.asarray(labels)
        values = np.unique(y)
        if a.ndim != 2 or y.shape != a.shape[:1] or len(values) != 2:
            raise ValueError(
                f"features of shape {a.shape} and labels of shape {y.shape} with {len(values)} values: use (n, d), (n,)"
                " and two values"
            )
        signed = np.where(y == values[1], 1.0, -1.0)[:, None] * a
        return cls(tuple(tuple(row) for row in signed.tolist()), prior)

    @classmethod
    def synthetic(cls, dimension: int = 5, terms: int = 20, *, prior: float = 1.0, seed: int = 0) -> LogisticPosterior:
        """Return one with standard normal features, and labels drawn from the model at a standard normal x.

        >>> LogisticPosterior.synthetic(2, 3).dimension
        2
        """
        rng = Random(seed, backend="numpy")
        a, x = rng.normal("features", (terms, dimension)), rng.normal("x", (dimension,))
        y = np.where(rng.uniform("labels", (terms,)) < 1 / (1 + np.exp(-a @ x)), 1.0, -1.0)
        rows: Sequence[Sequence[float]] = (y[:, None] * a).tolist()
        return cls(tuple(tuple(row) for row in rows), prior)

    @property
    def dimension(self) -> int:
        return len(self.rows[0])

    def _data(self) -> Tensor:
        return torch.tensor(self.rows, dtype=torch.float64)

    def log_density(self, x: Tensor) -> Tensor:
        return -torch.nn.functional.softplus(-x @ self._data().T).sum(-1) - 0.5 * self.prior * (x * x).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        data = self._data()
        return torch.sigmoid(-x @ data.T) @ data - self.prior * x

    def hessian(self, x: Tensor) -> Tensor:
        data, eye = self._data(), torch.eye(self.dimension, dtype=torch.float64)
        t = x @ data.T
        return -torch.einsum("...n,ni,nj->...ij", torch.sigmoid(t) * torch.sigmoid(-t), data, data) - self.prior * eye

    def curvature(self) -> tuple[float, float]:
        """alpha and beta with alpha I <= Hess V <= beta I everywhere."""
        return self.prior, float(torch.linalg.matrix_norm(self._data(), 2)) ** 2 / 4 + self.prior

    def gaussian_expectations(self, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """E V, E grad V and E Hess V under N(mean, cov)."""
        data, eye = self._data(), torch.eye(self.dimension, dtype=torch.float64)
        # Both tails beyond 9 hold 2e-19; the rule errs by exp(-2 pi^2 / (h s)), s^2 the variance of c . x.
        u = torch.linspace(-9.0, 9.0, 361, dtype=torch.float64)
        weights = torch.softmax(-0.5 * u * u, 0)
        centre, spread = data @ mean, ((data @ cov) * data).sum(-1).clamp(min=0.0).sqrt()
        t = centre[:, None] + spread[:, None] * u
        down = torch.sigmoid(-t)
        potential = (torch.nn.functional.softplus(-t) @ weights).sum()
        potential = potential + 0.5 * self.prior * (mean @ mean + torch.trace(cov))
        gradient = self.prior * mean - (down @ weights) @ data
        hessian = torch.einsum("n,ni,nj->ij", (down * (1 - down)) @ weights, data, data) + self.prior * eye
        return potential, gradient, hessian
