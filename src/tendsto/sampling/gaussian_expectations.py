"""Expectations of V = -log pi and of its derivatives under a Gaussian: in closed form, by quadrature, or by draws."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from tendsto.problems.once import once
from tendsto.sampling.bures_wasserstein import root, spectrum
from tendsto.sampling.target import Gaussian, Target

__all__ = ["Kind", "exact", "knows_exactly", "over_nodes", "standard_nodes"]

Kind = Literal["exact", "gauss-hermite", "qmc", "sample"]
Moments = tuple[Tensor, Tensor, Tensor]
"""E V of shape (), E grad V (d,), E Hess V (d, d)."""

_MOST_NODES = 200_000


def knows_exactly(target: Target) -> bool:
    """Say whether `exact` is answered: for Gaussians, and targets with a method gaussian_expectations(mean, cov)."""
    return isinstance(target, Gaussian) or hasattr(target, "gaussian_expectations")


def exact(target: Any, mean: Tensor, cov: Tensor) -> Moments:
    """Return E V, E grad V and E Hess V under N(mean, cov), without nodes.

    >>> zero, eye = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    >>> exact(Gaussian((0.0, 0.0), ((2.0, 0.0), (0.0, 1.0))), zero, eye)[0]
    tensor(0.7500, dtype=torch.float64)
    """
    if not isinstance(target, Gaussian):
        return target.gaussian_expectations(mean, cov)
    precision = torch.linalg.inv(target.covariance())
    away = mean - target.mean()
    gradient = precision @ away
    return 0.5 * (away @ gradient + (precision * cov).sum()), gradient, precision


def over_nodes(
    target: Target, mean: Tensor, cov: Tensor, z: Tensor, weights: Tensor, *, hessian_free: bool = False
) -> Moments:
    """Return the same as weighted means over x = mean + cov^{1/2} z; z (n, d), weights (n,).

    hessian_free: E Hess V is replaced by the symmetric part of E cov^{-1} (x - mean) grad V(x)^T, which has the same
    expectation (Stein, Price) and a higher variance.
    """
    x = mean + z @ root(cov)
    gradients = -target.score(x)
    if hessian_free:
        w, u = spectrum(cov)
        whitened = z @ ((u * w.rsqrt()) @ u.mT)
        product = (whitened * weights[:, None]).mT @ gradients
        hessian = 0.5 * (product + product.mT)
    else:
        hessian = -torch.einsum("n,nij->ij", weights, target.hessian(x))
    return -(weights @ target.log_density(x)), weights @ gradients, hessian


def standard_nodes(kind: Kind, count: int, dimension: int) -> tuple[Tensor, Tensor]:
    """Return nodes (n, d) and weights (n,) of a rule for N(0, I); quadratic functions are integrated exactly.

    "gauss-hermite" takes `count` nodes an axis, n = count^d. "qmc" takes n = count Sobol points, scrambled always in
    the same way, carried to normal ones and standardised.

    Raises:
        ValueError: too many or too few nodes, or for "qmc" no power of 2.

    >>> nodes, weights = standard_nodes("gauss-hermite", 3, 1)
    >>> [round(float(x), 3) for x in nodes[:, 0]], [round(float(w), 3) for w in weights]
    ([-1.732, 0.0, 1.732], [0.167, 0.667, 0.167])
    """
    if kind not in get_args(Kind):
        raise ValueError(f"the rule {kind!r} is unknown: use {' or '.join(map(repr, get_args(Kind)))}")
    return _nodes(kind, count, dimension)


@once
def _nodes(kind: Kind, count: int, dimension: int) -> tuple[Tensor, Tensor]:
    if kind == "gauss-hermite":
        if count < 2 or count**dimension > _MOST_NODES:
            raise ValueError(
                f"{count} Gauss-Hermite nodes an axis in dimension {dimension} are {float(count) ** dimension:.3g}:"
                f" use 2 nodes or more, and at most {_MOST_NODES} in all, or the rule 'qmc'"
            )
        points, mass = np.polynomial.hermite_e.hermegauss(count)
        grid = np.stack(np.meshgrid(*[points] * dimension, indexing="ij"), -1).reshape(-1, dimension)
        product = np.stack(np.meshgrid(*[mass / mass.sum()] * dimension, indexing="ij"), -1)
        return torch.from_numpy(grid), torch.from_numpy(product.reshape(-1, dimension).prod(-1))
    if count < 2 * dimension or count & (count - 1):
        raise ValueError(f"{count} quasi-random nodes: use a power of 2 of at least {2 * dimension}")
    from scipy.stats import norm, qmc

    z = norm.ppf(qmc.Sobol(dimension, scramble=True, rng=0).random(count))
    z -= z.mean(axis=0)
    z = np.linalg.solve(np.linalg.cholesky(z.T @ z / count), z.T).T
    return torch.from_numpy(z.copy()), torch.full((count,), 1.0 / count, dtype=torch.float64)
