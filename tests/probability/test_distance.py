"""Kolmogorov distance and its band."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tendsto.probability import distance, dkw_band, kolmogorov


def test_examples_run():
    outcome = doctest.testmod(distance)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_kolmogorov_agrees_with_scipy(sample):
    assert kolmogorov(sample, lambda x: x) == pytest.approx(stats.kstest(sample, "uniform").statistic, abs=1e-12)


def test_band_covers_at_its_confidence():
    rng = np.random.default_rng(0)
    inside = np.mean([kolmogorov(rng.random(50), lambda x: x) <= dkw_band(50, 0.9) for _ in range(2000)])
    # At least 0.9 by the theorem, within three standard errors; the band is not wide either.
    assert 0.9 - 3 * math.sqrt(0.09 / 2000) <= inside < 0.97


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="a sample of 0 values"):
        kolmogorov([], lambda x: x)
    with pytest.raises(ValueError, match="a sample of 2 values, 1 of them not finite"):
        kolmogorov([0.5, math.nan], lambda x: x)
    with pytest.raises(ValueError, match="a sample of 0 values has no band"):
        dkw_band(0)
    with pytest.raises(ValueError, match=r"confidence 95.0 is not strictly between 0 and 1"):
        dkw_band(10, 95.0)
