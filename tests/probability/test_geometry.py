"""Areas of balls within domains against closed forms and counted pairs of points; uniform samples."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from tendsto.probability import Disc, Square, Torus, dkw_band, geometry, kolmogorov

DOMAINS = [Disc(), Disc(2.5), Square(), Square(3.0), Torus(), Torus(2.0)]


def test_examples_run():
    outcome = doctest.testmod(geometry)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("domain", DOMAINS)
def test_ball_areas_are_a_law_and_grow_from_the_full_ball_to_the_full_domain(domain):
    small = 1e-4 * math.sqrt(domain.area)
    radii = np.array([0, small, *np.linspace(0.05, 1.2, 40) * domain.diameter])
    areas, weights = domain.ball_areas(radii)
    assert areas.shape == weights.shape
    assert weights.sum(axis=-1) == pytest.approx(1, abs=1e-12)
    assert (weights >= 0).all()
    assert areas.max() <= domain.area * (1 + 1e-12)
    assert (areas <= math.pi * radii[:, None] ** 2 * (1 + 1e-11)).all()
    mean = (areas * weights).sum(axis=-1)
    assert mean[0] == 0
    assert mean[1] == pytest.approx(math.pi * small**2, rel=1e-3)
    assert (np.diff(mean) >= -1e-12).all()
    assert areas[radii >= domain.diameter] == pytest.approx(domain.area, rel=1e-12)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.8, 0.95])
def test_first_two_moments_of_the_ball_area_match_pairs_and_triples_of_points(domain, share):
    # E|B(x,r)∩A|/|A| = P(|x-y| ≤ r), and the second moment is P(|x-y| ≤ r and |x-z| ≤ r).
    rng = np.random.default_rng(3)
    r, count = share * domain.diameter, 40_000
    x, y, z = (domain.sample(count, rng) for _ in range(3))

    def near(a, b):
        difference = np.abs(a - b)
        if domain.period is not None:
            difference = np.minimum(difference, domain.period - difference)
        return np.hypot(*difference.T) <= r

    areas, weights = domain.ball_areas(r)
    for moment, hits in ((1, near(x, y)), (2, near(x, y) & near(x, z))):
        exact = float(((areas / domain.area) ** moment) @ weights)
        # Five standard errors: a false alarm once in 10^6.
        assert abs(hits.mean() - exact) <= 5 * math.sqrt(max(exact * (1 - exact), 1 / count) / count)


def test_small_balls_have_the_known_mean_area():
    # On a disc of radius R the mean is the classical disc line picking law; on a torus πr² up to half the side.
    r = np.linspace(0.01, 1.9, 25)
    areas, weights = Disc(1.0).ball_areas(r)
    share = 1 + 2 / math.pi * ((r**2 - 1) * np.arccos(r / 2) - r / 2 * (1 + r**2 / 2) * np.sqrt(1 - r**2 / 4))
    assert (areas * weights).sum(axis=-1) == pytest.approx(math.pi * share, rel=1e-6)
    r = np.linspace(0.01, 0.5, 25)
    assert Torus().ball_areas(r)[0][:, 0] == pytest.approx(math.pi * r**2, rel=1e-12)
    # On a square: P(|x-y| ≤ r) = πr² - 8r³/3 + r⁴/2 for r ≤ side.
    r = np.linspace(0.01, 1, 25)
    areas, weights = Square().ball_areas(r)
    assert (areas * weights).sum(axis=-1) == pytest.approx(math.pi * r**2 - 8 / 3 * r**3 + r**4 / 2, rel=1e-5)


@pytest.mark.parametrize("domain", [Disc(), Square(), Torus()])
def test_samples_are_uniform(domain):
    points = domain.sample(20_000, np.random.default_rng(4))
    if isinstance(domain, Disc):
        uniform = (np.hypot(*points.T) / domain.radius) ** 2, np.arctan2(points[:, 1], points[:, 0]) / math.tau + 0.5
    else:
        uniform = points[:, 0] / domain.side, points[:, 1] / domain.side
    for values in uniform:
        assert kolmogorov(values, lambda x: np.clip(x, 0, 1)) <= dkw_band(20_000, 0.9999)


@pytest.mark.parametrize("make", [Disc, Square, Torus])
def test_a_domain_needs_a_length(make):
    for length in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"{length} is not a length"):
            make(length)
