from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tendsto.core.rate import Rate, fit_rate
from tendsto.core.rate_choice import NO_CAUTION, Caution
from tendsto.core.rate_families import KINDS

K = np.arange(1.0, 201.0)
LAWS = {
    "linear": (3 * 0.97**K, 0.97),
    "power": (3 * K**-0.7, 0.7),
    "power-floor": (3 / K + 0.1, 1.0),
    "exponential-floor": (3 * 0.95**K + 0.1, 0.95),
    "log-power": (3 * np.log(K) * K**-1.2, 1.2),
}


def headline(rate: Rate) -> float:
    return rate.factor if rate.kind in ("linear", "exponential-floor") else rate.order


def noisy(curve: np.ndarray, noise: str, seeds: int, rng: np.random.Generator) -> np.ndarray:
    points = rng.standard_normal((seeds, curve.size))
    if noise == "additive":
        return curve + 0.04 * points
    return curve * np.exp(0.2 * points + 0.3 * rng.standard_normal((seeds, 1)))


@pytest.mark.parametrize("noise", ["multiplicative", "additive"])
@pytest.mark.parametrize("kind", list(LAWS))
def test_interval_covers_the_truth(kind: str, noise: str) -> None:
    """The reduced form of benchmarks/rates.py: 60 draws at 95 % cover in fewer than 50 with probability 1e-4."""
    curve, truth = LAWS[kind]
    rng = np.random.default_rng(0)
    rates = [fit_rate(K, noisy(curve, noise, 10, rng)) for _ in range(60)]
    chosen = [rate for rate in rates if rate.kind == kind]
    assert len(chosen) >= 50
    covered = np.mean([rate.interval[0] <= truth <= rate.interval[1] for rate in chosen])
    assert covered >= 50 / 60
    # An interval that covers by being too wide would not be one.
    assert np.median([np.ptp(rate.interval) for rate in chosen]) < 0.25


@pytest.mark.parametrize("kind", list(LAWS))
def test_exact_single_curve(kind: str) -> None:
    curve, truth = LAWS[kind]
    rate = fit_rate(K, curve)
    assert rate.kind == kind
    assert headline(rate) == pytest.approx(truth, rel=1e-4)
    assert np.isnan(rate.interval).all()
    inside = rate.used[0] <= K
    np.testing.assert_allclose(rate.predict(K)[inside], curve[inside], rtol=1e-3)


@pytest.mark.parametrize(("order", "records"), [(2.0, 6), (2.0, 8), (1.618, 7), (3.0, 6)])
def test_superlinear_from_one_exact_run(order: float, records: int) -> None:
    """As few records as a Newton or secant iteration leaves; the first, at k = 0, has no logarithm."""
    k = np.arange(float(records))
    rate = fit_rate(k, 0.9 ** (order**k))
    assert rate.kind == "superlinear"
    assert rate.order == pytest.approx(order, rel=1e-4)
    np.testing.assert_allclose(rate.predict(k), 0.9 ** (order**k), rtol=1e-3)


def test_superlinear_with_noise() -> None:
    k = np.arange(1.0, 13.0)
    rng = np.random.default_rng(8)
    rates = [fit_rate(k, 0.9 ** (1.5**k) * np.exp(0.1 * rng.standard_normal((10, 12)))) for _ in range(60)]
    chosen = [rate for rate in rates if rate.kind == "superlinear"]
    assert len(chosen) >= 55
    assert np.mean([rate.interval[0] <= 1.5 <= rate.interval[1] for rate in chosen]) >= 50 / 60


# few points ---------------------------------------------------------------------------------------------------------

WALK = 2.0 ** np.arange(5, 15)


def walks(curve: np.ndarray, seeds: int, draws: int) -> list[Rate]:
    """Fits of |error| of normal errors of size `curve`, drawn anew at each of the ten indices, as `limit` has them."""
    rng = np.random.default_rng(9)
    return [fit_rate(WALK, curve * np.abs(rng.standard_normal((seeds, WALK.size)))) for _ in range(draws)]


def test_ten_points_of_a_power_law_are_not_told_as_another() -> None:
    """Chosen in 38 of 60 draws, and log-power in 13, when the laws compete as they do with many points."""
    rates = walks(WALK**-0.5, 20, 60)
    assert [rate.kind for rate in rates].count("power") >= 57
    assert np.mean([rate.interval[0] <= 0.5 <= rate.interval[1] for rate in rates]) >= 50 / 60


def test_a_law_left_possible_is_named() -> None:
    named = [rate for rate in walks(np.log(WALK) / WALK, 20, 30) if "log-power" in rate.possible]
    assert len(named) >= 20
    assert "log-power" in str(named[0]).split("of resamples")[1]
    assert "log-power" in named[0].reason
    assert not fit_rate(K, LAWS["power"][0]).possible


def test_few_points_tell_an_elaborate_law_on_strong_evidence() -> None:
    rng = np.random.default_rng(10)
    floor = [fit_rate(WALK, noisy(32 / WALK + 0.05, "multiplicative", 10, rng)).kind for _ in range(20)]
    assert floor.count("power-floor") >= 18
    quiet = np.log(WALK) / WALK * np.exp(0.02 * rng.standard_normal((10, WALK.size)))
    assert fit_rate(WALK, quiet).kind == "log-power"


def test_few_points_that_cannot_tell_power_from_linear_are_not_enough_evidence() -> None:
    """Even indices under one decade."""
    k = np.arange(10.0, 70.0, 10.0)
    rng = np.random.default_rng(11)
    rates = [fit_rate(k, k**-0.5 * np.abs(rng.standard_normal((20, k.size)))) for _ in range(30)]
    assert [rate.kind for rate in rates].count("none") >= 25
    assert any("cannot be told from" in rate.reason for rate in rates)


def test_few_points_that_no_law_fits_are_not_enough_evidence() -> None:
    """Two plateaus."""
    values = np.where(WALK < 1000, 1.0, 0.1) * np.exp(0.05 * np.random.default_rng(12).standard_normal((10, WALK.size)))
    assert fit_rate(WALK, values).kind == "none"
    assert fit_rate(WALK, values, families=["power"]).kind == "power"  # asked for by name


def test_a_decay_within_too_few_points_is_not_told_as_another_law() -> None:
    """Four of six points lie on the floor of C q^k + F: neither its factor nor a power law is to be said."""
    k = np.arange(10.0, 70.0, 10.0)
    rng = np.random.default_rng(13)
    rates = [
        fit_rate(k, (np.exp(-(k - 10) / 5) + 0.05) * np.exp(0.1 * rng.standard_normal((10, 6)))) for _ in range(30)
    ]
    assert [rate.kind for rate in rates].count("none") >= 29
    assert any("too few points" in rate.reason for rate in rates)


def test_many_points_need_no_caution() -> None:
    assert Caution.of(48, 5) == NO_CAUTION
    assert Caution.of(47, 5).charge > 0
    assert Caution.of(10, 5).charge == Caution.of(12, 5).charge > Caution.of(12, 20).charge


# ---------------------------------------------------------------------------------------------------------------------


def test_negative_values_are_averaged_not_dropped() -> None:
    """Additive noise far above the tail: the logarithm is undefined on half of the values."""
    values = 1 / K**0.8 + 0.1 * np.random.default_rng(1).standard_normal((10, K.size))
    assert (values < 0).mean() > 0.2
    rate = fit_rate(K, values, families=["power"])
    assert rate.kind == "power"
    assert rate.interval[0] < 0.8 < rate.interval[1]
    assert "linear scale" in rate.reason


def test_transient_is_left_out_and_said() -> None:
    """A plateau before the law: the range used begins after it."""
    noise = np.exp(0.02 * np.random.default_rng(2).standard_normal((10, 2000)))
    k = np.arange(1.0, 2001.0)
    rate = fit_rate(k, np.minimum(1.0, (k / 20) ** -1.0) * noise)
    assert rate.kind == "power"
    assert rate.used[0] >= 20
    assert rate.interval[0] < 1 < rate.interval[1]


@pytest.mark.parametrize("spread", [0.2, 1e-3])
def test_no_decrease_is_not_enough_evidence(spread: float) -> None:
    rng = np.random.default_rng(3)
    said = [fit_rate(K, np.exp(spread * rng.standard_normal((10, K.size)))).kind for _ in range(20)]
    # Significant at 2.5 % by chance alone in a draw: 4 of 20 or more has probability 1e-3.
    assert said.count("none") >= 16


def test_diverged_runs_are_reported_not_averaged_away() -> None:
    values = np.tile(1 / K, (5, 1))
    values[2, 50:] = np.inf
    rate = fit_rate(K, values)
    assert rate.kind == "none"
    assert "1 of 5 runs diverged" in rate.reason
    values[2, 50:] = 1.0
    values[2, 50] = np.nan
    assert "diverged" in fit_rate(K, values).reason


def test_runs_of_different_length_use_the_shared_range() -> None:
    values = noisy(LAWS["power"][0], "multiplicative", 10, np.random.default_rng(4))
    values[3, 120:] = np.nan
    rate = fit_rate(K, values)
    assert rate.kind == "power"
    assert rate.used[1] == 120
    assert "first run ended" in rate.reason


def test_values_that_reach_exactly_zero() -> None:
    curve = 0.5**K
    curve[60:] = 0
    rate = fit_rate(K, np.tile(curve, (5, 1)))
    assert (rate.kind, rate.used[1]) == ("linear", 60)
    assert "exactly zero" in rate.reason
    assert fit_rate(K, np.zeros((5, K.size))).kind == "none"


def test_unknown_optimum_allows_a_negative_floor() -> None:
    values = 2 * 0.95**K - 7 + 0.01 * np.random.default_rng(5).standard_normal((10, K.size))
    rate = fit_rate(K, values, families=("power-floor", "exponential-floor"))
    assert rate.kind == "exponential-floor"
    assert rate.floor == pytest.approx(-7, abs=0.02)
    assert rate.interval[0] < 0.95 < rate.interval[1]


@settings(max_examples=20)
@given(scale=st.floats(1e-8, 1e8), kind=st.sampled_from(["power", "linear", "exponential-floor"]))
def test_units_of_the_values_do_not_matter(scale: float, kind: str) -> None:
    values = noisy(LAWS[kind][0], "multiplicative", 8, np.random.default_rng(6))
    one, other = fit_rate(K, values), fit_rate(K, scale * values)
    assert one.kind == other.kind
    assert headline(other) == pytest.approx(headline(one), rel=1e-3)


def test_order_of_runs_does_not_matter_and_seed_repeats() -> None:
    values = noisy(LAWS["power"][0], "multiplicative", 8, np.random.default_rng(7))
    one, other = fit_rate(K, values), fit_rate(K, values[::-1])
    assert other.order == pytest.approx(one.order, rel=1e-9)
    assert str(fit_rate(K, values)) == str(one)
    assert str(one).startswith("power: order 0.69")
    assert "8 seeds, k in [2, 200]" in str(one)


def test_a_large_fit_is_quick() -> None:
    k = np.arange(1.0, 10_001.0)
    values = noisy(3 / k + 0.1, "additive", 100, np.random.default_rng(8))
    begin = time.process_time()
    fit_rate(k, values)
    assert time.process_time() - begin < 2


def test_predict_of_no_evidence_is_nan() -> None:
    rate = fit_rate([1, 2, 3], [[3, 2, 1]])
    assert rate.kind == "none"
    assert str(rate).startswith("not enough evidence: 3 usable points")
    assert np.isnan(rate.predict([1, 2])).all()


@pytest.mark.parametrize(
    ("index", "values", "families", "sentence"),
    [
        ([1, 2, 2], [[1, 1, 1]], None, "strictly increasing"),
        ([1, 2, 3], [[1, 1]], None, r"\(runs, 3\)"),
        ([[1, 2]], [[1, 1]], None, "one-dimensional"),
        ([1, 2], [[1, 1]], ["quadratic"], "quadratic"),
    ],
)
def test_bad_input(index: list[float], values: list[list[float]], families: list[str] | None, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fit_rate(index, values, families=families)


def test_every_kind_named_in_the_table_of_rate() -> None:
    assert Rate.__doc__ is not None
    assert all(f"| {kind} |" in Rate.__doc__ for kind in KINDS)
