"""Does a step of training cross a kink? What a gradient does between two points, against what L-smoothness says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Declined, Problem
from tendsto.core.tree import leaves, tree_map

__all__ = ["StepDiagnosis", "diagnose_step"]

KINK = 1e-3
"""A jump of the gradient that is at least this share of its change over the step is called a kink. At the end of
the search a smooth function is left with a share of about 1e-9 (float64) or 1e-4 (float32)."""

PIECES, NARROWED, SPLIT = 64, 3, 0.41421


@dataclass(frozen=True)
class StepDiagnosis:
    """What was found between x and y.

    length: ||y - x||. change: ||grad f(y) - grad f(x)||. jump: the part of it that stays however near two points are
    taken, at the share `at` of the way; of the largest of several kinks, or nearly so. unexplained: the share of the
    change that the Hessian at x does not give, ||grad f(y) - grad f(x) - H (y - x)|| / change. lr: as it was given.

    >>> found = StepDiagnosis(length=0.5, change=2.0, jump=2.0, at=0.25, unexplained=1.0, lr=0.25)
    >>> found.kink, found.smooth_at_least
    (True, 4.0)
    """

    length: float
    change: float
    jump: float
    at: float
    unexplained: float
    lr: float | None = None

    @property
    def kink(self) -> bool:
        """Whether the gradient jumps on the way, so that no L makes f L-smooth there."""
        return self.jump >= KINK * self.change > 0

    @property
    def smooth_at_least(self) -> float:
        """change / length, a lower bound of L; where there is a kink it has no limit as points come nearer."""
        return self.change / self.length if self.length > 0 else 0.0

    def __str__(self) -> str:
        if self.kink:
            return (
                f"the gradient jumps by {self.jump:.3g} at {self.at:.3g} of the step: f is not smooth there, so bounds"
                " that assume L-smoothness do not apply; use steps that decrease, or a proximal map of the part that"
                " has the kink"
            )
        if self.lr is not None and self.lr * self.smooth_at_least >= 2 - 1e-9:
            return (
                f"no kink, but lr times the change of the gradient per length is {self.lr * self.smooth_at_least:.3g}:"
                " the step is too long for descent, which needs it below 2"
            )
        if self.unexplained > 0.5:
            return (
                f"no kink, but the Hessian at x does not give {self.unexplained:.0%} of the gradient's change:"
                " sharpness at single points says little about steps of this length"
            )
        return "no kink: over this step the function looks smooth"


def diagnose_step(problem: Problem, x: Any, *, lr: float | None = None, to: Any = None) -> StepDiagnosis:
    """Return what the exact gradient of a problem does between x and x - lr grad f(x), or between x and `to`.

    The step is cut into 65 pieces; the three in which the gradient is farthest from linear are cut again and again
    until the machine cannot tell their ends apart: some 350 gradients. A step between kinks shows none: ask at several
    iterates of a run. `tendsto.problem(model, loss, data, batch=None)` makes a problem of your model.

    Raises:
        Declined: the problem answers no torch gradient.
        ValueError: not exactly one of lr and to, or a step of length 0.

    Source: Kumar 2024, arXiv 2401.08426, for what is at stake (recalled); the search is this library's.

    >>> from tendsto.problems import AbsoluteValue, Quadratic
    >>> x = torch.tensor([0.2], dtype=torch.float64)
    >>> diagnose_step(AbsoluteValue(), x, lr=1.0).kink, diagnose_step(Quadratic(dimension=1), x, lr=1.0).kink
    (True, False)
    """
    if problem.backend != "torch" or "gradient" not in problem.offers():
        raise Declined(f"{type(problem).__name__} answers no torch gradient, so nothing is known of its steps")
    if (lr is None) == (to is None):
        raise ValueError(f"lr = {lr!r} and to = {'None' if to is None else 'a point'}: give exactly one of them")
    if lr is not None and not lr > 0:
        raise ValueError(f"lr = {lr} is no step size: use a number above 0")
    with torch.no_grad():
        first = problem.gradient(x, None)
        y = tree_map(lambda _, p, g: p - lr * g, x, first) if lr is not None else to
        move = tree_map(lambda _, p, q: q - p, x, y)
        length = _norm(move)
        if length == 0:
            raise ValueError("the step has length 0: x is stationary, or `to` is x itself; give another point")

        def gradient(share: float) -> Any:
            return problem.gradient(tree_map(lambda _, p, m: p + share * m, x, move), None)

        last = gradient(1.0)
        jump, at = _largest_jump(gradient, _resolution(x, length))
        change = _distance(first, last)
        predicted = problem.hvp(x, move, None)
        rest = _norm(tree_map(lambda _, a, b, h: b - a - h, first, last, predicted))
    # Differences of gradients that are equal but for rounding are no change, and no jump.
    noise = 1e3 * torch.finfo(leaves(x)[0].dtype).eps * _norm(first)
    jump = 0.0 if jump <= noise else jump
    return StepDiagnosis(length, change, jump, at, rest / change if change > 0 else 0.0, lr)


def _largest_jump(gradient: Callable[[float], Any], resolution: float) -> tuple[float, float]:
    """The largest jump of the gradient that is found between the shares 0 and 1 of the way, and where it is."""
    # Irregular shares: on a kink itself the subgradient is 0, half of the jump to either side.
    shares = [0.0, *((i + 0.3142) / PIECES for i in range(PIECES)), 1.0]
    bent: list[tuple[float, float, float]] = []
    before = gradient(0.0)
    for low, high in pairwise(shares):
        after = gradient(high)
        bent.append((_bend(before, gradient(_between(low, high)), after), low, high))
        before = after
    found = [_narrowed(gradient, low, high, resolution) for _, low, high in sorted(bent)[-NARROWED:]]
    return max(found)


def _narrowed(gradient: Callable[[float], Any], low: float, high: float, resolution: float) -> tuple[float, float]:
    """The jump between two shares once they are as near as they can be, and where: towards where it bends more."""
    first, last, middle = gradient(low), gradient(high), _between(low, high)
    between = gradient(middle)
    while high - low > resolution:
        left, right = _between(low, middle), _between(middle, high)
        before, after = gradient(left), gradient(right)
        if _bend(first, before, between) >= _bend(between, after, last):
            high, last, middle, between = middle, between, left, before
        else:
            low, first, middle, between = middle, between, right, after
    return _distance(first, last), middle


def _between(low: float, high: float) -> float:
    return low + SPLIT * (high - low)


def _bend(first: Any, between: Any, last: Any) -> float:
    """How far a gradient between two others is from linear: of the second order in their distance, or a jump's size."""
    return _norm(tree_map(lambda _, a, m, b: m - (1 - SPLIT) * a - SPLIT * b, first, between, last))


def _resolution(x: Any, length: float) -> float:
    """The share of the step below which its points are hardly told apart, in the number type of x."""
    eps = max(torch.finfo(leaf.dtype).eps for leaf in leaves(x))
    largest = max(float(leaf.abs().max()) for leaf in leaves(x))
    return max(64 * eps * (largest / length + 1), 2.0**-40)


def _norm(tree: Any) -> float:
    return float(sum((leaf.to(torch.float64) ** 2).sum() for leaf in leaves(tree)) ** 0.5)


def _distance(a: Any, b: Any) -> float:
    def difference(_: str, p: Tensor, q: Tensor) -> Tensor:
        return p - q

    return _norm(tree_map(difference, a, b))
