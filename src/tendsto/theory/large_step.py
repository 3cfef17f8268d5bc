"""Large steps leave sharp minima and go on to the global one: the theorem, and the constants it needs, estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import Guarantee
from tendsto.core.problem import Declined, Problem
from tendsto.core.random import Random
from tendsto.core.trace import Array
from tendsto.core.tree import leaves, tree_map

__all__ = ["LargeStep", "OnePointConvexity", "one_point_convexity"]


@dataclass(frozen=True, kw_only=True)
class LargeStep(Guarantee):
    """Gradient descent with 2/trap < lr <= one_point/smooth^2, f one-point strongly convex outside of sharp regions.

    one_point: mu with <grad f(x), x - x*> >= mu ||x - x*||^2 outside of the regions; smooth: L with ||grad f(x)|| <= L
    ||x - x*|| there. trap: mu_d, the same as one_point towards a region's own minimum x_d, within it. start: the
    distance ||x_0 - x*||. The bound holds for as long as a run is outside of the regions; within one the
    distance from x_d grows by lr mu_d - 1 > 1 a step, so that it leaves after `escape_steps`. That it does not come
    back for ever is assumed (it holds for almost every start where regions are small and far from x*; what exactly the
    paper asks was not found), and is false where a margin around a region satisfies neither half: see
    `SharpTraps.escape_bracket`.

    Raises:
        ValueError: a constant not above 0, or a step outside of (2/trap, one_point/smooth^2].

    >>> theorem = LargeStep(lr=0.5, one_point=1.0, smooth=1.0, trap=200.0, start=2.0)
    >>> theorem.bound(2), theorem.escape_steps(1e-9, 0.05)
    (1.0, 4)
    """

    lr: float
    one_point: float
    smooth: float
    trap: float
    start: float = 1.0

    method = "gd"
    assumes = ()
    measure = "||x - x*||^2"
    statement = "||x_k - x*||^2 <= (1 - lr mu)^k ||x_0 - x*||^2 outside of the sharp regions, and those are left."
    proof = (
        "||x+ - x*||^2 <= (1 - 2 lr mu + lr^2 L^2) ||x - x*||^2, and lr L^2 <= mu; within a region"
        " ||x+ - x_d|| >= <x+ - x_d, x_d - x> / ||x - x_d|| >= (lr mu_d - 1) ||x - x_d||."
    )
    source = "Mohtashami, Jaggi, Stich 2023, arXiv 2205.15142 (structure recalled, both inequalities derived)"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lr", "one_point", "smooth", "trap", "start"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is no size: use a finite number above 0")
        if self.one_point > self.smooth:
            raise ValueError(f"one_point = {self.one_point:g} exceeds smooth = {self.smooth:g}: no function has that")
        low, high = 2 / self.trap, self.one_point / self.smooth**2
        if not low < self.lr <= high * (1 + 1e-12):
            raise ValueError(
                f"step size {self.lr:g} is not in (2/mu_d, mu/L^2] = ({low:g}, {high:g}]: "
                + ("the sharp minimum keeps it" if self.lr <= low else "it is too long for the region of x*")
            )

    def settings(self) -> dict[str, Any]:
        return {"lr": self.lr}

    def formula(self, k: Array) -> Array:
        return (1 - self.lr * self.one_point) ** k * self.start**2

    def escape_steps(self, distance: float, radius: float) -> int:
        """Return after how many steps at most a run at `distance` from x_d is outside of the region within `radius`.

        Raises:
            ValueError: not 0 < distance <= radius.
        """
        if not 0 < distance <= radius < math.inf:
            raise ValueError(f"distance = {distance} and radius = {radius}: use 0 < distance <= radius; at 0 it stays")
        return math.floor(math.log(radius / distance) / math.log(self.lr * self.trap - 1)) + 1


@dataclass(frozen=True)
class OnePointConvexity:
    """What a gradient does around a centre, over sampled points: bounds that theorems ask for, estimated.

    strongly_convex: the least <grad f(x), x - c> / ||x - c||^2, an upper estimate of mu; not positive where f is not
    one-point convex there. smooth: the largest ||grad f(x)|| / ||x - c||, a lower estimate of L.

    >>> around = OnePointConvexity(strongly_convex=200.0, smooth=200.0)
    >>> around.kept_below, around.left_above
    (0.005, 0.01)
    """

    strongly_convex: float
    smooth: float

    @property
    def kept_below(self) -> float:
        """mu/L^2: steps below it contract towards the centre from anywhere in the region, and stay."""
        return max(self.strongly_convex, 0.0) / self.smooth**2

    @property
    def left_above(self) -> float:
        """2/mu: steps above it move away from the centre everywhere in the region; inf where mu is not positive."""
        return 2 / self.strongly_convex if self.strongly_convex > 0 else math.inf


def one_point_convexity(
    problem: Problem, centre: Any, radius: float, *, seed: int = 0, samples: int = 256
) -> OnePointConvexity:
    """Estimate one-point convexity around `centre`, a stationary point, from points within `radius` of it.

    Points have uniform directions and distances uniform in (0, radius]. In high dimension random directions miss the
    steepest: `tendsto.monitor.sharpness` gives 2 / sharpness, above which no run converges to the centre.

    Raises:
        Declined: the problem answers no torch gradient.
        ValueError: a radius not above 0, or no samples.

    Source: the conditions of Mohtashami, Jaggi, Stich 2023, arXiv 2205.15142.

    >>> from tendsto.problems import SharpTraps
    >>> problem = SharpTraps()
    >>> around = one_point_convexity(problem, problem.minima[0], 0.02)
    >>> round(around.left_above, 9)
    0.01
    """
    if problem.backend != "torch" or "gradient" not in problem.offers():
        raise Declined(f"{type(problem).__name__} answers no torch gradient, so its convexity cannot be estimated")
    if not radius > 0 or samples < 1:
        raise ValueError(f"radius = {radius} must be above 0 and samples = {samples} at least 1")
    import torch

    least, largest = np.inf, 0.0
    with torch.no_grad():
        for i in range(samples):
            rng = Random(seed, i).fork("one-point convexity")
            move = tree_map(lambda name, c, rng=rng: rng.normal(f"move {name}", tuple(c.shape), c.dtype), centre)
            size = radius * float(rng.uniform("size")) / _inner(move, move) ** 0.5
            away = tree_map(lambda _, m, size=size: size * m, move)
            gradient = problem.gradient(tree_map(lambda _, c, m: c + m, centre, away), None)
            square = _inner(away, away)
            least = min(least, _inner(gradient, away) / square)
            largest = max(largest, (_inner(gradient, gradient) / square) ** 0.5)
    return OnePointConvexity(least, largest)


def _inner(a: Any, b: Any) -> float:
    return float(sum((p.double() * q).sum() for p, q in zip(leaves(a), leaves(b), strict=True)))
