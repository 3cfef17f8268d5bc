"""Smoothed shapes on the line against plain sums, closed forms and one another."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import noise as reference
from scipy import integrate, stats

from tendsto.probability import dkw_band, kolmogorov
from tendsto.probability import noise as module
from tendsto.probability.noise import GridNoise, LaplaceNoise, MixtureNoise

TWO = MixtureNoise((0.7, 0.3), (0.0, 1.0), (0.8, 0.3))
LAPLACE = LaplaceNoise(0.7)


def laplace(x):
    return math.exp(-abs(x) / 0.7) / 1.4


def two(x):
    return 0.7 * reference.normal(x, 0.64) + 0.3 * reference.normal(x - 1, 0.09)


def test_examples_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(("noise", "density"), [(TWO, two), (LAPLACE, laplace)])
@pytest.mark.parametrize("r", [0.3, 1.0])
def test_density_score_and_information_equal_plain_sums(noise, density, r):
    for x in (-1.3, 0.0, 0.4, 2.0):
        f = reference.smoothed(density, x, r, -16, 16, 6400)
        assert noise.log_density(x, r) == pytest.approx(math.log(f), abs=2e-5)
        assert noise.score(x, r) == pytest.approx(reference.score(density, x, r, -16, 16, 6400), abs=1e-4)
    found = noise.information(r)
    assert found.value == pytest.approx(reference.information(density, r, -9, 9, 300), rel=2e-3)
    assert found.error < 1e-9 * found.value


def test_gaussian_noise_has_its_information():
    for r in (0.01, 1.0):
        assert MixtureNoise([1.0], [2.0], [0.5]).information(r).value == pytest.approx(1 / (0.25 + r**2), rel=1e-10)


def test_information_of_a_spike_is_resolved():
    # 0.02 wide in a law of width 1: adaptive quadrature told where the spike is agrees.
    spike = MixtureNoise((0.8, 0.2), (0.0, 0.0), (1.0, 0.02))
    for r in (0.003, 0.05):
        exact = integrate.quad(
            lambda x, r=r: float(np.exp(spike.log_density(x, r)) * spike.score(x, r) ** 2), 0, 12,
            points=[0.02, 0.1, 0.3, 1.0], limit=400,
        )[0]  # fmt: skip
        assert spike.information(r).value == pytest.approx(2 * exact, rel=1e-7)


def test_information_grows_to_its_limit_as_r_falls():
    found = [LAPLACE.information(r).value for r in (1.0, 0.3, 0.1, 0.01, 0.001)]
    assert (np.diff(found) > 0).all()
    assert found[-1] == pytest.approx(1 / 0.7**2, rel=0.01)
    assert all(value <= 1 / r**2 for value, r in zip(found, (1.0, 0.3, 0.1, 0.01, 0.001), strict=True))


@pytest.mark.parametrize("noise", [TWO, LAPLACE])
def test_score_of_shifted_noise_is_seen_in_simulation(noise):
    rng, r, shift = np.random.default_rng(0), 0.4, 0.3
    values = noise.score(noise.sample(40_000, rng) + r * rng.standard_normal(40_000) - shift, r)
    mean, variance = noise.shifted_score(r, shift)
    assert abs(values.mean() - mean) < 4 * values.std() / 200
    assert values.var() == pytest.approx(variance, rel=0.05)
    assert noise.shifted_score(r, 0.0)[0] == pytest.approx(0.0, abs=1e-10)
    assert noise.shifted_score(r, 1e-4)[0] == pytest.approx(1e-4 * noise.information(r).value, rel=1e-3)


@pytest.mark.parametrize("noise", [TWO, LAPLACE, GridNoise(np.linspace(-3, 3, 301), np.ones(301))])
def test_samples_follow_the_law_and_its_quantiles(noise):
    sample = noise.sample(4000, np.random.default_rng(1))
    assert kolmogorov(sample, lambda x: [noise.cdf(v) for v in x]) < dkw_band(4000)
    assert abs(sample.mean() - noise.mean) < 4 * sample.std() / math.sqrt(4000)
    assert sample.var() == pytest.approx(noise.variance, rel=0.12)
    assert noise.cdf(noise.quantile(0.3)) == pytest.approx(0.3, abs=1e-3)


def test_a_density_on_a_grid_is_the_law_it_was_taken_from():
    x = np.linspace(-8, 8, 3201)
    grid = GridNoise(x, np.exp(LAPLACE.log_density(x, 1e-3)))
    at = np.array([-3.0, -0.2, 0.0, 1.0])
    assert grid.score(at, 0.3) == pytest.approx(LAPLACE.score(at, 0.3), abs=2e-3)
    assert grid.log_density(at, 0.3) == pytest.approx(LAPLACE.log_density(at, 0.3), abs=1e-3)
    assert grid.information(0.3).value == pytest.approx(LAPLACE.information(0.3).value, rel=1e-3)
    assert grid.shifted_score(0.3, 0.2) == pytest.approx(LAPLACE.shifted_score(0.3, 0.2), abs=1e-3)


def test_a_shape_from_a_sample_is_near_the_law():
    drawn = TWO.sample(200_000, np.random.default_rng(2))
    shape = GridNoise.from_sample(drawn, 0.05)
    assert shape.mean == pytest.approx(drawn.mean(), abs=1e-9)
    assert shape.information(0.5).value == pytest.approx(TWO.information(0.5).value, rel=0.02)


def test_laplace_tails_do_not_overflow():
    assert LaplaceNoise(1.0).score([-1e4, 1e4], 0.5) == pytest.approx([1.0, -1.0])
    assert stats.laplace.logpdf(30.0) + 0.125 == pytest.approx(
        float(LaplaceNoise(1.0).log_density(30.0, 0.5)), abs=1e-9
    )


def test_bad_shapes_are_named():
    even = np.linspace(0, 1, 20)
    questions = {
        "are no mixture": lambda: MixtureNoise((0.5, 0.6), (0, 0), (1, 1)),
        "are no mixture$": lambda: MixtureNoise((1.0,), (0, 0), (1,)),
        "scales above 0": lambda: MixtureNoise((1.0,), (0.0,), (0.0,)),
        "scale -1 is no width": lambda: LaplaceNoise(-1),
        "r = 0 is no width": lambda: LaplaceNoise().information(0),
        "r = inf is no width": lambda: TWO.information(math.inf),
        "at least 16 evenly spaced": lambda: GridNoise(even**2, even),
        "a density from -1.0": lambda: GridNoise(even, even - 1),
        "is not seen on a grid spaced": lambda: GridNoise(even, even).score(0.0, 0.01),
        "a sample of 3 values, spaced 0.1, has no shape": lambda: GridNoise.from_sample([2.0, 2.0, 2.0], 0.1),
        "a sample of 0 values": lambda: GridNoise.from_sample([], 0.1),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
