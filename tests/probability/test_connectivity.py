"""The law of the thresholds against plain quadrature, simulation and its own limit."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import connectivity as reference

from tendsto.probability import (
    ConnectivityThreshold,
    Disc,
    LimitLaw,
    Square,
    Torus,
    connectivity,
    dkw_band,
    kolmogorov,
    radius_for_connectivity,
)


def test_examples_run():
    outcome = doctest.testmod(connectivity)
    assert outcome.attempted > 0
    assert outcome.failed == 0


# --- the law at finite n


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize(("n", "r"), [(50, 0.2), (20, 0.35), (5, 0.8), (4, 1.0)])
def test_expected_isolated_equals_plain_quadrature(n, r, k):
    # The midpoint rule's own error, seen by refining it, is below 3e-4 on the disc and below 5e-3 on the square.
    disc, square, torus = Disc(), Square(), Torus()
    expected = reference.expected_isolated_disc(n, r, k, disc.radius, cells=200, slices=200)
    assert ConnectivityThreshold(disc, k).expected_isolated(n, r) == pytest.approx(expected, rel=1e-3)
    expected = reference.expected_isolated_square(n, r, k, square.side, cells=40, slices=150)
    assert ConnectivityThreshold(square, k).expected_isolated(n, r) == pytest.approx(expected, rel=1e-2)
    if r <= 0.5:
        expected = n * reference.few_neighbours(k, n * math.pi * r**2)
        assert ConnectivityThreshold(torus, k).expected_isolated(n, r) == pytest.approx(expected, rel=1e-10)


def test_a_vector_of_radii_gives_what_each_radius_gives():
    law = ConnectivityThreshold(Square(), 2)
    # More radii than fit into one piece of the table.
    radii = np.linspace(0.01, 1.3, 600)
    together = law.expected_isolated(100, radii.reshape(2, 300))
    assert together.shape == (2, 300)
    alone = [law.expected_isolated(100, r) for r in radii[::97]]
    assert together.ravel()[::97] == pytest.approx(np.array(alone), rel=1e-12)
    assert (np.diff(together.ravel()) <= 1e-9).all()


@pytest.mark.parametrize("k", [2, 3])
def test_poisson_prediction_of_the_largest_link_on_a_disc(k):
    # Dossier check 1: below the 95 % band of 400 replications at n = 1000.
    law = ConnectivityThreshold(Disc(), k)
    sample = law.sample_largest_link(1000, 400, np.random.default_rng(0))
    assert kolmogorov(sample, lambda r: law.finite_n_cdf(1000, r)) < dkw_band(400)
    # The limit law is outside the band at this n, and the abstract's centring far outside.
    far = kolmogorov(sample, lambda r: law.limit.cdf(law.centred(1000, r)))
    assert far > dkw_band(400)
    assert kolmogorov(sample, lambda r: law.limit.cdf(law.centred(1000, r, "paper"))) > far


def test_gumbel_law_and_isolated_pairs_on_the_torus():
    law, n, repetitions = ConnectivityThreshold(Torus()), 1000, 400
    sample = law.sample(n, repetitions, np.random.default_rng(0))

    def gumbel(r):
        return law.limit.cdf(law.centred(n, r))

    assert (sample.threshold >= sample.largest_link).all()
    assert 0.5 < (sample.threshold == sample.largest_link).mean() < 0.7
    assert kolmogorov(sample.largest_link, gumbel) < dkw_band(repetitions)
    plain = kolmogorov(sample.threshold, gumbel)
    assert plain > dkw_band(repetitions)
    assert kolmogorov(sample.threshold, lambda r: law.corrected_cdf(n, r)) <= plain / 2


def test_simulations_repeat_with_their_generator():
    law = ConnectivityThreshold(Disc(), 2)
    first, again = (law.sample(100, 5, np.random.default_rng(7)) for _ in range(2))
    assert (first.threshold == again.threshold).all()
    assert first.largest_link == pytest.approx(law.sample_largest_link(100, 5, np.random.default_rng(7)), rel=0)
    single = law.simulate(100, np.random.default_rng(7))
    assert single == (first.threshold[0], first.largest_link[0])


def test_corrected_cdf_counts_one_pair_in_closed_form():
    law = ConnectivityThreshold(Torus())
    n, r = 1000, 0.045
    mean_degree = n * math.pi * r**2
    pairs = -math.log(law.corrected_cdf(n, r)) / (n * math.exp(-mean_degree)) - 1
    # Two points at distance s ≤ r leave π²/(4M) when the area of two balls is expanded; the exact union is larger.
    s = (np.arange(20_000) + 0.5) / 20_000 * r
    union = 2 * math.pi * r**2 - 2 * r**2 * np.arccos(s / (2 * r)) + s / 2 * np.sqrt(4 * r**2 - s**2)
    exact = n**2 / 2 * (np.exp(-n * union) * math.tau * s).sum() * (r / 20_000) / (n * math.exp(-mean_degree))
    assert pairs == pytest.approx(math.pi**2 / (4 * mean_degree), rel=1e-12)
    assert pairs == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("domain", [Disc(), Square(), Torus(), Disc(10.0)])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_radius_for_connectivity_solves_the_prediction(domain, k):
    for probability in (0.01, 0.5, 0.99):
        r = radius_for_connectivity(500, probability, domain=domain, k=k)
        assert ConnectivityThreshold(domain, k).finite_n_cdf(500, r) == pytest.approx(probability, abs=1e-7)


def test_radius_for_connectivity_nearly_reaches_its_probability():
    # At 0.99 few graphs fail by a cluster without an isolated point: the shortfall is below 0.02.
    r = radius_for_connectivity(500, 0.99)
    connected = ConnectivityThreshold(Disc()).sample(500, 400, np.random.default_rng(5)).threshold <= r
    assert connected.mean() == pytest.approx(0.98, abs=0.02)


# --- the limit

QUOTED = {
    1: {3: 1.54, 192: 0.55},
    2: {3: 3.02, 4: 2.87, 6: 2.67, 12: 2.41, 24: 2.25, 48: 2.16, 96: 2.11, 192: 2.08},
    3: {3: 2.31, 192: -0.98},
}
LIMITS = {1: 0.367, 2: 2.048, 3: -1.136}


@pytest.mark.parametrize("k", [1, 2, 3])
def test_centred_medians_approach_the_limit_up_to_ten_to_the_192(k):
    law = ConnectivityThreshold(Disc(), k)
    median = float(law.limit.quantile(0.5))
    assert median == pytest.approx(LIMITS[k], abs=0.001)
    medians = {digits: law.median(digits * math.log(10)) for digits in (3, 4, 6, 12, 24, 48, 96, 192)}
    for digits, quoted in QUOTED[k].items():
        assert medians[digits] == pytest.approx(quoted, abs=0.02)
    distances = np.array(list(medians.values())) - median
    assert (distances > 0).all()
    assert (np.diff(distances) < 0).all()
    assert distances[-1] <= 0.2


@pytest.mark.parametrize("k", [2, 3])
def test_the_sign_printed_in_the_abstract_diverges(k):
    law = ConnectivityThreshold(Disc(), k)
    medians = [law.median(digits * math.log(10), "paper") for digits in (3, 6, 12, 24, 48, 96, 192)]
    # Each doubling of the digits adds about as much as the one before: no limit is approached.
    assert (np.diff(medians) > 0.5).all()
    if k == 3:
        assert medians[0] == pytest.approx(13.9, abs=0.05)
        assert medians[-1] == pytest.approx(35.6, abs=0.05)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("domain", [Disc(), Square(), Torus()])
def test_half_plane_median_meets_the_exact_domain_as_n_grows(domain, k):
    law = ConnectivityThreshold(domain, k)
    gaps = [
        abs(law.median(math.log(n)) - float(law.centred(n, radius_for_connectivity(n, 0.5, domain=domain, k=k))))
        for n in (10**4, 10**6, 10**8)
    ]
    if domain.boundary == 0:
        assert max(gaps) < 1e-6
    elif isinstance(domain, Disc):
        assert gaps[0] > gaps[1] > gaps[2]
        assert gaps[-1] < 0.01
    else:
        # Corners are of relative size n^{-1/4} up to logarithms: a factor 10 over these n.
        assert gaps[0] > gaps[1] > gaps[2]
        assert gaps[-1] < gaps[0] / 4


def test_limits_have_the_derived_constants():
    assert ConnectivityThreshold(Disc(), 1).limit == LimitLaw(1.0, 0.0)
    assert ConnectivityThreshold(Torus(), 3).limit == LimitLaw(0.5, 0.0)
    two = ConnectivityThreshold(Square(5.0), 2).limit
    assert (two.interior, two.boundary) == (1.0, pytest.approx(math.sqrt(math.pi)))
    three = ConnectivityThreshold(Disc(9.0), 3).limit
    assert (three.interior, three.boundary) == (0.0, pytest.approx(math.pi / 8))


def test_only_the_sign_of_the_log_log_term_differs_between_the_variants():
    n, r = 1000, 0.06
    for k, coefficient in ((1, 0), (2, 1), (3, 3)):
        law = ConnectivityThreshold(Disc(), k)
        difference = law.centred(n, r, "paper") - law.centred(n, r)
        assert difference == pytest.approx(2 * coefficient * math.log(math.log(n)))


@given(st.floats(0, 10), st.floats(0.01, 10), st.floats(0.001, 0.999))
def test_quantile_inverts_cdf(interior, boundary, probability):
    law = LimitLaw(interior, boundary)
    assert law.cdf(law.quantile(probability)) == pytest.approx(probability, abs=1e-9)


def test_bad_questions_to_the_law_are_named():
    law = ConnectivityThreshold(Disc(), 2)
    questions = {
        "k = 0 is not a connectivity": lambda: ConnectivityThreshold(Disc(), 0),
        "k = 1.5 is not a connectivity": lambda: ConnectivityThreshold(Disc(), 1.5),
        "radius -0.1 is not a length": lambda: law.expected_isolated(10, [0.1, -0.1]),
        "radius nan is not a length": lambda: law.finite_n_cdf(10, math.nan),
        "n = 2 has no positive log log n": lambda: law.centred(2, 0.1),
        "log n = 0.5 has no positive log log n": lambda: law.median(0.5),
        '\'abstract\' is unknown; "corrected" or "paper"': lambda: law.centred(10, 0.1, "abstract"),
        "isolated pairs are counted for k = 1": lambda: law.corrected_cdf(10, 0.1),
        "probability 1.0 is not strictly between": lambda: radius_for_connectivity(10, 1.0),
        "2 points cannot be 2-connected": lambda: radius_for_connectivity(2, 0.5, k=2),
        "more points are needed": lambda: radius_for_connectivity(3, 0.99, k=2),
        "define no law": lambda: LimitLaw(0.0, 0.0),
        "2 points cannot be 2-connected; at least 3": lambda: law.simulate(2, np.random.default_rng(0)),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
