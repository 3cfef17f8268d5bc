"""Forward-backward Gaussian variational inference: a gradient step on the potential, a proximal one on the entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.sampling.bures_wasserstein import factor

__all__ = ["FBGVI", "entropy_prox", "fb_gvi_step"]


def entropy_prox(root: Tensor, lr: Any) -> Tensor:
    """Return the JKO step of the entropy, argmin_S of E log N(0, S) + W2^2(N(0, S), N(0, A A^T)) / (2 lr), A = root.

    It keeps the principal axes, and carries each standard deviation s to r = (s + sqrt(s^2 + 4 lr)) / 2, which solves
    r - lr / r = s. In covariances, S <- (S + 2 lr I + (S (S + 4 lr I))^{1/2}) / 2. No eigenvalue is below lr
    afterwards, and A may be singular. root: (..., d, d); lr a number or (...).

    Source: Diao et al. (2023), Algorithm 1, second line; in standard deviations: derived.

    >>> entropy_prox(torch.zeros(1, 1, dtype=torch.float64), 0.25).tolist()
    [[0.25]]
    """
    # Singular values of the root rather than eigenvalues of A A^T: rounding of 1e-16 in those would be 1e-8 here.
    finite = root.isfinite().all(-1).all(-1)[..., None, None]
    u, s, _ = torch.linalg.svd(torch.where(finite, root, 0.0))
    r = 0.5 * (s + (s * s + 4 * torch.as_tensor(lr, dtype=s.dtype)[..., None]).sqrt())
    cov = (u * (r * r)[..., None, :]) @ u.mT
    return torch.where(finite, cov, torch.nan)


def fb_gvi_step(mean: Tensor, cov: Tensor, gradient: Tensor, hessian: Tensor, lr: Any) -> tuple[Tensor, Tensor]:
    """Return mean and covariance after one step, given b = E grad V and A = E Hess V; all batched over leading axes.

    m <- m - lr b, and S <- entropy_prox((I - lr A) S^{1/2}). Shapes (..., d), (..., d, d); lr a number or (...).

    >>> zero, eye = torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64)
    >>> [x.tolist() for x in fb_gvi_step(zero, eye, zero + 1.0, eye, 0.5)]
    [[-0.5], [[1.0]]]
    """
    size = torch.as_tensor(lr, dtype=mean.dtype)
    root = factor(cov)
    moved = root - size[..., None, None] * (hessian @ root)
    return mean - size[..., None] * gradient, entropy_prox(moved, lr)


def declines_long_steps(lr: float | None, problem: Problem, *, certified: bool) -> str | None:
    """Return why a step is not admitted on a problem, None where it is."""
    beta = problem.constants().smooth
    if beta is None and lr is None:
        return "beta is not known: give the problem's smooth = ..., or a step with lr = ..."
    if not certified or lr is None:
        return None
    if beta is None:
        return "beta is not known, so no step is certified: give the problem's smooth = ..., or certified = False"
    if not lr <= (1 + 1e-12) / beta:
        return f"lr = {lr:g} exceeds 1/beta = {1 / beta:g}, so it is not certified: shorten it, or certified = False"
    return None


@register("fb-gvi")
@dataclass(frozen=True)
class FBGVI(Method):
    """m <- m - lr b,  S <- prox of the entropy after (I - lr A) S (I - lr A), with b = E grad V and A = E Hess V.

    It minimises the KL divergence to the target over Gaussians, proximal gradient descent in the Bures-Wasserstein
    metric: every covariance on the way is at least lr I. On a `GaussianApproximation`, whose `expectations` make it the
    exact, the quadrature or the stochastic variant.

    lr: None is the longest certified step, 1/beta with beta I >= Hess V; a longer one is declined, as is any where beta
    is not known. certified = False takes any step, without promises.

    Raises:
        ValueError: lr is not above 0.

    Source: Diao, Balasubramanian, Chewi, Salim (ICML 2023, arXiv 2304.05398), Algorithm 1. The
    official code roots and clips eigenvalues of the half step; here they are the singular values of a factor of it.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.sampling import GaussianApproximation
    >>> round(float(iterate(FBGVI(), GaussianApproximation(), steps=100).gap()[0, -1]), 6)
    0.0
    """

    lr: float | None = None
    certified: bool = True

    asks = ("expected_derivatives",)
    family = "sampling"

    def __post_init__(self) -> None:
        check_step(self.lr)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_long_steps(self.lr, problem, certified=self.certified)

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        answer = oracle.expected_derivatives(state["x"])
        lr = 1 / oracle.problem.constants().smooth if self.lr is None else self.lr  # type: ignore[reportOperatorIssue]
        mean, cov = self.move(state["x"]["mean"], state["x"]["cov"], answer["gradient"], answer["hessian"], lr)
        return {"x": {"mean": mean, "cov": cov}}, {}

    def move(self, mean: Tensor, cov: Tensor, gradient: Tensor, hessian: Tensor, lr: Any) -> tuple[Tensor, Tensor]:
        """Return mean and covariance after a step."""
        return fb_gvi_step(mean, cov, gradient, hessian, lr)


def check_step(lr: float | None) -> None:
    """Raise ValueError unless `lr` is above 0, or None."""
    if lr is not None and not lr > 0:
        raise ValueError(f"lr = {lr} is no step size: use a number above 0, or None for 1/beta")
