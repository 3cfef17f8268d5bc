"""Gradient descent, on problems whose gradient is exact."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule, Scalars, Slots


def declines_sampling(problem: Problem) -> str | None:
    """Return why a method for exact gradients does not fit a problem with sampled ones, or None where it does."""
    if problem.sample(Random(0, backend=problem.backend)) is None:
        return None
    return "it is meant for exact gradients, and these are sampled: use sgd, or the problem's full batch"


def check_step(lr: float) -> None:
    """Raise ValueError unless `lr` is above 0."""
    if not lr > 0:
        raise ValueError(f"lr = {lr} is no step size: use a number above 0")


@register("gd")
@dataclass(frozen=True)
class GradientDescent(Rule):
    """x <- x - lr grad f(x).

    The step size that theorems recommend: 1/L, or 2/(L + mu) where f is strongly convex; see `tendsto.theory`.

    Raises:
        ValueError: `lr` is not above 0.

    >>> GradientDescent(lr=0.5).lr
    0.5
    """

    lr: float = 0.1

    def __post_init__(self) -> None:
        check_step(self.lr)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or declines_sampling(problem)

    def move(self, parameter: Tensor, gradient: Tensor, slots: Slots, scalars: Scalars) -> tuple[Tensor, Slots]:
        return self.lr * gradient, slots
