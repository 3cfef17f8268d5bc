"""Images of rounded normal laws against exact phases and plain quadrature."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import rounded_normal as reference

from tendsto.probability import rounded_normal
from tendsto.probability.rounded_normal import RoundedNormal, arcsine_cdf, wrapped_cdf


def test_examples_run():
    outcome = doctest.testmod(rounded_normal)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(("n", "theta"), [(1, 0), (3, 1), (10, 100), (12, 7)])
def test_image_law_equals_exact_phases(n, theta):
    family = RoundedNormal(0.0, math.inf)
    expected = reference.image(n, theta)
    atoms, masses = family.image_law(n, float(theta))
    turns = sorted(expected)
    assert atoms == pytest.approx([math.sin(2 * math.pi * t) for t in turns], abs=1e-12)
    assert masses == pytest.approx([expected[t] for t in turns], abs=1e-14)
    if theta >= 10:
        assert family.image_kolmogorov(n, theta) == pytest.approx(
            reference.distance(expected, reference.arcsine), abs=1e-10
        )


@pytest.mark.parametrize("theta", [0.0, 1.0, 2.5])
def test_law_of_the_wrapped_square_equals_quadrature(theta):
    for y in (-0.7, 0.0, 0.4):
        assert wrapped_cdf(y, theta) == pytest.approx(reference.wrapped(y, theta, 100_000), abs=2e-4)
    assert wrapped_cdf([-1.0, 1.0], theta) == pytest.approx([0.0, 1.0], abs=1e-12)
    assert arcsine_cdf(0.5).item() == pytest.approx(reference.arcsine(0.5))


def test_rounding_alone_is_uniform_over_all_means():
    family = RoundedNormal(-math.inf, math.inf)
    for n in (4, 30):
        for theta in (0.0, 0.3, -17.25, 900.0, 123456.7):
            assert family.kolmogorov(n, theta) <= 0.5 / (n * math.sqrt(2 * math.pi)) + 1e-9
    places, masses = family.law(4, -17.25)
    assert places @ masses == pytest.approx(-17.25, abs=1e-9)
    assert masses.sum() == pytest.approx(1, abs=1e-15)


def test_images_converge_over_bounded_means_and_stay_apart_at_n_squared():
    far, near = RoundedNormal(0.0, math.inf), RoundedNormal(0.0, 1.0)
    apart = [far.image_kolmogorov(n, float(n * n)) for n in (10, 40, 160)]
    assert apart == pytest.approx([0.2531, 0.2217, 0.2123], abs=1e-4)
    close = [max(near.image_kolmogorov(n, float(t)) for t in np.linspace(0, 1, 5)) for n in (10, 40, 160)]
    assert close[0] > close[1] > close[2]
    assert close[2] == pytest.approx(0.0073, abs=1e-4)


def test_the_mapping_theorem_is_refused_where_limits_are_not_tight():
    assert RoundedNormal(0.0, 1.0).image_limit(0.0, 0.5) == pytest.approx(wrapped_cdf(0.0, 0.5))
    with pytest.raises(
        ValueError, match="uniform continuous mapping theorem does not apply: limits are uniformly tight"
    ):
        RoundedNormal(0.0, math.inf).image_limit(0.0, 0.5)


def test_bad_questions_are_named():
    questions = {
        "means from 1.0 to 0.0 are no range": lambda: RoundedNormal(1.0, 0.0),
        "n = 0 is no mesh": lambda: RoundedNormal().law(0, 0.5),
        "n = 20000 is no mesh": lambda: RoundedNormal().image_law(20000, 0.5),
        r"mean 2.0 is outside \[0, 1\]": lambda: RoundedNormal().kolmogorov(10, 2.0),
        "too large for the grid": lambda: RoundedNormal(0.0, math.inf).kolmogorov(10, 1e20),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
