"""Restarts against the stages run one after another, and what they are for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference.restarted import restarted

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.games import ClippedExtragradient
from tendsto.optim import ClippedSSTM, Restarted, restarted_clipped_sstm
from tendsto.optim.averaged import Averaged
from tendsto.problems import Bilinear, LeastSquares, Quadratic

SUM = LeastSquares(terms=8, dimension=3)
KNOWN = {"smooth": 1.0, "strongly_convex": 0.01, "distance": 1.0}


def gradient(x: np.ndarray, i: int) -> np.ndarray:
    a, b = (t.numpy() for t in SUM.data)
    return (a[i] @ x - b[i]) * a[i]


def test_equals_the_reference() -> None:
    rng = Random(0).fork("oracle").fork("sample")
    drawn = [int(SUM.sample(rng.at(t))[0]) for t in range(1, 25)]
    plan = [(7, 2.0, 0.5), (5, 3.0, math.inf), (12, 1.0, 0.3)]
    stages = tuple(ClippedSSTM(smooth=100.0, slowness=a, level=level) for _, a, level in plan)
    ours = iterate(Restarted(stages, tuple(n for n, _, _ in plan)), SUM, steps=24, record=25)["f(x)"][0]
    a, b = (t.numpy() for t in SUM.data)
    literal = [float(((a @ x - b) ** 2).mean() / 2) for x in restarted(np.zeros(3), gradient, drawn, 100.0, plan)]
    np.testing.assert_allclose(ours, literal, rtol=1e-11)


def test_each_stage_is_as_long_as_its_bound_asks() -> None:
    made = restarted_clipped_sstm(**KNOWN, sigma=0.3, alpha=1.5, eps=1e-4)
    assert len(made.stages) == math.ceil(math.log2(0.01 / 2e-4))
    for t, (stage, k) in enumerate(zip(made.stages, made.lengths, strict=True)):
        radius = 2 ** (-t / 2)
        assert 6 * stage.slowness * radius**2 / (k * (k + 3)) <= 0.01 * radius**2 / 4
    papers = restarted_clipped_sstm(**KNOWN, sigma=0.3, alpha=1.5, eps=1e-4, constants=(48600.0, 1800.0))
    assert min(papers.lengths) > 50 * max(made.lengths)


def test_without_noise_restarts_turn_a_power_into_a_linear_rate() -> None:
    problem = Quadratic(dimension=20, smallest=0.01)
    plain = ClippedSSTM(smooth=1.0)
    again = Restarted((plain,) * 10, (60,) * 10)
    gaps = {
        name: iterate(m, problem, steps=600, record=2).gap()[0, -1] for name, m in (("plain", plain), ("again", again))
    }
    assert gaps["again"] < 1e-2 * gaps["plain"]


def test_with_noise_it_ends_below_the_accuracy() -> None:
    problem = Quadratic(dimension=5, smallest=0.2, noise=0.01)
    made = restarted_clipped_sstm(smooth=1.0, strongly_convex=0.2, sigma=0.01, alpha=2.0, distance=1.0, eps=0.01)
    assert made.ends[-1] < 2000
    gaps = iterate(made, problem, steps=made.ends[-1], seeds=5, record=2).gap()[:, -1]
    assert (gaps <= 0.01).all()


def test_bad_settings_are_quoted() -> None:
    with pytest.raises(ValueError, match=r"lengths = \(1, 2\) for 1 stages"):
        Restarted((ClippedSSTM(),), (1, 2))
    with pytest.raises(ValueError, match="eps = 0"):
        restarted_clipped_sstm(**KNOWN, sigma=1.0, alpha=1.5, eps=0)
    with pytest.raises(ValueError, match="no function has mu > L"):
        restarted_clipped_sstm(smooth=1.0, strongly_convex=2.0, distance=1.0, sigma=1.0, alpha=1.5, eps=0.1)
    with pytest.raises(ValueError, match="1 < alpha <= 2"):
        restarted_clipped_sstm(**KNOWN, sigma=1.0, alpha=3.0, eps=0.1)


def test_any_method_can_be_restarted() -> None:
    averaged = Averaged(ClippedExtragradient(lr=0.3))
    runs = [iterate(m, Bilinear(), steps=60, record=2) for m in (averaged, Restarted((averaged,) * 3, (20,) * 3))]
    once, thrice = (trace["restricted gap"][0, -1] for trace in runs)
    assert thrice < 0.1 * once
