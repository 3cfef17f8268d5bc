"""The posterior of Bayesian logistic regression on the breast cancer data, as a target and a problem."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.registry import register
from tendsto.problems.data import breast_cancer
from tendsto.problems.once import once
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.target import Target

__all__ = ["BreastCancerPosterior"]


@dataclass(frozen=True)
class BreastCancerPosterior(Target):
    """Weights (30) and intercept of logistic regression on scikit-learn's breast cancer data, prior N(0, prior^2 I).

    log pi(theta) = sum_i log sigmoid(y_i (z_i . theta)) - ||theta||^2 / (2 prior^2) over the 456 rows that are not for
    testing; z_i are standardised features and a 1. Every fifth row is for testing.

    Raises:
        ValueError: a prior standard deviation that is not above 0.

    >>> BreastCancerPosterior(prior=1.0).prior
    1.0
    """

    prior: float = 1.0

    dimension = 31  # type: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __post_init__(self) -> None:
        if not 0 < self.prior < math.inf:
            raise ValueError(f"prior = {self.prior} is no standard deviation: use a finite number above 0")

    def log_density(self, x: Tensor) -> Tensor:
        margins = x @ _signed_rows(False).T
        return torch.nn.functional.logsigmoid(margins).sum(-1) - (x * x).sum(-1) / (2 * self.prior**2)

    def score(self, x: Tensor) -> Tensor:
        rows = _signed_rows(False)
        return torch.sigmoid(-(x @ rows.T)) @ rows - x / self.prior**2

    def hessian(self, x: Tensor) -> Tensor:
        rows = _signed_rows(False)
        p = torch.sigmoid(x @ rows.T)
        data = torch.einsum("...i,ij,ik->...jk", p * (1 - p), rows, rows)
        return -data - torch.eye(self.dimension, dtype=x.dtype) / self.prior**2

    def accuracy(self, x: Tensor) -> Tensor:
        """Return the share of the 113 test rows that the mean over a cloud (..., n, 31) of sigmoid(z . theta) tells."""
        return (torch.sigmoid(x @ _signed_rows(True).T).mean(-2) > 0.5).to(x.dtype).mean(-1)


@once
def _signed_rows(for_test: bool) -> Tensor:
    """y_i (z_i, 1), (rows, 31)."""
    features, labels = breast_cancer()
    rows = labels[:, None] * torch.cat([features, torch.ones(len(labels), 1, dtype=features.dtype)], 1)
    return rows[(torch.arange(len(rows)) % 5 == 4) == for_test]


@register("breast-cancer-posterior")
def breast_cancer_posterior(particles: int = 50) -> Cloud:
    """`BreastCancerPosterior` with prior N(0, I)."""
    return Cloud(BreastCancerPosterior(), particles=particles, spread=0.1)
