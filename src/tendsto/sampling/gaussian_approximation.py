"""GaussianApproximation: the problem of finding the Gaussian that is nearest to a target in KL divergence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once
from tendsto.sampling.bures_wasserstein import spectrum, squared_distance
from tendsto.sampling.gaussian_expectations import Kind, Moments, exact, knows_exactly, over_nodes, standard_nodes
from tendsto.sampling.target import Gaussian, Target

__all__ = ["GaussianApproximation"]

_NODES: dict[str, int] = {"exact": 1, "gauss-hermite": 20, "qmc": 2048, "sample": 1}
_LEAST = 1e-6
"""The least eigenvalue of what `project` answers, relative to the largest."""


@register("gaussian-approximation")
@dataclass(frozen=True)
class GaussianApproximation(Problem):
    """Minimise F(p) = E_p V + E_p log p over Gaussians p = N(m, S), V = -log pi: KL(p || pi) up to a constant.

    The point is {"mean": (d,), "cov": (d, d)}, float64. It starts at mean `start` in every coordinate and covariance
    `spread`^2 I. The one oracle, `expected_derivatives`, answers {"gradient": E grad V, "hessian": E Hess V}, by
    `expectations`:

    - "exact": in closed form, or to rounding, where the target knows (`Gaussian`, `LogisticPosterior`, or a method
      gaussian_expectations(mean, cov) that returns E V, E grad V and E Hess V);
    - "gauss-hermite" or "qmc": the same nodes at every step, see `standard_nodes`;
    - "sample": fresh draws at every step, one unless `nodes` says otherwise: unbiased.

    nodes: nodes an axis, points, or draws a step; None is 20, 2048 or 1. hessian_free: only scores are asked for, and
    E Hess V is estimated from them. smooth, strongly_convex: beta and alpha with alpha I <= Hess V <= beta I
    everywhere, for a target that does not know them (by a method curvature() that returns the pair).

    The criterion F is computed exactly, or else over the deterministic nodes ("qmc" in place of "sample"). Its optimum
    is known for Gaussian targets, and solved for, to rounding, for others that are strongly log-concave. Metrics:
    "||grad F||^2", the squared Bures-Wasserstein gradient |b|^2 + tr (A - S^-1) S (A - S^-1), and "W2^2" to the
    solution.

    Raises:
        ValueError: expectations that the target does not know, wrong numbers, or a target whose score at the start is
            not finite.

    Source: Diao et al. (ICML 2023, arXiv 2304.05398), section 3; the gradient norm recalled.

    >>> problem = GaussianApproximation(Gaussian((1.0, 0.0), ((2.0, 0.0), (0.0, 1.0))))
    >>> problem.constants().smooth, problem.expected_derivatives(problem.init(Random(0)))["gradient"].tolist()
    (1.0, [-0.5, 0.0])
    """

    target: Target = field(default_factory=Gaussian)
    expectations: Kind = "exact"
    hessian_free: bool = False
    nodes: int | None = None
    start: float = 0.0
    spread: float = 1.0
    smooth: float | None = None
    strongly_convex: float | None = None

    family = "sampling"
    criterion_name = "F(p)"
    oracles = ("expected_derivatives",)
    small: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        if self.expectations not in get_args(Kind):
            known = " or ".join(map(repr, get_args(Kind)))
            raise ValueError(f"expectations = {self.expectations!r} is unknown: use {known}")
        if self.expectations == "exact" and not knows_exactly(self.target):
            raise ValueError(
                f"{type(self.target).__name__} knows no exact expectations: use expectations = 'gauss-hermite', 'qmc'"
                " or 'sample'"
            )
        if self.expectations == "exact" and self.hessian_free:
            raise ValueError("hessian_free = True estimates what 'exact' knows: use nodes or draws, or leave it out")
        if self.expectations == "sample" and self.count < 1:
            raise ValueError(f"nodes = {self.nodes} draws nothing: use a whole number of at least 1")
        if not (self.spread > 0 and math.isfinite(self.spread)):
            raise ValueError(f"spread = {self.spread} gives a singular covariance to start from: use a number above 0")
        for name in ("smooth", "strongly_convex"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} = {value} bounds no Hessian: use a finite number above 0, or None")
        if self.expectations in ("gauss-hermite", "qmc"):
            standard_nodes(self.expectations, self.count, self.target.dimension)
        score = self.target.score(torch.full((1, self.target.dimension), self.start, dtype=torch.float64))
        if score.shape != (1, self.target.dimension) or not score.isfinite().all():
            raise ValueError(f"the target's score at the start is {score.tolist()}: it must be d finite numbers")

    @property
    def count(self) -> int:
        return _NODES[self.expectations] if self.nodes is None else self.nodes

    def init(self, rng: Random) -> dict[str, Tensor]:
        d = self.target.dimension
        cov = self.spread**2 * torch.eye(d, dtype=torch.float64)
        return {"mean": torch.full((d,), self.start, dtype=torch.float64), "cov": cov}

    def random_start(self) -> bool:
        return False

    def sample(self, rng: Random) -> Tensor | None:
        if self.expectations != "sample":
            return None
        return rng.normal("z", (self.count, self.target.dimension), torch.float64)

    def expected_derivatives(self, x: Mapping[str, Tensor], sample: Any = None) -> dict[str, Tensor]:
        """E grad V (d,) and E Hess V (d, d) under the point, over the draws z (n, d) of a sample where one is given."""
        if sample is None:
            moments = self._moments(x, self.hessian_free)
        else:
            weights = torch.full((self.count,), 1 / self.count, dtype=torch.float64)
            moments = over_nodes(self.target, x["mean"], x["cov"], sample, weights, hessian_free=self.hessian_free)
        return {"gradient": moments[1], "hessian": moments[2]}

    def project(self, x: Mapping[str, Tensor], sample: Any = None) -> dict[str, Tensor]:
        """The symmetric part of the covariance, its eigenvalues raised to 1e-6 of the largest."""
        w, u = torch.linalg.eigh(0.5 * (x["cov"] + x["cov"].mT))
        w = torch.maximum(w, _LEAST * w.abs().amax())
        return {"mean": x["mean"], "cov": (u * w) @ u.mT}

    def criterion(self, x: Mapping[str, Tensor]) -> Tensor:
        return self._moments(x)[0] + negentropy(x["cov"])

    def metrics(self, x: Mapping[str, Tensor]) -> dict[str, Tensor]:
        solution = self.solution()
        distance = {} if solution is None else {"W2^2": squared_distance(*x.values(), *solution.values())}
        return {"||grad F||^2": self._gradient_norm(x), **distance}

    def solution(self) -> dict[str, Tensor] | None:
        if isinstance(self.target, Gaussian):
            return {"mean": self.target.mean(), "cov": self.target.covariance()}
        known = self.curvature()[0]
        return dict(_solved(self._deterministic())) if known else None

    def optimum(self) -> float | None:
        solution = self.solution()
        return None if solution is None else float(self.criterion(solution))

    def curvature(self) -> tuple[float | None, float | None]:
        """alpha and beta with alpha I <= Hess V <= beta I everywhere, None where unknown."""
        alpha, beta = _curvature(self.target)
        return self.strongly_convex or alpha, self.smooth or beta

    def constants(self) -> Constants:
        """alpha and beta of V, and W2 and F of the start from the solution."""
        return _constants(self)

    def _moments(self, x: Mapping[str, Tensor], hessian_free: bool = False) -> Moments:
        if knows_exactly(self.target) and self.expectations in ("exact", "sample"):
            return exact(self.target, x["mean"], x["cov"])
        kind: Kind = "gauss-hermite" if self.expectations == "gauss-hermite" else "qmc"
        count = self.count if kind == self.expectations else _NODES[kind]
        nodes = standard_nodes(kind, count, self.target.dimension)
        return over_nodes(self.target, x["mean"], x["cov"], *nodes, hessian_free=hessian_free)

    def _gradient_norm(self, x: Mapping[str, Tensor]) -> Tensor:
        _, gradient, hessian = self._moments(x)
        w, u = spectrum(x["cov"])
        off = hessian - (u / w) @ u.mT
        return (gradient**2).sum() + ((off @ x["cov"]) * off).sum()

    def _deterministic(self) -> GaussianApproximation:
        kind: Kind = "exact" if knows_exactly(self.target) else "qmc"
        if self.expectations != "sample":
            kind = self.expectations
        nodes = self.nodes if kind == self.expectations else None
        return dataclasses.replace(self, expectations=kind, nodes=nodes, hessian_free=False, start=0.0, spread=1.0)


def negentropy(cov: Tensor) -> Tensor:
    """E log p of a Gaussian, of shape (...); inf for a singular covariance."""
    return -0.5 * (math.log(2 * math.pi * math.e) + spectrum(cov)[0].log()).sum(-1)


@once
def _curvature(target: Any) -> tuple[float | None, float | None]:
    if isinstance(target, Gaussian):
        w = torch.linalg.eigvalsh(target.covariance())
        return 1 / float(w[-1]), 1 / float(w[0])
    return target.curvature() if hasattr(target, "curvature") else (None, None)


@once
def _constants(problem: GaussianApproximation) -> Constants:
    alpha, beta = problem.curvature()
    known: dict[str, Any] = {"smooth": beta, "strongly_convex": alpha or None}
    known["convex"] = None if alpha is None else True
    solution, start = problem.solution(), problem.init(Random(0))
    if solution is not None:
        known["distance"] = math.sqrt(float(squared_distance(*start.values(), *solution.values())))
        known["gap"] = max(0.0, float(problem.criterion(start) - problem.criterion(solution)))
    return Constants(**known)


@once
def _solved(problem: GaussianApproximation) -> dict[str, Tensor]:
    """The point with E grad V = 0 and S^-1 = E Hess V, by Newton-like steps that know nothing of transport.

    Raises:
        ArithmeticError: the steps do not settle.
    """
    d = problem.target.dimension
    mean, precision = torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
    damping, last = 1.0, math.inf
    for _ in range(500):
        cov = torch.linalg.inv(precision)
        answer = problem.expected_derivatives({"mean": mean, "cov": cov})
        gradient, hessian = answer["gradient"], answer["hessian"]
        off = float(gradient @ cov @ gradient) + float(((hessian @ cov - torch.eye(d)) ** 2).sum())
        if off < 1e-24 * d or (off < 1e-18 * d and off >= last):
            return {"mean": mean, "cov": 0.5 * (cov + cov.mT)}
        if off > 4 * last:
            damping /= 2
        last = off
        precision = torch.lerp(precision, 0.5 * (hessian + hessian.mT), damping)
        mean = mean - damping * torch.linalg.solve(precision, gradient)
    raise ArithmeticError(f"the best Gaussian was not found: after 500 steps the residual is {math.sqrt(last):.3g}")
