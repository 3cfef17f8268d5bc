"""Direction: where particles want to go, whatever rule then moves them there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.sampling.kernels import IMQ, RBF, Kernel
from tendsto.sampling.stein import ksd_gradients, stein_direction

__all__ = ["Direction", "KSDDescent", "Score", "Stein"]


class Direction:
    """A field that carries particles to the target. Subclasses are frozen dataclasses of what defines it.

    Called with particles x (n, d) and an oracle it returns where each wants to go, (n, d). What has to be computed once
    a run is returned by `prepare`, tensors by name, and handed to every call by these names.

    Any function of (x, oracle) will do in the place of a Direction.
    """

    asks: ClassVar[tuple[str, ...]] = ("score",)

    def __call__(self, x: Tensor, oracle: Oracle, **prepared: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} leads nowhere: define __call__(x, oracle)")

    def prepare(self, oracle: Oracle) -> dict[str, Tensor]:
        """Return what every call needs and none changes."""
        return {}

    def declines(self, problem: Problem) -> str | None:
        """Return the reason why this direction does not fit `problem`, or None where it does."""
        return None


@dataclass(frozen=True)
class Score(Direction):
    """grad log pi at each particle: ascent to the modes, each particle alone.

    >>> Score().asks
    ('score',)
    """

    def __call__(self, x: Tensor, oracle: Oracle, **prepared: Tensor) -> Tensor:
        return oracle.score(x)


@dataclass(frozen=True)
class Stein(Direction):
    """The direction of SVGD, see `stein_direction`: score averaged by the kernel, and repulsion.

    >>> Stein(RBF(bandwidth=1.0)).kernel.bandwidth
    1.0
    """

    kernel: Kernel = field(default_factory=RBF)

    def __call__(self, x: Tensor, oracle: Oracle, **prepared: Tensor) -> Tensor:
        return stein_direction(x, oracle.score(x), self.kernel)


@dataclass(frozen=True)
class KSDDescent(Direction):
    """Minus the gradient of KSD^2 in the particles, see `ksd`, Hessians of log pi included.

    With a bandwidth by the median rule, that is held where it is: the gradient does not flow through it.

    Source: Korba et al. 2021 (arXiv 2105.09994), Algorithm 1.

    >>> KSDDescent().kernel
    IMQ(bandwidth=1.0, power=-0.5)
    """

    kernel: Kernel = field(default_factory=IMQ)

    def __call__(self, x: Tensor, oracle: Oracle, **prepared: Tensor) -> Tensor:
        score, pull = _score_and_pull(oracle, x)
        first, second = ksd_gradients(x, score, self.kernel)
        return -first - pull(second)


def _score_and_pull(oracle: Oracle, x: Tensor) -> tuple[Tensor, Any]:
    """The scores, and v -> (Hessian of log pi) v at each particle."""
    made: Any = torch.func.vjp(lambda y: oracle.score(y), x)
    return made[0], lambda v: made[1](v)[0]


def asked(direction: Any) -> tuple[str, ...]:
    """The oracles that a direction, or a function in its place, asks."""
    return getattr(direction, "asks", ("score",))


def prepared(direction: Any, oracle: Oracle) -> dict[str, Tensor]:
    """What a direction computes once a run; a plain function computes nothing."""
    return direction.prepare(oracle) if isinstance(direction, Direction) else {}


def declined(direction: Any, problem: Problem) -> str | None:
    """The reason why a direction does not fit a problem, or None."""
    return direction.declines(problem) if isinstance(direction, Direction) else None
