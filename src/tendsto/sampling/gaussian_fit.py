"""fit_gaussian: the Gaussian nearest to a target, with what certifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.sampling.bures_wasserstein import factor
from tendsto.sampling.fb_gvi import FBGVI
from tendsto.sampling.gaussian_approximation import GaussianApproximation
from tendsto.sampling.gaussian_expectations import Kind, knows_exactly
from tendsto.sampling.target import Target

__all__ = ["GaussianFit", "fit_gaussian"]


@dataclass(frozen=True)
class GaussianFit:
    """What `fit_gaussian` found.

    mean (d,), cov (d, d); objective: F = E V + E log p there. residual: (b' S b + |A S - I|^2)^{1/2}, free of units, 0
    at the best Gaussian alone for a log-concave target. steps: how many were made, each of size lr. converged: the
    residual is at most the tolerance that was asked for.
    """

    mean: Tensor
    cov: Tensor
    objective: float
    residual: float
    steps: int
    lr: float
    converged: bool

    def sample(self, n: int, rng: Random) -> Tensor:
        """Return n draws (n, d)."""
        z = rng.normal("z", (n, len(self.mean)), torch.float64)
        return self.mean + z @ factor(self.cov).mT


def fit_gaussian(
    target: Target,
    *,
    expectations: Kind | None = None,
    lr: float | None = None,
    smooth: float | None = None,
    steps: int = 5000,
    tolerance: float = 1e-8,
    start: float = 0.0,
    nodes: int | None = None,
    rng: Random | None = None,
) -> GaussianFit:
    """Return the Gaussian nearest to `target` in KL(p || pi), by FB-GVI with a certified step.

    expectations: None is "exact" where the target knows, else "qmc"; see `GaussianApproximation`, also for `nodes`,
    `smooth` (beta, where the target does not know it) and `start`. lr: None is 1/beta, and no larger one is taken. It
    starts at covariance I / beta, and stops at a residual of at most `tolerance`, or after `steps`; with "sample",
    whose draws come from `rng`, it makes them all.

    Raises:
        ValueError: beta is not known, a step above 1/beta, or what `GaussianApproximation` refuses.

    >>> from tendsto.sampling import Gaussian
    >>> fit = fit_gaussian(Gaussian((1.0, 2.0), ((2.0, 0.0), (0.0, 1.0))))
    >>> fit.converged, [round(float(x), 6) for x in fit.mean]
    (True, [1.0, 2.0])
    """
    if steps < 1:
        raise ValueError(f"steps = {steps} fits nothing: use a whole number of at least 1")
    kind: Kind = expectations or ("exact" if knows_exactly(target) else "qmc")
    settings = {"nodes": nodes, "start": start, "smooth": smooth}
    problem, method = GaussianApproximation(target, kind, **settings), FBGVI(lr=lr)  # type: ignore[reportArgumentType]
    reason = method.declines(problem)
    if reason:
        raise ValueError(f"no certified fit: {reason}")
    beta: Any = problem.constants().smooth
    size = 1 / beta if lr is None else lr
    rng = rng or Random(0)
    state = {"x": problem.init(rng)}
    state["x"]["cov"] = torch.eye(target.dimension, dtype=torch.float64) / beta
    done, residual = 0, _residual(problem, state["x"])
    with torch.no_grad():
        while done < steps and (kind == "sample" or residual > tolerance):
            done += 1
            here = rng.at(done)
            state, _ = method.step(state, Oracle(problem, here.fork("oracle")), here.fork("method"))
            residual = _residual(problem, state["x"])
    x = state["x"]
    objective = float(problem.criterion(x))
    return GaussianFit(x["mean"], x["cov"], objective, residual, done, float(size), residual <= tolerance)


def _residual(problem: GaussianApproximation, x: dict[str, Tensor]) -> float:
    answer = problem.expected_derivatives(x)
    off = answer["hessian"] @ x["cov"] - torch.eye(len(x["mean"]), dtype=torch.float64)
    return float((answer["gradient"] @ x["cov"] @ answer["gradient"] + (off**2).sum()).sqrt())
