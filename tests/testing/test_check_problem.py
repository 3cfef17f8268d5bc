"""A check that cannot fail checks nothing: each broken promise has to be found, and named."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tendsto as tt
from tendsto.core.problem import Constants
from tendsto.testing import check_problem


@dataclass(frozen=True)
class Sound(tt.problems.Quadratic):
    dimension: int = 4
    smallest: float = 0.5
    noise: float = 0.2


class WrongGradient(Sound):
    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return 1.001 * super().gradient(x, sample)


class WrongHvp(Sound):
    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return self.curvatures() * v + 0.01 * v.roll(1)


class WrongProx(Sound):
    def prox(self, x: Tensor, step_size: Any, sample: Any = None) -> Tensor:
        return x / (1 + 1.1 * step_size * self.curvatures())


class Biased(Sound):
    def _xi(self, sample: Tensor) -> Tensor:
        return super()._xi(sample) + 0.1


class LowL(Sound):
    def constants(self) -> Constants:
        return Constants(smooth=0.9 * self.largest)


class HighMu(Sound):
    def constants(self) -> Constants:
        return Constants(strongly_convex=1.1 * self.largest)


class WrongNoise(Sound):
    def constants(self) -> Constants:
        return Constants(noise=3 * self.noise**2)


class WrongDistance(Sound):
    def constants(self) -> Constants:
        return Constants(distance=0.9 * self.distance)


class WrongOptimum(Sound):
    def optimum(self) -> float:
        return 5.0


class WrongSolution(Sound):
    def solution(self) -> Tensor:
        return torch.ones(self.dimension, dtype=torch.float64)


class SameStart(Sound):
    def init(self, rng: tt.Random) -> Tensor:
        return torch.ones(self.dimension, dtype=torch.float64)


class Forgetful(Sound):
    def init(self, rng: tt.Random) -> Tensor:
        return torch.rand(self.dimension, dtype=torch.float64)


class Infinite(Sound):
    def criterion(self, x: Tensor) -> Tensor:
        return super().criterion(x) / 0.0


class NotConvex(Sound):
    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return torch.cos(x).sum()

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return -torch.sin(x)

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return -torch.cos(x) * v

    def sample(self, rng: tt.Random) -> None:
        return None

    def constants(self) -> Constants:
        return Constants(convex=True)


class WrongTerms(tt.problems.LeastSquares):
    def constants(self) -> Constants:
        return Constants(smooth_max=0.3 * self.spread)


class WrongSampleGradients(tt.problems.LeastSquares):
    def sample_gradients(self, x: Tensor, sample: Any = None) -> Tensor:
        return 2 * super().sample_gradients(x, sample)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (WrongGradient, "says slope"),
        (WrongHvp, "away from differences"),
        (WrongProx, "another point reaches"),
        (Biased, "five standard errors"),
        (LowL, "smooth allows"),
        (HighMu, "strongly_convex asks"),
        (WrongNoise, "noise at the solution"),
        (WrongDistance, "it starts at distance"),
        (WrongOptimum, "below the optimum"),
        (WrongSolution, "the solution has criterion"),
        (SameStart, "start at the same point"),
        (Forgetful, "differs between two calls"),
        (Infinite, "the criterion is inf"),
        (NotConvex, "said to be convex"),
        (WrongTerms, "smooth_max allows"),
        (WrongSampleGradients, "sample_gradients average"),
    ],
)
def test_a_broken_promise_is_found(broken: type, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_problem(broken())


def test_a_sound_problem_passes() -> None:
    check_problem(Sound())


@dataclass(frozen=True)
class Leading(tt.Problem):
    """A NumPy problem with a leading axis of runs."""

    scale: float = 2.0
    mixed: bool = False

    backend = "numpy"
    lanes = "leading"

    def init(self, rng: tt.Random) -> np.ndarray:
        return rng.normal("x", (3,))

    def criterion(self, x: np.ndarray) -> np.ndarray:
        return self.scale * (x * x).sum(axis=None if self.mixed else -1)

    def gradient(self, x: np.ndarray, sample: object = None) -> np.ndarray:
        return 2 * self.scale * x


def test_numpy_problems_are_checked_as_well() -> None:
    check_problem(Leading())
    with pytest.raises(AssertionError, match="criterion of 3 lanes"):
        check_problem(Leading(mixed=True))
