"""Constants that are measured where they cannot be derived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from tendsto.core.problem import Constants, Declined, Problem
from tendsto.core.random import Random

POINTS = 4
"""Points along a gradient path at which the curvature is looked at: L of a nonquadratic changes from place to place."""


def estimate_constants(
    problem: Problem, x: Any = None, seed: int = 0, *, samples: int = 256, iterations: int = 100
) -> Constants:
    """Return `problem.constants()` with what they leave unknown measured, and named in `estimated`.

    smooth: the largest |eigenvalue| of the Hessian, by power iteration on `hvp` with the Rayleigh quotient, at `x` and
        at three further points of gradient descent with step 1/L from it; the largest of the four. It is a local
        figure, at most the true L up to the tolerance 1e-6 of the iteration.
    noise: sigma^2 = E||g(x) - grad f(x)||^2 over `samples` samples, *at x*. Theorems speak of a solution: pass one.
    lipschitz: G, the largest norm among the sampled (or, without noise, exact) gradients at `x`.
    gap: f(x) - f*, where the optimum is known. x: the initial point of `seed`, if none is given.

    Raises:
        Declined: the problem is not made of torch functions with a gradient.

    >>> from tendsto.problems import PhaseRetrieval
    >>> estimate_constants(PhaseRetrieval(dimension=3)).estimated
    ('smooth', 'lipschitz', 'gap')
    """
    if problem.backend != "torch" or "gradient" not in problem.offers():
        raise Declined(f"{type(problem).__name__} offers no torch gradient, so its constants cannot be estimated")
    x = problem.init(Random(seed)) if x is None else x
    flat = _Flat(problem, x)
    known = problem.constants()
    start = flat.vector(x)
    found: dict[str, float] = {}
    with torch.no_grad():
        if known.smooth is None:
            found["smooth"] = _curvature(flat, start, seed, iterations)
        noise, largest = _spread(problem, x, flat, seed, samples)
        if known.noise is None:
            found["noise"] = noise
        if known.lipschitz is None:
            found["lipschitz"] = largest
        optimum = problem.optimum()
        if known.gap is None and optimum is not None:
            found["gap"] = float(problem.criterion(x)) - optimum
    values = {**known.known(), **found}
    return Constants(**values, estimated=(*known.estimated, *found))


class _Flat:
    """A problem's exact oracles on vectors, whatever its points are made of."""

    def __init__(self, problem: Problem, x: Any):
        self.problem = problem
        parts, self.spec = tree_flatten(x)
        self.shapes = [p.shape for p in parts]

    def vector(self, point: Any) -> Tensor:
        return torch.cat([p.reshape(-1) for p in tree_flatten(point)[0]])

    def point(self, vector: Tensor) -> Any:
        parts = vector.split([s.numel() for s in self.shapes])
        return tree_unflatten([p.reshape(s) for p, s in zip(parts, self.shapes, strict=True)], self.spec)

    def gradient(self, x: Tensor) -> Tensor:
        return self.vector(self.problem.gradient(self.point(x), None))

    def hvp(self, x: Tensor, v: Tensor) -> Tensor:
        return self.vector(self.problem.hvp(self.point(x), self.point(v), None))


def _curvature(flat: _Flat, x: Tensor, seed: int, iterations: int) -> float:
    largest = 0.0
    for i in range(POINTS):
        point = x

        def multiply(v: Tensor, at: Tensor = point) -> Tensor:
            return flat.hvp(at, v)

        start = Random(seed, i).fork("estimate").normal("v", (len(x),), x.dtype)
        largest = max(largest, power_iteration(multiply, start, iterations=iterations))
        x = x - flat.gradient(x) / largest if largest > 0 else x
    return largest


def power_iteration(
    multiply: Callable[[Tensor], Tensor], start: Tensor, *, iterations: int = 100, tolerance: float = 1e-6
) -> float:
    """Return the largest |eigenvalue| of a symmetric operator on vectors, from below.

    Stops when ||A v|| of the unit vector v has changed by less than `tolerance` relatively; that norm increases to the
    answer, also where the largest eigenvalues are of opposite signs.

    >>> h = torch.tensor([1.0, -3.0, 2.0])
    >>> round(power_iteration(lambda v: h * v, torch.ones(3)), 4)
    3.0
    """
    v, norm = start / start.norm(), 0.0
    for _ in range(iterations):
        product = multiply(v)
        new = float(product.norm())
        if new == 0 or not np.isfinite(new) or abs(new - norm) <= tolerance * new:
            return new
        v, norm = product / new, new
    return norm


def _spread(problem: Problem, x: Any, flat: _Flat, seed: int, samples: int) -> tuple[float, float]:
    """The variance of the stochastic gradient at x, and the largest norm seen."""
    exact = flat.vector(problem.gradient(x, None))
    drawn = problem.sample(Random(torch.arange(samples), seed).fork("estimate"))
    if drawn is None:
        return 0.0, float(exact.norm())
    gradients = torch.func.vmap(lambda s: flat.vector(problem.gradient(x, s)), chunk_size=128)(drawn)
    return float(((gradients - exact) ** 2).sum(dim=1).mean()), float(gradients.norm(dim=1).max())
