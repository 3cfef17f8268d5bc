"""Extragradient against its literal transcription, and against gradient descent-ascent, which spirals outward."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reference import extragradient as reference

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.games import AveragedExtragradient, ClippedExtragradient, ClippedGradientDescentAscent
from tendsto.problems import Bilinear

STEPS = 30
GAME = Bilinear(dimension=3, smooth=2.0)


def start() -> np.ndarray:
    return GAME.init(Random(0).fork("oracle").fork("init")).numpy().ravel()


def operator(x: np.ndarray) -> np.ndarray:
    return 2.0 * np.concatenate([x[3:], -x[:3]])


def gaps(points: list[np.ndarray]) -> list[float]:
    return [2.0 * float(np.linalg.norm(x)) for x in points]


def measured(method: object) -> np.ndarray:
    return iterate(method, GAME, steps=STEPS, record=STEPS + 1)["restricted gap"][0]  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.3, math.inf])
def test_equals_the_reference(level: float) -> None:
    points, halves = reference.extragradient(start(), operator, 0.1, level, STEPS)
    np.testing.assert_allclose(measured(ClippedExtragradient(lr=0.1, level=level)), gaps(points), rtol=1e-12)
    means = [np.mean(halves[:k], axis=0) for k in range(1, STEPS + 1)]
    np.testing.assert_allclose(measured(AveragedExtragradient(lr=0.1, level=level))[1:], gaps(means), rtol=1e-11)
    other = reference.descent_ascent(start(), operator, 0.1, level, STEPS)
    np.testing.assert_allclose(measured(ClippedGradientDescentAscent(lr=0.1, level=level)), gaps(other), rtol=1e-12)


def test_extragradient_contracts_where_descent_ascent_spirals_outward() -> None:
    """On a bilinear game both multiply the distance by a constant: sqrt(1 - s^2 + s^4) and sqrt(1 + s^2), s = lr L."""
    s = 0.1 * 2.0
    inward, outward = measured(ClippedExtragradient(lr=0.1)), measured(ClippedGradientDescentAscent(lr=0.1))
    np.testing.assert_allclose(inward[1:] / inward[:-1], math.sqrt(1 - s**2 + s**4), rtol=1e-12)
    np.testing.assert_allclose(outward[1:] / outward[:-1], math.sqrt(1 + s**2), rtol=1e-12)


def test_the_two_calls_of_a_step_see_independent_noise() -> None:
    """With both halves at the noise alone: E||x_1 - x_0||^2 = lr^2 E||F(y) + xi||^2, without a correlation with y."""
    problem = Bilinear(dimension=1, smooth=1e-9, noise=1.0)
    trace = iterate(AveragedExtragradient(lr=1.0), problem, steps=1, seeds=4000, record=2)
    both = iterate(ClippedExtragradient(lr=1.0), problem, steps=1, seeds=4000, record=2)
    moved = [t["||x - x*||^2"][:, -1] for t in (trace, both)]
    # |x_0| = 1 and E||xi||^2 = 1: both answers have the mean square 2, and equal samples would make them equal.
    for squares in moved:
        assert squares.mean() == pytest.approx(2.0, abs=0.15)
    assert np.corrcoef(moved[0], moved[1])[0, 1] < 0.75


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="level = 0"):
        ClippedExtragradient(level=0.0)
    with pytest.raises(ValueError, match="tail = 1"):
        Bilinear(tail=1.0)
    with pytest.raises(ValueError, match="dimension = 0"):
        Bilinear(dimension=0)
    assert "needs operator" in (ClippedExtragradient().declines(_quadratic()) or "")


def _quadratic() -> object:
    from tendsto.problems import Quadratic

    return Quadratic()


def test_the_restricted_gap_is_the_largest_over_the_ball() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(2, 3)))
    ball = rng.normal(size=(20_000, 2, 3))
    ball /= np.linalg.norm(ball.reshape(-1, 6), axis=1)[:, None, None]
    points = torch.from_numpy(ball[:2000])
    worst = max(float((GAME.operator(y) * (x - y)).sum()) for y in points)
    gap = float(GAME.criterion(x))
    assert worst <= gap * (1 + 1e-12)
    best = torch.stack([-x[1], x[0]])
    y = best / best.norm()
    assert float((GAME.operator(y) * (x - y)).sum()) == pytest.approx(gap, rel=1e-12)
