"""Gradient flow from a point to its end, and the sharpness there: of any problem made of torch functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tendsto.core.problem import Constants, Declined, Problem
from tendsto.core.random import Random
from tendsto.core.tree import leaves, tree_map

__all__ = ["FlowEnd", "FlowSharpness", "flow_limit", "gfs_sharpness", "sharpness"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FlowEnd:
    """Where gradient flow ended: the point x, f and the norm of its gradient there, after `time` of flow, in `steps`.

    >>> FlowEnd(x=None, value=0.0, gradient_norm=1e-9, time=3.0, steps=12).steps
    12
    """

    x: Any
    value: float
    gradient_norm: float
    time: float
    steps: int


def flow_limit(
    problem: Problem,
    x: Any,
    *,
    tolerance: float = 1e-6,
    rtol: float = 1e-8,
    stiff: bool | None = None,
    max_steps: int = 20_000,
) -> FlowEnd:
    """Solve x' = -grad f(x) from x (exact gradients) until ||grad f|| <= tolerance (1 + ||grad f(x_0)||).

    rtol: the relative local error of the solver; its absolute one is 1e-3 of that. A loss with the mean over data ends
    later than its value suggests: compare `value` with what you call trained.
    stiff: True for SciPy's BDF with the Hessian, False for its explicit DOP853; None for BDF up to 2,000 numbers. Near
    a minimum an explicit step is at most about 6 / sharpness long, however slow the slowest direction is.

    Raises:
        Declined: the problem answers no torch gradient.
        ValueError: a tolerance that is not above 0, a point that is not finite.
        ArithmeticError: no end within `max_steps`, as for cross-entropy on separable data, whose flow has none.

    Source: Kreisler et al. 2023, arXiv 2305.13064, the gradient flow solution (GFS); solvers are SciPy's.

    >>> from tendsto.problems import Quadratic
    >>> end = flow_limit(Quadratic(dimension=2), torch.ones(2, dtype=torch.float64))
    >>> bool(end.x.abs().max() < 1e-3)
    True
    """
    from scipy.integrate import BDF, DOP853

    if not tolerance > 0 or not rtol > 0:
        raise ValueError(f"tolerance = {tolerance} and rtol = {rtol} must be numbers above 0")
    flat = _Flat.of(problem, x)
    start = flat.numbers(x)
    if not np.isfinite(start).all():
        raise ValueError("the point is not finite, so no flow starts there: use a point of finite numbers")
    stop = tolerance * (1 + float(np.linalg.norm(flat.gradient(start))))
    settings: dict[str, Any] = {"rtol": max(rtol, 1e-12), "atol": 1e-3 * rtol}
    implicit = start.size <= 2000 if stiff is None else stiff

    def field(_: float, y: Array) -> Array:
        return -flat.gradient(y)

    if implicit:
        solver = BDF(field, 0.0, start, np.inf, jac=lambda _, y: -flat.hessian(y), **settings)
    else:
        solver = DOP853(field, 0.0, start, np.inf, **settings)
    steps, size = 0, float(np.linalg.norm(flat.gradient(start)))
    while size > stop:
        if steps >= max_steps or solver.step() is not None or not np.isfinite(solver.y).all():
            raise ArithmeticError(
                f"gradient flow has not ended after {steps} steps: ||grad f|| = {size:.3g} is above {stop:.3g}; it may"
                " have no end, or needs a larger tolerance"
            )
        steps, size = steps + 1, float(np.linalg.norm(flat.gradient(solver.y)))
    end = flat.point(solver.y)
    return FlowEnd(end, flat.value(solver.y), size, float(solver.t), steps)


def sharpness(problem: Problem, x: Any) -> float:
    """Return the largest eigenvalue of the Hessian of f at x: by Lanczos on `hvp`, or directly in small dimensions.

    Raises:
        Declined: the problem answers no torch gradient.

    >>> from tendsto.problems import Quadratic
    >>> round(sharpness(Quadratic(dimension=3, largest=4.0), torch.ones(3, dtype=torch.float64)), 9)
    4.0
    """
    flat = _Flat.of(problem, x)
    at = flat.numbers(x)
    if at.size <= 200:
        return float(np.linalg.eigvalsh(flat.hessian(at))[-1])
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator((at.size, at.size), matvec=lambda v: flat.hvp(at, v.ravel()), dtype=np.float64)  # type: ignore[reportCallIssue]
    first = np.asarray(Random(0, backend="numpy").fork("lanczos").normal("v", (at.size,)))
    return float(eigsh(operator, k=1, which="LA", v0=first, tol=1e-7, return_eigenvectors=False)[0])


def gfs_sharpness(problem: Problem, x: Any, **settings: Any) -> float:
    """Return the GFS sharpness of x: that of the minimum which gradient flow reaches from x.

    settings: those of `flow_limit`. `tendsto.problem(model, loss, data, batch=None)` makes a problem of your model;
    `ScalarNetwork` and `SquaredRegression` have the closed form as `flow_sharpness`.

    Raises:
        Declined, ValueError, ArithmeticError: as `flow_limit`.

    >>> from tendsto.problems import ScalarNetwork
    >>> w = torch.tensor([1.5, 0.8, 1.0], dtype=torch.float64)
    >>> abs(gfs_sharpness(ScalarNetwork(), w) - float(ScalarNetwork().flow_sharpness(w))) < 1e-5
    True
    """
    return sharpness(problem, flow_limit(problem, x, **settings).x)


@dataclass(frozen=True)
class FlowSharpness(Problem):
    """`base` with two more metrics: "GFS sharpness" and "sharpness", at every point that is recorded.

    `tendsto.iterate` with a small `record` gives them along the training of any method. Runs are alone, since flows
    take different numbers of steps. tolerance, rtol, stiff: as in `flow_limit`.

    >>> import tendsto as tt
    >>> watched = FlowSharpness(tt.problems.ScalarNetwork(depth=2, sharpness=(10.0, 10.0)))
    >>> trace = tt.iterate(tt.optim.SGD.rule(lr=0.21), watched, steps=20, record=3)
    >>> [round(v, 3) for v in trace["GFS sharpness"][0, [0, -1]].tolist()]
    [10.0, 9.809]
    """

    base: Problem
    tolerance: float = 1e-6
    rtol: float = 1e-8
    stiff: bool | None = None

    lanes = None

    @property
    def criterion_name(self) -> str:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.criterion_name

    def init(self, rng: Random) -> Any:
        return self.base.init(rng)

    def random_start(self) -> bool:
        return self.base.random_start()

    def sample(self, rng: Random) -> Any:
        return self.base.sample(rng)

    def value(self, x: Any, sample: Any = None) -> Any:
        return self.base.value(x, sample)  # type: ignore[reportAttributeAccessIssue]

    def gradient(self, x: Any, sample: Any = None) -> Any:
        return self.base.gradient(x, sample)

    def value_and_gradient(self, x: Any, sample: Any = None) -> tuple[Any, Any]:
        return self.base.value_and_gradient(x, sample)

    def criterion(self, x: Any) -> Any:
        return self.base.criterion(x)

    def optimum(self) -> float | None:
        return self.base.optimum()

    def solution(self) -> Any:
        return self.base.solution()

    def constants(self) -> Constants:
        return self.base.constants()

    def metrics(self, x: Any) -> Mapping[str, Any]:
        settings = {"tolerance": self.tolerance, "rtol": self.rtol, "stiff": self.stiff}
        end = flow_limit(self.base, x, **settings)
        found = {"GFS sharpness": sharpness(self.base, end.x), "sharpness": sharpness(self.base, x)}
        return {**self.base.metrics(x), **{name: torch.as_tensor(v, dtype=torch.float64) for name, v in found.items()}}


@dataclass(frozen=True)
class _Flat:
    """A problem's exact oracles on vectors of float64 numbers."""

    problem: Problem
    like: Any

    @classmethod
    def of(cls, problem: Problem, x: Any) -> _Flat:
        if problem.backend != "torch" or "gradient" not in problem.offers():
            raise Declined(f"{type(problem).__name__} answers no torch gradient, so it has no gradient flow here")
        return cls(problem, x)

    def numbers(self, x: Any) -> Array:
        return torch.cat([leaf.detach().reshape(-1) for leaf in leaves(x)]).to(torch.float64).numpy().copy()

    def point(self, numbers: Array) -> Any:
        return self._shaped(torch.from_numpy(np.array(numbers)))

    def value(self, y: Array) -> float:
        return float(self.problem.criterion(self.point(y)))

    def gradient(self, y: Array) -> Array:
        with torch.no_grad():
            return self.numbers(self.problem.gradient(self.point(y), None))

    def hvp(self, y: Array, v: Array) -> Array:
        with torch.no_grad():
            return self.numbers(self.problem.hvp(self.point(y), self.point(v), None))

    def hessian(self, y: Array) -> Array:
        def multiply(v: Tensor) -> Tensor:
            product = self.problem.hvp(self.point(y), self._shaped(v), None)
            return torch.cat([leaf.reshape(-1) for leaf in leaves(product)])

        with torch.no_grad():
            identity = torch.eye(y.size, dtype=torch.float64)
            columns: Callable[[Tensor], Tensor] = torch.func.vmap(multiply, chunk_size=256)  # type: ignore[reportAttributeAccessIssue]
            return columns(identity).to(torch.float64).numpy()

    def _shaped(self, vector: Tensor) -> Any:
        at = 0

        def take(_: str, leaf: Tensor) -> Tensor:
            nonlocal at
            part, at = vector[at : at + leaf.numel()].reshape(leaf.shape), at + leaf.numel()
            return part.to(leaf.dtype)

        return tree_map(take, self.like)
