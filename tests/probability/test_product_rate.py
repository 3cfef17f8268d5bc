"""Exponents, products of linear processes and the diagnosis, against loops, closed forms and simulation."""

from __future__ import annotations

import doctest
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import product_process as process_reference
from reference import product_rate as rate_reference
from reference import rate_diagnostic as diagnostic_reference

from tendsto.probability.innovations import CentredExponential, Gaussian, Student, SymmetricPareto
from tendsto.probability.linear_process import LinearProcess, fractional_autocovariance, fractional_noise
from tendsto.probability.product_process import ProductProcess
from tendsto.probability.product_rate import MarcinkiewiczLaw, product_rate
from tendsto.probability.rate_diagnostic import block_exponent, innovations, rate_diagnostic
from tendsto.probability.tail_and_memory import memory_exponent, moments_above, short_memory, tail_index


@pytest.fixture
def rng():
    return np.random.default_rng(21)


MODULES = ["innovations", "linear_process", "product_process", "product_rate", "rate_diagnostic", "tail_and_memory"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    outcome = doctest.testmod(sys.modules[f"tendsto.probability.{name}"])
    assert outcome.attempted > 0
    assert outcome.failed == 0


# --- exponents


@given(st.lists(st.floats(0.501, 1), min_size=1, max_size=5), st.floats(1.001, 5), st.booleans())
def test_exponents_are_those_of_every_set_of_factors(decays, tail, skewed):
    law = MarcinkiewiczLaw(tuple(decays), tail, skewed)
    assert law.exponent == pytest.approx(rate_reference.exponent(decays, tail, skewed), abs=1e-12)


def test_the_two_formulas_of_the_dossier():
    for first, second, tail in ((0.6, 0.7, 1.3), (0.55, 0.6, 3.0), (0.9, 0.95, 1.5), (0.95, 1.0, 9.0)):
        expected = min(2, tail, 1 / (2 - first - second))
        assert product_rate([first, second], tail).largest_p == pytest.approx(expected)
    for decay, tail in ((0.7, 1.1), (0.7, 4.0), (0.9, 4.0)):
        assert product_rate(decay, tail, factors=3).largest_p == pytest.approx(min(2, tail, 2 / (3 - 2 * decay)))
    law = product_rate(0.6, 1.3, factors=2)
    assert law.limited_by == "memory"
    assert law.admits(1.24)
    assert not law.admits(1.25)
    assert product_rate(0.95, 1.3, factors=2).limited_by == "tail"
    assert product_rate(0.95, 4.0, factors=2).limited_by == "neither"


def test_four_factors_need_a_third_moment_for_single_ones():
    assert product_rate(0.6, factors=4, skewed=True).memory_exponent == pytest.approx(0.9)
    assert product_rate(0.6, factors=4, skewed=False).memory_exponent == pytest.approx(0.8)


# --- processes


@pytest.mark.parametrize("two_sided", [True, False])
def test_a_linear_process_is_the_sum_over_lags(rng, two_sided):
    process = LinearProcess(0.7, 6, two_sided=two_sided)
    xi = rng.standard_normal(40)
    x = process.filtered(xi)
    # x[0] is the first that sees all of its innovations: ξ_0 is its farthest.
    shift = 6
    if two_sided:
        expected = process_reference.linear(lambda k: xi[k + shift], len(x), 0.7, 6)
    else:
        expected = [
            sum(process_reference.coefficient(lag, 0.7, 6) * xi[k + shift - lag] for lag in range(7))
            for k in range(len(x))
        ]
    assert x == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("decays", [(0.6, 0.9), (0.7, 0.7), (0.6, 0.7, 1.0)])
def test_means_of_products_are_those_of_all_tuples_of_lags(decays):
    factors = tuple(LinearProcess(s, 5, CentredExponential()) for s in decays)
    expected = process_reference.mean_of_product(decays, 5, [1.0, 0.0, 1.0, 2.0])
    assert ProductProcess(factors).mean == pytest.approx(expected, rel=1e-12)


def test_products_are_centred_by_that_mean(rng):
    for count in (2, 3):
        process = ProductProcess((LinearProcess(0.9, 20, CentredExponential()),) * count)
        means = [process.centred(2000, rng).mean() for _ in range(200)]
        assert abs(np.mean(means)) < 4 * np.std(means) / math.sqrt(200)
        # Centred at twice the mean it would be seen.
        assert process.mean > 20 * np.std(means) / math.sqrt(200)


def test_gaussian_squares_have_the_variance_of_the_closed_form(rng):
    # Dossier cross-check: Var Σ (x² - E x²) = 2 Σ_ij γ(i-j)², within 5 %.
    n, process = 128, LinearProcess(0.8, 128)
    gamma = process.autocovariance(n)
    exact = 2 * (n * gamma[0] ** 2 + 2 * ((n - np.arange(1, n)) * gamma[1:] ** 2).sum())
    x = process.simulate(n, rng, series=16_000)
    assert np.var((x**2).sum(axis=1)) == pytest.approx(exact, rel=0.05)


def test_independent_pareto_sums_scale_like_their_stable_law(rng):
    sums = {n: np.median(np.abs(SymmetricPareto(1.5).sample((4000, n), rng).sum(axis=1))) for n in (64, 1024)}
    assert np.log(sums[1024] / sums[64]) / np.log(16) == pytest.approx(1 / 1.5, abs=0.05)


@pytest.mark.parametrize("innovation", [Gaussian(), CentredExponential(), SymmetricPareto(8.0), Student(9.0)])
def test_innovations_have_their_moments_and_tail(innovation):
    x = innovation.sample((400_000,), np.random.default_rng(3))
    assert x.mean() == pytest.approx(0, abs=0.01)
    assert x.var() == pytest.approx(innovation.variance, rel=0.03)
    assert (x**3).mean() == pytest.approx(innovation.skewness, abs=0.12)
    if isinstance(innovation, SymmetricPareto):
        assert (np.abs(x) > 2).mean() == pytest.approx(2**-8.0, rel=0.1)


@pytest.mark.parametrize("d", [-0.3, 0.0, 0.4])
def test_fractional_noise_has_its_covariances_at_every_lag(rng, d):
    x = fractional_noise(48, d, rng, series=40_000)
    assert x.mean() == pytest.approx(0, abs=0.05)
    gamma = fractional_autocovariance(d, 48)
    for lag in (0, 1, 5, 47):
        assert (x[:, 0] * x[:, lag]).mean() == pytest.approx(gamma[lag], abs=0.03)
    # (1 - B)^{-d} filter: γ(h) = Σ_j ψ_j ψ_{j+h}, ψ_j = ψ_{j-1} (j - 1 + d) / j.
    j = np.arange(1, 200_000)
    psi = np.concatenate([[1.0], np.cumprod((j - 1 + d) / j)])
    if d < 0.2:
        assert gamma[3] == pytest.approx(float(psi[:-3] @ psi[3:]), abs=1e-4)


# --- estimates and diagnosis


def test_tail_and_memory_are_those_of_the_definitions(rng):
    x = rng.standard_t(3, 300)
    assert tail_index(x, count=40).value == pytest.approx(diagnostic_reference.hill(x.tolist(), 40), rel=1e-12)
    y = fractional_noise(300, 0.3, rng)
    grid = np.linspace(-0.5, 1, 1501)
    expected = diagnostic_reference.local_whittle(y.tolist(), range(2, 22), grid.tolist())
    assert memory_exponent(y, lowest=2, count=20).value == pytest.approx(expected, abs=1e-3)
    part = rng.standard_normal(8192)
    expected = np.mean([diagnostic_reference.block_slope(p.tolist()) for p in np.array_split(part, 8)])
    assert block_exponent(part).value == pytest.approx(expected, rel=1e-10)


def test_innovations_of_an_autoregression_are_recovered(rng):
    xi = rng.standard_normal(20_000)
    x = np.zeros_like(xi)
    for k in range(1, len(x)):
        x[k] = 0.8 * x[k - 1] + xi[k]
    assert np.corrcoef(innovations(x), xi[30:])[0, 1] > 0.995


@pytest.mark.parametrize(("tail", "decay", "limited"), [(2.6, 0.95, "tail"), (8, 0.6, "memory"), (8, 0.95, "neither")])
def test_the_diagnosis_tells_what_limits_a_series(rng, tail, decay, limited):
    process = LinearProcess(decay, 2**16, SymmetricPareto(tail))
    found = [rate_diagnostic(process.simulate(2**14, rng)) for _ in range(5)]
    assert [f.limited_by for f in found].count(limited) >= 4
    assert all(f.agrees for f in found)


def test_an_autocovariance_is_diagnosed_and_pandas_goes_in(rng):
    pd = pytest.importorskip("pandas")
    x = pd.Series(fractional_noise(2**13, 0.45, rng), index=pd.date_range("1990", periods=2**13))
    found = rate_diagnostic(x, lag=3)
    assert found.limited_by == "memory"
    assert found.largest_p.low <= 1 / found.predicted.value <= found.largest_p.high
    assert {a.answer for a in found.assumptions()} <= {"holds", "unknown"}


def test_a_random_walk_has_no_rate(rng):
    found = rate_diagnostic(np.cumsum(rng.standard_normal(4096)))
    assert found.assumptions()[1].answer == "fails"


def test_a_mixture_of_two_regimes_is_not_what_the_model_says(rng):
    # A level that jumps: block sums grow linearly, which no short memory explains; memory is seen in its place.
    x = rng.standard_normal(8192) + 5 * (np.arange(8192) > 4096)
    assert rate_diagnostic(x).limited_by == "memory"


def test_bad_questions_are_named(rng):
    x = rng.standard_normal(2000)
    questions = {
        "no decay is given": lambda: MarcinkiewiczLaw(()),
        "are not all numbers": lambda: MarcinkiewiczLaw((math.nan,)),
        "decay in .* fails: 0.5 is outside": lambda: product_rate(0.5).exponent,
        "decay in .* fails: 1.2 is outside": lambda: product_rate(1.2).largest_p,
        "product tail above 1 fails: the tail index is 0.9": lambda: product_rate(0.7, 0.9).limited_by,
        "p = 3 is not in": lambda: product_rate(0.7).admits(3),
        "2 decays and 3 copies": lambda: product_rate([0.7, 0.8], factors=3),
        "factors = 0 make no product": lambda: product_rate(0.7, factors=0),
        "decay 0.5 leaves no variance": lambda: LinearProcess(0.5, 10),
        "cutoff 0 is no lag": lambda: LinearProcess(0.7, 0),
        "4 factors have no mean": lambda: ProductProcess((LinearProcess(0.7, 10),) * 4),
        "differ in cutoff": lambda: ProductProcess((LinearProcess(0.7, 10), LinearProcess(0.7, 11))),
        "tail 1.0 leaves no mean": lambda: SymmetricPareto(1.0),
        "tail 0.5 leaves no mean": lambda: Student(0.5),
        "d = 0.5 is no exponent": lambda: fractional_noise(10, 0.5, rng),
        "the series is empty": lambda: rate_diagnostic([]),
        "the series is constant at 2": lambda: rate_diagnostic([2.0] * 2000),
        "the series has 500 values; growth": lambda: rate_diagnostic(x[:500]),
        "factors = 4 is not": lambda: rate_diagnostic(x, factors=4),
        "lag 1 with 3 factors": lambda: rate_diagnostic(x, factors=3, lag=1),
        "not 2 columns": lambda: rate_diagnostic(np.stack([x, x], 1)),
        "50 exceedances cannot be had from 20": lambda: tail_index(x[:20], count=50),
        "tell no memory": lambda: memory_exponent(x[:20], lowest=8),
        "10 values are too few": lambda: block_exponent(x[:10]),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()


def test_assumptions_of_one_series(rng):
    assert moments_above(2.0, rng.standard_normal(2000)).answer == "holds"
    assert moments_above(2.0, rng.standard_t(1.2, 5000)).answer == "fails"
    assert short_memory(fractional_noise(5000, 0.4, rng)).answer == "fails"
    assert short_memory(rng.standard_normal(10)).answer == "unknown"
