"""The last-iterate bound against its literal sums, and what it says of schedules."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import last_iterate as reference

from tendsto.core.guarantee import RECOMMENDED
from tendsto.problems import WorstLastIterate
from tendsto.theory import LastIterateLipschitz, LastIterateSmooth, last_iterate_bound


@settings(max_examples=60)
@given(
    steps=st.lists(st.floats(1e-4, 0.9), min_size=1, max_size=30),
    mu_f=st.floats(0.0, 1.0),
    mu_h=st.floats(0.0, 5.0),
    moment=st.floats(0.0, 10.0),
)
def test_equals_the_literal_sums(steps: list[float], mu_f: float, mu_h: float, moment: float) -> None:
    ours = last_iterate_bound(
        steps, distance=1.3, second_moment=moment, strongly_convex=mu_f, regulariser_strongly_convex=mu_h
    )
    assert ours == pytest.approx(reference.bound(steps, 1.3, moment, mu_f, mu_h), rel=1e-9)


def test_many_strongly_convex_steps_do_not_overflow() -> None:
    """The weights grow like 2^20000."""
    short = last_iterate_bound(np.full(500, 0.5), distance=1.0, second_moment=1.0, strongly_convex=1.0)
    long = last_iterate_bound(np.full(20_000, 0.5), distance=1.0, second_moment=1.0, strongly_convex=1.0)
    assert short == pytest.approx(reference.bound([0.5] * 500, 1.0, 1.0, 1.0), rel=1e-9)
    assert np.isfinite(long)
    assert last_iterate_bound(np.full(20_000, 0.5), distance=1.0, second_moment=0.0, strongly_convex=1.0) == 0


def test_linear_decay_alone_has_no_logarithm() -> None:
    """bound sqrt(T) levels off for linear decay, and keeps rising by a constant per doubling for the others."""

    def rises(schedule: str) -> np.ndarray:
        ends = [2**i for i in range(8, 15)]
        rows = [LastIterateLipschitz(**unit, schedule=schedule, horizon=end) for end in ends]
        return np.diff([row.bound(end) * end**0.5 for row, end in zip(rows, ends, strict=True)])

    unit = {"lipschitz": 1.0, "noise_max": 0.0, "distance": 1.0}
    scaled = {schedule: rises(schedule) for schedule in ("inverse-sqrt", "constant", "linear-decay")}
    assert (scaled["linear-decay"] < 0.2).all()
    assert abs(scaled["linear-decay"][-1]) < 0.02
    for usual in ("inverse-sqrt", "constant"):
        assert (scaled[usual] > 1).all()
        assert np.ptp(scaled[usual]) < 0.1 * scaled[usual].mean()


def test_the_horizon_for_an_accuracy_reaches_it() -> None:
    made = LastIterateSmooth(smooth=2.0, noise_max=0.5, distance=1.0).for_accuracy(0.05)
    assert made.bound(made.horizon) <= 0.05
    half = made.horizon // 2
    shorter = dataclasses.replace(made, horizon=half, step_size=RECOMMENDED)
    assert shorter.bound(half) > 0.05


def test_wrong_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="step 2 is not below 1/mu = 1 for mu = 1"):
        last_iterate_bound([2.0], distance=1.0, second_moment=0.0, strongly_convex=1.0)
    with pytest.raises(ValueError, match="must be a sequence of positive numbers"):
        last_iterate_bound([], distance=1.0, second_moment=0.0)
    with pytest.raises(ValueError, match="horizon = 0"):
        LastIterateLipschitz(lipschitz=1.0, noise_max=0.0, horizon=0)


def test_the_worst_function_is_what_is_written() -> None:
    size = 5
    slopes = WorstLastIterate(horizon=size).slopes.numpy()
    for i in range(1, size + 2):
        for j in range(1, size + 1):
            expected = 1 / (8 * (size - j + 1)) if j < i else -np.sqrt(i / size) / 2 if j == i else 0.0
            assert slopes[i - 1, j - 1] == pytest.approx(expected, abs=1e-15)
