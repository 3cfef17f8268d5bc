"""Local times against the walk jump by jump, Ray-Knight, the isomorphism with the Gaussian field, and covering sets."""

from __future__ import annotations

import doctest
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import local_times as reference
from reference import metric_entropy as entropy_reference
from scipy import stats

from tendsto.core.random import Random
from tendsto.probability import local_times, metric_entropy
from tendsto.probability.distance import dkw_band, kolmogorov
from tendsto.probability.local_times import (
    StarLimit,
    gaussian_field,
    inverse_laplace_functional,
    local_time_cdf,
    local_time_survival,
    simulate_local_times,
)
from tendsto.probability.metric_entropy import (
    LocalTimeLimit,
    covering_number,
    entropy_sum,
    metric_entropy_condition,
)
from tendsto.probability.network_models import gasket, path, star
from tendsto.probability.resistance_network import ResistanceNetwork

RNG = Random(0, backend="numpy")
NETWORK = ResistanceNetwork(
    [(0, 1), (1, 2), (2, 0), (2, 3)], [1.0, 0.5, 2.0, 1.5], measure=[1.0, 0.2, 3.0, 0.5], root=1
)


@pytest.mark.parametrize("module", [local_times, metric_entropy])
def test_examples_run(module):
    outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("resistance", [0.05, 0.7, 3.0])
def test_law_at_a_vertex_equals_its_series(resistance):
    for at in (-0.5, 0.0, 0.3, 1.0, 2.5):
        expected = reference.local_time_cdf(1.0, resistance, at)
        assert local_time_cdf(1.0, resistance, at) == pytest.approx(expected, abs=1e-13)
    assert local_time_survival(1.0, resistance, 0.0) == pytest.approx(1 - math.exp(-1 / resistance), rel=1e-12)


def test_walk_has_the_law_of_the_walk_jump_by_jump():
    level, runs = 0.8, 1500
    found = simulate_local_times(NETWORK, level, runs, RNG)
    rng = random.Random(0)
    edges = [tuple(e) for e in NETWORK.edges.tolist()]
    literal = np.array(
        [
            reference.walk(edges, NETWORK.conductances.tolist(), NETWORK.measure.tolist(), 1, level, rng)
            for _ in range(runs)
        ]
    )
    assert (found[:, 1] == level).all()
    for x in (0, 2, 3):
        # The band of two samples; the literal walk knows the measure, the fast one need not.
        apart = stats.ks_2samp(found[:, x], literal[:, x]).statistic
        assert apart < 1.95 * math.sqrt(2 / runs)
        law = [kolmogorov(s[s[:, x] > 0, x], lambda b, x=x: _positive(level, x, b)) for s in (found, literal)]
        assert max(law) < dkw_band(int(0.5 * runs), 0.999)
    assert (found.mean(axis=0)) == pytest.approx(level, abs=0.2)


def _positive(level, x, b):
    r = NETWORK.resistance(1, x)
    atom = math.exp(-level / r)
    return (local_time_cdf(level, r, b) - atom) / (1 - atom)


def test_ray_knight_on_a_path():
    line = path(10, 1.0)
    times = simulate_local_times(line, 1.0, 2000, RNG)
    for x in (2, 10):
        positive = times[times[:, x] > 0, x]
        r = x / 10
        # BESQ(0) at time r: (r/2) χ'² of non-centrality 2ℓ/r and of zero degrees of freedom, here 1e-9.
        cdf = stats.ncx2(1e-9, 2 / r).cdf
        assert abs((times[:, x] == 0).mean() - math.exp(-1 / r)) < 0.04
        grid = np.array([0.2, 0.8, 1.7])
        assert local_time_cdf(1.0, r, grid) == pytest.approx(cdf(2 * grid / r), abs=1e-6)
        assert positive.size > 100
        covariance = np.cov(times[:, 2], times[:, x])[0, 1]
        # Cov(L(x), L(y)) = 2 ℓ min(x, y).
        assert covariance == pytest.approx(0.4, abs=0.12)


def test_isomorphism_exactly_in_laplace_transforms():
    rng = np.random.default_rng(0)
    for network in (NETWORK, gasket(2), path(6)):
        theta, level = rng.uniform(0.1, 2, network.size), 0.7
        g = network.green(network.root)
        left = inverse_laplace_functional(network, theta, level)
        # ½(G + √2u)² against θ: the determinant is that of ½G², the exponent -u 1ᵀ (θ^{-1} + G)^{-1} 1.
        exponent = np.ones(network.size) @ np.linalg.solve(np.diag(1 / theta) + g, np.ones(network.size))
        assert left == pytest.approx(math.exp(-level * exponent), rel=1e-10)


def test_isomorphism_in_samples_and_not_without_the_field():
    network, level, runs = gasket(1), 0.5, 3000
    times = simulate_local_times(network, level, runs, RNG)
    field, other = gaussian_field(network, runs, RNG), gaussian_field(network, runs, RNG.fork("other"))
    left, right = times + field**2 / 2, (other + math.sqrt(2 * level)) ** 2 / 2
    band = 1.95 * math.sqrt(2 / runs)
    assert stats.ks_2samp(left.max(axis=1), right.max(axis=1)).statistic < band
    assert stats.ks_2samp(left[:, 4], right[:, 4]).statistic < band
    assert stats.ks_2samp(times[:, 4], right[:, 4]).statistic > 2 * band
    assert np.cov(other.T) == pytest.approx(network.green(0), abs=0.15)


def test_star_has_the_law_of_its_tips():
    law, level, resistance = StarLimit(1.0, 0.25), 1.0, 0.1
    legs = round(math.exp(2.5))
    sample = law.largest_tip_sample(level, resistance, 2000, RNG)
    expected = [reference.local_time_cdf(level, resistance, b) ** legs for b in (0.5, 1.5, 2.5)]
    exact = [float(np.exp(legs * np.log(local_time_cdf(level, resistance, b)))) for b in (0.5, 1.5, 2.5)]
    assert exact == pytest.approx(expected, abs=1e-12)
    assert [float((sample <= b).mean()) for b in (0.5, 1.5, 2.5)] == pytest.approx(expected, abs=0.05)
    walked = simulate_local_times(star(legs, resistance), level, 1000, RNG)[:, 1:].max(axis=1)
    assert stats.ks_2samp(walked, sample).statistic < 1.95 * math.sqrt(1 / 1000 + 1 / 2000)
    assert law.largest_tip_mean(level, resistance) == pytest.approx(sample.mean(), abs=0.05)


def test_star_limits_and_their_hypothesis():
    assert StarLimit(1.0, 0.25).largest_tip_limit(1.0) == pytest.approx(2.25)
    assert StarLimit(2.0, 1.0).largest_tip_limit(1.0) == 1.0
    assert StarLimit(1.0, 0.25).largest_tip_mean(1.0, 0.05) == pytest.approx(1.99, abs=0.01)
    answers = {power: StarLimit(power, 1.0).assumptions()[1].answer for power in (1.0, 2.0, 2.5)}
    assert answers == {1.0: "fails", 2.0: "fails", 2.5: "holds"}
    assert StarLimit(2.5, 1.0).limit(3.0) == 3.0
    with pytest.raises(ValueError, match=r"metric entropy condition fails: at covering radius .* explodes"):
        StarLimit(2.0, 1.0).limit(1.0)


@pytest.mark.parametrize(("power", "rises"), [(1.0, True), (1.5, True), (3.0, False)])
def test_entropy_term_of_stars_goes_as_the_witness_says(power, rises):
    law = StarLimit(power, 1.0)
    # At k with 2^-k just below ε all N tips need balls of their own.
    terms = [2 * law.log_legs(2.0**-k) - 2.0 ** (0.45 * k) for k in range(10, 60, 10)]
    assert (np.diff(terms) > 0).all() if rises else (np.diff(terms) < 0).all()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7, unique=True), st.integers(1, 8)
)
def test_covering_number_lies_within_its_bounds(points, radius):
    places = np.array(points, dtype=float)
    distances = np.abs(places[:, None] - places[None]).sum(axis=-1)
    low, high = covering_number(distances, radius)
    assert low <= entropy_reference.covering_number(distances.tolist(), radius) <= high


def test_entropy_sum_term_by_term():
    logs = [math.log(3 * 2.0**k) for k in range(2, 30)]
    expected = entropy_reference.entropy_sum(lambda eps: 3 / eps, 0.3, 2, 29)
    assert entropy_sum(logs, 0.3, 2) == pytest.approx(expected, rel=1e-12)
    assert entropy_sum([1000.0], 0.3, 0) == math.inf


def test_gaskets_meet_the_condition_with_their_dimension():
    networks = [gasket(n, scaled=True) for n in (1, 2, 3, 4)]
    dimension = math.log(3) / math.log(5 / 3)
    holds = LocalTimeLimit(networks, covering=(3.0, dimension), converges=True)
    assert [a.answer for a in holds.assumptions()] == ["holds"] * 3
    assert [a.answer for a in LocalTimeLimit(networks).assumptions()] == ["unknown"] * 3
    values = holds.functionals([n.measure for n in networks], killed=[1, 2])
    steps = np.abs(np.diff(values))
    assert (steps[1:] < steps[:-1] / 1.5).all()
    table = holds.functionals([np.stack([n.measure, 2 * n.measure]) for n in networks], killed=[1, 2])
    assert table[:, 0] == pytest.approx(values)
    # A dimension that is too small is found out by the networks, and the theorem refused.
    wrong = LocalTimeLimit(networks, covering=(1.0, 0.5), converges=True)
    assert wrong.assumptions()[2].answer == "fails"
    with pytest.raises(ValueError, match=r"metric entropy condition fails: network .* needs at least"):
        wrong.functionals([n.measure for n in networks], killed=[1, 2])


def test_bad_questions_are_named():
    line = path(3)
    questions = {
        "must both be positive": lambda: local_time_survival(0.0, 1.0, 1.0),
        "use a positive level and at least one run": lambda: simulate_local_times(line, 1.0, 0, RNG),
        "level -1.0 must be positive": lambda: inverse_laplace_functional(line, np.ones(4), -1.0),
        "power 0.5, scale 1.0": lambda: StarLimit(0.5, 1.0),
        "too many to draw one by one": lambda: StarLimit(1.0, 1.0).largest_tip_sample(1.0, 0.01, 1, RNG),
        "radius 0 covers nothing": lambda: covering_number(line, 0),
        "alpha = 0.5 is outside": lambda: metric_entropy_condition([line], 0.5),
        "no networks were given": lambda: metric_entropy_condition([], 0.25),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
