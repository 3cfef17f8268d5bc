"""Inference on series that never settle, against n × n matrices, loops, statsmodels and simulation."""

from __future__ import annotations

import doctest
import sys

import numpy as np
import pytest
from reference import change_test as change_reference
from reference import multipliers as multiplier_reference
from reference import relative_clt as reference
from reference import trend_band as band_reference

from tendsto.atlas.probability._nonstationary import Autoregression, Drifting, LongMemory
from tendsto.probability.change_test import change_test
from tendsto.probability.innovations import Student
from tendsto.probability.multipliers import (
    GaussianLaw,
    block_multipliers,
    default_block,
    multiplier_law,
    partial_sum_draws,
)
from tendsto.probability.relative_clt import RelativeCLT, mean_interval
from tendsto.probability.series import read_series
from tendsto.probability.trend_band import smoothing_weights, trend_band


@pytest.fixture
def rng():
    return np.random.default_rng(12)


@pytest.mark.parametrize("name", ["multipliers", "relative_clt", "trend_band", "change_test", "series"])
def test_examples_run(name):
    outcome = doctest.testmod(sys.modules[f"tendsto.probability.{name}"])
    assert outcome.attempted > 0
    assert outcome.failed == 0


# --- multipliers


@pytest.mark.parametrize("block", [1, 2, 7, 40])
def test_multipliers_are_the_moving_averages_of_their_normals(block):
    n, draws = 40, 3
    normals = np.random.default_rng(5).standard_normal((draws, n + block - 1))
    expected = [multiplier_reference.moving_average(list(z), n, block) for z in normals]
    assert block_multipliers(n, block, draws, np.random.default_rng(5)) == pytest.approx(np.array(expected), abs=1e-12)


def test_multipliers_have_variance_one_and_the_triangular_covariance_at_the_ends_too(rng):
    v = block_multipliers(12, 5, 200_000, rng)
    expected = [[multiplier_reference.kernel(i - j, 5) for j in range(12)] for i in range(12)]
    assert np.cov(v.T, bias=True) == pytest.approx(np.array(expected), abs=0.02)


@pytest.mark.parametrize("block", [1, 3, 20])
@pytest.mark.parametrize("piece", [1 << 19, 8])
def test_the_law_of_weighted_sums_is_the_double_sum_however_it_is_cut_into_pieces(rng, monkeypatch, block, piece):
    monkeypatch.setattr("tendsto.probability.multipliers._PIECE", piece)
    c = rng.standard_normal((50, 3))
    expected = np.array(multiplier_reference.covariance(c.tolist(), block))
    assert multiplier_law(c, block).covariance == pytest.approx(expected, abs=1e-11)
    assert multiplier_law(lambda rows: c[rows], block, 50).covariance == pytest.approx(expected, abs=1e-11)


def test_drawn_partial_sums_are_the_loops_and_end_in_the_law(rng):
    e = rng.standard_normal(30)
    pieces = np.concatenate(list(partial_sum_draws(e, 4, 5, np.random.default_rng(1))))
    multipliers = block_multipliers(30, 4, 5, np.random.default_rng(1))
    expected = [multiplier_reference.partial_sums(list(v), list(e)) for v in multipliers]
    assert pieces == pytest.approx(np.array(expected), abs=1e-12)
    ends = np.concatenate([p[:, -1] for p in partial_sum_draws(e, 4, 20_000, rng)])
    assert ends.std() == pytest.approx(multiplier_law(e, 4).sd[0] / np.sqrt(30), rel=0.02)


def test_memory_is_bounded_whatever_the_number_of_draws():
    pieces = partial_sum_draws(np.ones(100_000), 93, 10**9, np.random.default_rng(0))
    assert next(pieces).nbytes < 1 << 23


def test_a_singular_law_is_drawn_and_its_dead_components_left_out(rng):
    law = GaussianLaw(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    drawn = law.sample(1000, rng)
    assert drawn[:, 0] == pytest.approx(drawn[:, 1], abs=1e-7)
    assert np.quantile(law.maximum(50_000, rng), 0.95) == pytest.approx(1.96, abs=0.03)


# --- the variance of a mean


@pytest.mark.parametrize("block", [1, 5, 16])
def test_the_bootstrap_variance_of_the_mean_is_newey_wests(rng, block):
    x = Autoregression(0.6).sample(200, 1, rng)[0]
    found = RelativeCLT(x, block, variant="paper").law().covariance[0, 0] * len(x)
    assert found == pytest.approx(multiplier_reference.bartlett(x.tolist(), block), abs=1e-10)
    sandwich = pytest.importorskip("statsmodels.stats.sandwich_covariance")
    residuals = (x - x.mean())[:, None]
    assert found == pytest.approx(float(np.squeeze(sandwich.S_hac_simple(residuals, nlags=block - 1))) / 200, abs=1e-10)


@pytest.mark.parametrize("bandwidth", [None, 0.25])
def test_weighted_means_have_the_variance_of_the_matrices(rng, bandwidth):
    x, weights = rng.standard_normal(80) + np.linspace(0, 2, 80), rng.random((3, 80))
    plain = RelativeCLT(x, 5, bandwidth, "paper")
    expected = reference.covariance(x, weights, 5, bandwidth)
    assert plain.law(weights).covariance == pytest.approx(expected, rel=1e-10)
    corrected = RelativeCLT(x, 5, bandwidth)
    share = reference.centring_of_the_mean(80, 5) if bandwidth is None else reference.centring_inside(80, 5, bandwidth)
    assert corrected.centring == pytest.approx(share, rel=1e-10)
    assert corrected.law(weights).covariance == pytest.approx(expected / share, rel=1e-10)


def test_degrees_of_freedom_are_satterthwaites(rng):
    x = rng.standard_normal(400)
    smooth = smoothing_weights(400, np.array([200]), 0.3)
    for weights in (np.full((1, 400), 1 / 400), smooth):
        expected = reference.degrees(x, weights[0], 8, None)
        # The library takes w_i w_{i+h} for w_i² within a window.
        assert RelativeCLT(x, 8).degrees(weights)[0] == pytest.approx(expected, rel=0.03)
    assert np.isinf(RelativeCLT(x, 8, variant="paper").degrees()[0])


def test_the_correction_vanishes_as_n_grows(rng):
    gaps = []
    for n in (500, 5000, 50_000):
        x = rng.standard_normal(n)
        wide = [mean_interval(x, variant=v).high - mean_interval(x, variant=v).low for v in ("corrected", "paper")]
        gaps.append(wide[0] / wide[1] - 1)
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[2] < 0.01


def test_exact_deviations_of_the_series_of_the_card():
    for n in (1, 2, 60):
        covariance = reference.autoregression_covariance(*Drifting().coefficients(n))
        assert Drifting().deviation(n) == pytest.approx(np.sqrt(covariance.sum() / n), rel=1e-12)
    # The dossier's correction: an independent computation of the process as printed.
    assert Drifting().deviation(500) == pytest.approx(1.0488, abs=5e-5)
    assert Drifting().deviation(2000) == pytest.approx(2.4237, abs=5e-5)


def test_several_columns_share_their_multipliers(rng):
    x = rng.standard_normal((300, 1))
    both = mean_interval(np.hstack([x, -x]))
    alone = mean_interval(x[:, 0])
    # Two columns of which one determines the other are no harder than one.
    assert (both.high - both.low) == pytest.approx(alone.high - alone.low, rel=0.05)
    apart = mean_interval(np.hstack([x, rng.standard_normal((300, 1))]))
    assert apart.high[0] - apart.low[0] > 1.08 * (alone.high - alone.low)


def test_weights_pick_a_stretch_of_the_series(rng):
    x = np.where(np.arange(600) < 300, 0.0, 2.0) + rng.standard_normal(600)
    halves = np.array([[1 / 300] * 300 + [0] * 300, [0] * 300 + [1 / 300] * 300])
    found = mean_interval(x, weights=halves, bandwidth=0.1)
    assert found.estimate.shape == (2,)
    assert (found.low < [0, 2]).all()
    assert (found.high > [0, 2]).all()
    assert found.high[0] < found.low[1]


def test_rows_of_one_over_k_give_a_band_for_the_running_mean(rng):
    n, stops = 600, np.arange(60, 601, 20)
    rows = np.where(np.arange(n) < stops[:, None], 1 / stops[:, None], 0.0)
    series = Drifting().sample(n, 60, rng)
    inside = [mean_interval(x, weights=rows, refuse=False, draws=500) for x in series]
    covered = sum(bool(((b.low <= 0) & (b.high >= 0)).all()) for b in inside)
    # Each interval by itself is narrower, and all of them hold at once more seldom.
    single = [mean_interval(x, weights=rows[0], refuse=False) for x in series]
    assert all(b.high[0] > s.high for b, s in zip(inside, single, strict=True))
    assert covered >= 50


# --- bands and tests


def test_the_band_is_that_of_drawn_multipliers(rng):
    n, block = 120, 5
    x = Drifting().sample(n, 1, rng)[0]
    found = trend_band(x, bandwidth=0.25, points=11, block=block, variant="paper", refuse=False, draws=20_000)
    estimate, low, _high = band_reference.band(
        x, found.positions, 0.25, block, rng.standard_normal((4000, n)), confidence=0.95
    )
    assert found.estimate == pytest.approx(estimate, abs=1e-10)
    # Two samples of a quantile: 20,000 and 4,000 draws.
    assert estimate - found.low == pytest.approx(estimate - low, rel=0.04)


def test_the_band_covers_a_drifting_series_and_the_published_one_too_seldom(rng):
    n = 1000
    mu = np.sin(2 * np.pi * np.arange(n) / n)
    covered = {"corrected": 0, "paper": 0}
    for k, x in enumerate(Drifting().sample(n, 60, rng) + mu):
        for variant in ("corrected", "paper"):
            band = trend_band(x, variant=variant, refuse=False, draws=500, rng=k)
            covered[variant] += band.covers(mu[band.positions])
    assert covered["corrected"] >= 52
    assert covered["paper"] < covered["corrected"]


def test_the_cusum_test_is_that_of_the_loops(rng):
    x = rng.standard_normal(50)
    found = change_test(x, block=3, draws=99, rng=4)
    statistic, position = change_reference.cusum(x.tolist())
    multipliers = block_multipliers(50, 3, 99, np.random.default_rng(4))
    assert found.statistic == pytest.approx(statistic, rel=1e-12)
    assert found.position == position
    assert found.pvalue == pytest.approx(change_reference.pvalue(x.tolist(), multipliers.tolist()), abs=1e-12)


def test_a_change_of_law_at_the_same_mean_is_seen_by_indicators_only(rng):
    x = rng.standard_normal(600)
    x[300:] *= 4
    assert change_test(x, draws=300).pvalue > 0.01
    found = change_test(x, of="distribution", draws=300)
    assert found.pvalue < 0.01
    assert abs(found.position - 300) < 60


def test_the_test_keeps_its_level_where_only_the_variance_drifts(rng):
    sample = Drifting().sample(800, 100, rng)
    rejected = sum(change_test(x, draws=200, rng=k, refuse=False).pvalue <= 0.05 for k, x in enumerate(sample))
    assert rejected <= 11


# --- pandas


def test_pandas_goes_in_and_comes_out(rng):
    pd = pytest.importorskip("pandas")
    days = pd.date_range("2020-01-01", periods=300)
    series = pd.Series(rng.standard_normal(300), index=days, name="x")
    band = trend_band(series)
    frame = band.to_frame()
    assert list(frame.columns) == ["estimate", "low", "high"]
    assert (frame.index == days[band.positions]).all()
    assert frame["low"].to_numpy() == pytest.approx(trend_band(series.to_numpy()).low, rel=0)
    table = pd.DataFrame({"a": series, "b": rng.standard_normal(300)})
    assert list(mean_interval(table).to_frame().index) == ["a", "b"]
    assert trend_band(table).to_frame()["b", "high"].shape == (101,)
    series.iloc[200:] += 3
    found = change_test(series, draws=200)
    assert abs((found.time - days[200]).days) < 5


# --- assumptions


def test_each_broken_hypothesis_is_refused_with_its_witness(rng):
    heavy = Autoregression(0.5, Student(1.5)).sample(2000, 1, rng)[0]
    with pytest.raises(ValueError, match=r"moments above 2 fails: the tail index is 1\.\d+ .*Hill"):
        mean_interval(heavy)
    with pytest.raises(ValueError, match="short memory fails: the memory exponent d is 0"):
        mean_interval(LongMemory(0.4).sample(4000, 1, rng)[0])
    dependent = Autoregression(0.7).sample(2000, 1, rng)[0]
    with pytest.raises(ValueError, match=r"window growing, below √n fails: values m = 1 apart are correlated"):
        trend_band(dependent, block=1)
    assert trend_band(dependent, block=1, refuse=False).assumptions[2].answer == "fails"
    assert RelativeCLT(dependent, block=600).assumptions()[2].answer == "fails"
    assert RelativeCLT(dependent, block=60).assumptions()[2].answer == "unknown"
    assert [a.answer for a in RelativeCLT(dependent).assumptions()].count("fails") == 0


def test_a_trend_left_in_is_told_and_removed_by_a_bandwidth(rng):
    x = 3 * np.sin(np.arange(1000) / 200) + rng.standard_normal(1000)
    with pytest.raises(ValueError, match="a trend is left that a bandwidth would remove"):
        mean_interval(x)
    assert mean_interval(x, bandwidth=0.1).standard_error == pytest.approx(1000**-0.5, rel=0.3)


def test_bad_questions_are_named():
    x = np.random.default_rng(0).standard_normal(100)
    gap = x.copy()
    gap[7] = np.nan
    questions = {
        "the series is empty; at least 20": lambda: trend_band([]),
        "the series has 5 values; at least 20": lambda: mean_interval(x[:5]),
        "the series is constant at 3": lambda: change_test([3.0] * 40),
        "the series is nan at position 7": lambda: mean_interval(gap),
        r"shape \(2, 3, 4\)": lambda: read_series(np.zeros((2, 3, 4))),
        "block 0 is no window": lambda: mean_interval(x, block=0),
        "block 1.5 is no window": lambda: block_multipliers(10, 1.5, 1, np.random.default_rng(0)),
        "bandwidth 0.7 is not above": lambda: mean_interval(x, bandwidth=0.7),
        "block 30 is too long for residuals from means over 21 values": lambda: trend_band(x, bandwidth=0.1, block=30),
        "points = 1 is no grid": lambda: trend_band(x, points=1),
        "bandwidth 0.5 leaves no place": lambda: trend_band(x, bandwidth=0.5),
        "confidence 1.5 is not strictly": lambda: mean_interval(x, confidence=1.5),
        r"weights of shape \(3,\) do not fit 100": lambda: mean_interval(x, weights=[1, 2, 3]),
        "variant 'other' is unknown": lambda: mean_interval(x, variant="other"),
        "of = 'median' is unknown": lambda: change_test(x, of="median"),
        "draws = 0 give no p-value": lambda: change_test(x, draws=0),
        "thresholds = 0 tell no law apart": lambda: change_test(x, of="distribution", thresholds=0),
        "in one series, not in 2 columns": lambda: change_test(np.stack([x, x], 1), of="distribution"),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
    with pytest.raises(TypeError, match="real numbers are needed"):
        mean_interval(["a"] * 30)


def test_the_default_window_grows_more_slowly_than_the_root():
    assert [default_block(n) for n in (20, 1000, 10**6)] == [6, 20, 200]
