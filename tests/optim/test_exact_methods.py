"""Gradient descent, Nesterov's method and averaging against literal loops, alone and as lanes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tendsto.core.iterate import iterate
from tendsto.core.method import Method
from tendsto.core.problem import Declined
from tendsto.core.random import Random
from tendsto.engines.lanes import TRACED_FROM
from tendsto.optim import Averaged, DecreasingSGD, GradientDescent, Nesterov
from tendsto.problems import Quadratic

PROBLEM = Quadratic(dimension=4, smallest=0.1)


def gradient_descent(h: np.ndarray, x: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        x = x - 0.5 * h * x
    return x


def nesterov(h: np.ndarray, x: np.ndarray, steps: int) -> np.ndarray:
    y, t = x, 1.0
    for _ in range(steps):
        new = y - 0.5 * h * y
        following = (1 + math.sqrt(1 + 4 * t * t)) / 2
        y = new + (t - 1) / following * (new - x)
        x, t = new, following
    return x


def constant_nesterov(h: np.ndarray, x: np.ndarray, steps: int) -> np.ndarray:
    y = x
    for _ in range(steps):
        new = y - 0.5 * h * y
        x, y = new, new + 0.7 * (new - x)
    return x


def averaged(h: np.ndarray, x: np.ndarray, steps: int) -> np.ndarray:
    weights = np.array([(t + 1) ** -0.5 for t in range(steps)])
    points = []
    for weight in weights:
        points.append(x)
        x = x - 0.5 * weight * h * x
    return (weights[:, None] * np.array(points)).sum(axis=0) / weights.sum()


@pytest.mark.parametrize(
    ("method", "reference"),
    [
        (GradientDescent(lr=0.5), gradient_descent),
        (Nesterov(lr=0.5), nesterov),
        (Nesterov(lr=0.5, momentum=0.7), constant_nesterov),
        (Averaged(DecreasingSGD(lr=0.5, decay=0.5), power=-0.5), averaged),
    ],
)
def test_a_run_equals_the_literal_loop(method: Method, reference: Callable[..., np.ndarray]) -> None:
    h = PROBLEM.curvatures().numpy()
    lanes = iterate(method, PROBLEM, steps=30, seeds=3)
    alone = iterate(method, PROBLEM, steps=30, seeds=3, lanes=False)
    np.testing.assert_allclose(lanes["||x - x*||^2"], alone["||x - x*||^2"], rtol=1e-9)
    for seed in range(3):
        start = PROBLEM.init(Random(seed).fork("oracle").fork("init")).numpy()
        want = [(reference(h, start, k) ** 2).sum() for k in range(1, 31)]
        np.testing.assert_allclose(alone["||x - x*||^2"][seed, 1:], want, rtol=1e-9)


@pytest.mark.parametrize("method", [Nesterov(lr=0.5), Averaged(DecreasingSGD(lr=0.5, decay=0.5), power=-0.5)])
def test_lanes_equal_runs_alone_where_the_step_is_recorded(method: Method) -> None:
    """Both begin with entries of the state that are one and the same tensor."""
    lanes = iterate(method, PROBLEM, steps=TRACED_FROM, seeds=2)
    alone = iterate(method, PROBLEM, steps=TRACED_FROM, seeds=2, lanes=False)
    np.testing.assert_allclose(lanes["||x - x*||^2"], alone["||x - x*||^2"], rtol=1e-9)


def test_the_average_begins_with_the_first_point() -> None:
    trace = iterate(Averaged(), PROBLEM, steps=3)
    assert trace.gap()[0, 1] == pytest.approx(trace.gap()[0, 0], rel=1e-15)


@pytest.mark.parametrize("method", [GradientDescent(), Nesterov()])
def test_sampled_gradients_are_declined_with_the_reason(method: Method) -> None:
    with pytest.raises(Declined, match="meant for exact gradients, and these are sampled: use sgd"):
        iterate(method, Quadratic(noise=1.0), steps=5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: GradientDescent(lr=0.0), "lr = 0.0 is no step size"),
        (lambda: Nesterov(lr=-1.0), "lr = -1.0 is no step size"),
        (lambda: Nesterov(momentum=1.0), r"momentum = 1.0 is out of range: use a number in \[0, 1\)"),
        (lambda: DecreasingSGD(decay=2.0), "decay = 2.0 is out of range"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], Method], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
