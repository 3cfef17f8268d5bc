"""The Handbook's rows, laid over the problems that they apply to."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from torch import Tensor

from tendsto.core import spec
from tendsto.core.guarantee import Guarantee, SteppedGuarantee
from tendsto.core.iterate import iterate
from tendsto.core.problem import Problem
from tendsto.problems import AbsoluteRegression, Lasso, LeastSquares, Logistic
from tendsto.theory import (
    GDConvex,
    GDPolyakLojasiewicz,
    GDSmooth,
    GDSmoothExact,
    GDStronglyConvex,
    GDStronglyConvexDistance,
    PolyakLipschitz,
    PolyakSmooth,
    ProjectedSubgradientBounded,
    ProjectedSubgradientStronglyConvex,
    ProximalGradientConvex,
    ProximalGradientStronglyConvex,
    ProximalPointConstant,
    ProximalPointDecreasing,
    ProximalPointStronglyConvex,
    SGDConvex,
    SGDConvexDecreasing,
    SGDConvexDecreasingLonger,
    SGDConvexLonger,
    SGDMomentum,
    SGDPolyakLojasiewicz,
    SGDSmooth,
    SGDStronglyConvex,
    SGDSwitching,
    StochasticProximalGradientConvex,
    StochasticProximalGradientDecreasing,
    StochasticProximalGradientStronglyConvex,
    SubgradientConstant,
    SubgradientDecreasing,
)

DESCENT = (
    GDConvex,
    GDStronglyConvex,
    GDStronglyConvexDistance,
    GDPolyakLojasiewicz,
    GDSmooth,
    GDSmoothExact,
    ProximalGradientConvex,
    ProximalGradientStronglyConvex,
)
SGD_CONVEX = (
    SGDConvex,
    SGDConvexLonger,
    SGDConvexDecreasing,
    SGDConvexDecreasingLonger,
)
SGD_OTHER = (
    SGDStronglyConvex,
    SGDSwitching,
    SGDPolyakLojasiewicz,
    SGDSmooth,
    SGDMomentum,
    PolyakSmooth,
)
SUBGRADIENT = (
    SubgradientConstant,
    SubgradientDecreasing,
    ProjectedSubgradientBounded,
    ProjectedSubgradientStronglyConvex,
    PolyakLipschitz,
)
PROXIMAL = (
    StochasticProximalGradientConvex,
    StochasticProximalGradientDecreasing,
    StochasticProximalGradientStronglyConvex,
    ProximalPointStronglyConvex,
    ProximalPointConstant,
    ProximalPointDecreasing,
)


@dataclass(frozen=True)
class Squares(LeastSquares):
    """Least squares that records the gradient's norm as well."""

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {**super().metrics(x), "||grad f||^2": (self.gradient(x) ** 2).sum()}


@dataclass(frozen=True)
class Logit(Logistic):
    """Logistic regression that records the gradient's norm as well."""

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {**super().metrics(x), "||grad f||^2": (self.gradient(x) ** 2).sum()}


@dataclass(frozen=True)
class RecordedLasso(Lasso):
    """The lasso that records the distance as well."""

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {**super().metrics(x), "||x - x*||^2": ((x - self.solution()) ** 2).sum()}


INTERPOLATED = Squares(terms=20, dimension=40)
PROBLEMS: dict[str, Problem] = {
    "least squares": Squares(),
    "interpolated": INTERPOLATED,
    "logistic": Logit(l2=0.01, batch=1),
    "absolute": AbsoluteRegression(),
    "absolute, known at x*": AbsoluteRegression(noise=0.0),
    "absolute + l2": AbsoluteRegression(l2=1.0),
    "lasso": RecordedLasso(batch=1),
    "lasso, sparser": RecordedLasso(strength=0.5, batch=1),
    "lasso, correlated": RecordedLasso("breast-cancer", batch=1),
}
SHARES = (1.0, 0.5, 0.1, 0.01)
"""Of the longest step that a row admits, or of the one that it recommends where every step is admitted.

Some rows in expectation do not admit the limit itself, so theirs is 0.99 of it.
"""

Row = type[Guarantee]


def _known(problem: Problem) -> dict[str, Any]:
    known = problem.constants().known()
    if isinstance(problem, LeastSquares | Logistic):
        # No term is below 0, so that inf f - E inf f_i is at most inf f.
        known["function_noise"] = problem.optimum()
    return known


def theorems(row: Row, problem: Problem, horizon: int) -> Iterator[Guarantee]:
    """The row with the problem's constants, at each share of its longest step; none where it does not apply."""
    known, own = _known(problem), {f.name for f in fields(row)}
    if any(known.get(name) is None for name in row.assumes) or (row.measure == "gap" and problem.optimum() is None):
        return
    settings = {name: value for name, value in known.items() if name in own}
    settings |= {"horizon": horizon} if "horizon" in own else {}
    advised = row(**settings)
    if row is SGDSwitching or "step_size" not in own:
        yield advised
        return
    longest = advised.step_limit()[0] if isinstance(advised, SteppedGuarantee) else math.inf
    if not math.isfinite(longest):
        longest = advised.step_size  # type: ignore[reportAttributeAccessIssue]
    for share in SHARES:
        yield spec.replace(advised, step_size=min(share, 1.0 if row.mode == "sure" else 0.99) * longest)


@dataclass(frozen=True)
class Laid:
    """One row over one problem: is it violated, is a tenth of it, and how much of it is used along the way."""

    row: str
    problem: str
    violated: bool
    tenth_violated: bool
    index: np.ndarray[Any, Any]
    used: np.ndarray[Any, Any]

    @property
    def tightness(self) -> float:
        return float(np.nanmax(self.used))


def _tenth(g: Guarantee) -> Guarantee:
    """The theorem with its bound divided by ten from k = 5 on, where it is no matter of the initial point."""

    def formula(self: Guarantee, k: Any) -> Any:
        whole = type(g).formula(self, k)
        return np.where(k < 5, whole, whole / 10)

    values = {f.name: getattr(g, f.name) for f in fields(g)}  # type: ignore[reportArgumentType]
    return type(type(g).__name__, (type(g),), {"formula": formula})(**values)


@functools.lru_cache(maxsize=8)
def lay(rows: tuple[Row, ...], horizon: int, seeds: int) -> list[Laid]:
    """Lay rows over all problems, at all shares of their longest steps."""
    found: list[Laid] = []
    for row in rows:
        sure = row.mode == "sure"
        for label, problem in PROBLEMS.items():
            if sure:
                problem = spec.replace(problem, batch=None)
            for g in theorems(row, problem, horizon):
                method = g.method_for()
                if method.declines(problem) or ("prox" in method.asks) != ("prox" in problem.offers()):
                    continue
                # The best so far is measured at every index, or a violation cannot be told.
                record = horizon + 1 if g.point == "best" else 16
                many = 1 if sure else max(seeds // 10, 2) if g.point == "best" else seeds
                trace = iterate(method, problem, steps=horizon, seeds=many, record=record)
                bound = g.started(trace).bound(trace.index)
                measured = g.measured(trace).mean(axis=0)
                # What is below 1e-12 of the start is rounding, to `check` as well.
                used = measured / np.where(np.isfinite(bound), bound + 1e-12 * measured[0], np.nan)
                checks = [theorem.check(trace).holds for theorem in (g, _tenth(g))]
                found.append(Laid(row.__name__, label, not checks[0], not checks[1], trace.index, used))
    return found
