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
from tendsto.probability.distance import kolmogorov_discrete


def test_examples_run():
    outcome = doctest.testmod(distance)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_kolmogorov_agrees_with_scipy(sample):
    assert kolmogorov(sample, lambda x: x) == pytest.approx(stats.kstest(sample, "uniform").statistic, abs=1e-12)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_discrete_distance_is_that_of_the_sample_with_these_masses(counts):
    atoms = (np.arange(len(counts)) + 0.5) / (len(counts) + 1)
    sample = np.repeat(atoms, counts)
    masses = np.array(counts) / sum(counts)
    assert kolmogorov_discrete(atoms, masses, lambda x: x) == pytest.approx(kolmogorov(sample, lambda x: x), abs=1e-12)


def test_both_sides_of_an_atom_count():
    # After its jump the law is right, before it half of all is missing; and the other way round.
    assert kolmogorov_discrete([0.5], [1.0], lambda x: x) == 0.5
    assert kolmogorov_discrete([0.9], [1.0], lambda x: x) == pytest.approx(0.9)
    assert kolmogorov_discrete([0.1], [1.0], lambda x: x) == pytest.approx(0.9)


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
    with pytest.raises(ValueError, match="two vectors of one length"):
        kolmogorov_discrete([0.0], [0.5, 0.5], lambda x: x)
    with pytest.raises(ValueError, match="finite and increase"):
        kolmogorov_discrete([0.0, 0.0], [0.5, 0.5], lambda x: x)
    with pytest.raises(ValueError, match="are no law"):
        kolmogorov_discrete([0.0, 1.0], [0.5, 0.6], lambda x: x)
    with pytest.raises(ValueError, match="a sample of 0 values has no band"):
        dkw_band(0)
    with pytest.raises(ValueError, match=r"confidence 95.0 is not strictly between 0 and 1"):
        dkw_band(10, 95.0)
