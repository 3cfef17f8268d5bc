from __future__ import annotations

import numpy as np
import pytest

from tendsto.core.verdict import Verdict, exceeds, judge

K = np.arange(1.0, 501.0)
DRAWS = 30


def draw(case: str, rng: np.random.Generator, seeds: int = 8) -> np.ndarray:
    """Curves (seeds, 500) whose right verdict is known."""
    z = rng.standard_normal((seeds, K.size))
    phase = rng.uniform(0, 2 * np.pi, (seeds, 1))
    match case:
        case "power":
            return 2 / K * np.exp(0.2 * z)
        case "linear":
            return 0.99**K * np.exp(0.2 * z)
        case "ripple that dies away":
            return 0.98**K * (1 + 0.5 * np.sin(0.5 * K)) * np.exp(0.05 * z)
        case "floor":
            return (3 * 0.95**K + 0.1) * np.exp(0.2 * z)
        case "additive floor":
            return 3 * 0.95**K + 0.1 + 0.02 * z
        case "oscillation":
            return 0.5 + 0.2 * np.sin(0.4 * K + phase) + 0.1 * z
        case "2-cycle":
            return 0.5 + 0.1 * (-1) ** K + 0.02 * z
        case "growth":
            return 0.1 * np.exp(2 * K / 500 + 0.2 * z)
        case "noise around zero":
            return 0.1 * z
        case _:
            return np.exp(np.cumsum(0.05 * z, axis=1))  # random walk of logs: no trend to be seen


@pytest.mark.parametrize(
    ("case", "right"),
    [
        ("power", "converging"),
        ("linear", "converging"),
        ("ripple that dies away", "converging"),
        ("floor", "stalled"),
        ("additive floor", "stalled"),
        ("oscillation", "oscillating"),
        ("2-cycle", "oscillating"),
        ("growth", "diverged"),
        ("noise around zero", "not enough evidence"),
        ("random walk", "not enough evidence"),
    ],
)
def test_cases_are_told_apart(case: str, right: str) -> None:
    rng = np.random.default_rng(0)
    said = [judge(K, draw(case, rng)).kind for _ in range(DRAWS)]
    assert said.count(right) >= 0.8 * DRAWS, said
    if right != "diverged":
        assert "diverged" not in said


def test_level_and_amplitude_are_measured() -> None:
    rng = np.random.default_rng(1)
    stalled = judge(K, draw("additive floor", rng))
    assert stalled.interval[0] < 0.1 < stalled.interval[1]
    oscillating = judge(K, draw("oscillation", rng))
    assert oscillating.value == pytest.approx(0.2, rel=0.15)
    assert "period 15" in oscillating.reason


def test_runs_that_broke_off_diverge() -> None:
    values = np.tile(1 / K, (10, 1))
    values[0, 100:] = np.inf
    values[1, 100] = np.nan
    verdict = judge(K, values)
    assert (verdict.kind, verdict.value) == ("diverged", 0.2)
    assert "2 of 10" in verdict.reason
    assert judge(K, np.tile(1 / K, (10, 1)), ended_diverged=1).kind == "diverged"


def test_target() -> None:
    values = np.tile(0.95**K, (10, 1))
    values[:, 300:] = np.nan
    assert judge(K, values, target=0.95**299).kind == "converged"
    assert judge(K, values, target=1e-30).kind == "converging"
    values = np.tile(0.95**K, (10, 1))
    values[:5] = 0.5  # half of the runs never arrive
    assert judge(K, values, target=1e-3).kind != "converged"


def test_rounding_level_is_converged() -> None:
    assert judge(K, np.maximum(0.5**K, 1e-16)).kind == "converged"


def test_unknown_optimum() -> None:
    rng = np.random.default_rng(2)
    noise = 0.01 * rng.standard_normal((8, K.size))
    assert judge(K, 2 * 0.95**K - 3 + noise, optimum_known=False).kind == "stalled"
    assert judge(K, 2 * K**-0.5 - 3 + noise, optimum_known=False).kind == "converging"


def test_single_deterministic_run() -> None:
    assert judge(K, 0.98**K).kind == "converging"
    assert judge(K, 0.98**K + 0.1).kind == "stalled"
    assert judge(K, 0.5 + 0.1 * np.cos(np.pi * K)).kind == "oscillating"
    assert judge(K, 1.01**K).kind == "diverged"


def test_too_few_points() -> None:
    verdict = judge([1, 2, 3], [[1, 0.5, 0.25]])
    assert verdict.kind == "not enough evidence"
    assert isinstance(verdict, Verdict)
    assert str(verdict).startswith("not enough evidence: 3 points")


def test_bad_count() -> None:
    with pytest.raises(ValueError, match="ended_diverged is 3"):
        judge([1, 2], [[1, 1]], ended_diverged=3)


# exceeds ------------------------------------------------------------------------------------------------------------

NOISES = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "heavy": lambda rng, size: rng.standard_t(3, size),
    "skewed": lambda rng, size: np.exp(rng.standard_normal(size)) - np.exp(0.5),
    "walk": lambda rng, size: np.cumsum(rng.standard_normal(size), axis=1) / 10,
}


@pytest.mark.parametrize("noise", list(NOISES))
@pytest.mark.parametrize("seeds", [5, 10])
def test_an_attained_bound_is_not_called_violated(noise: str, seeds: int) -> None:
    """400 draws at a rate of 1 % give 11 or more with probability under 1e-2; the rate asked for is below 1 %."""
    rng = np.random.default_rng(3)
    bound = 1 / K[:100]
    alarms = [
        exceeds(bound * (1 + 0.3 * NOISES[noise](rng, (seeds, 100))), bound, mode="expectation").violated
        for _ in range(400)
    ]
    assert sum(alarms) <= 10


def test_a_violated_expectation_is_found_where_it_begins() -> None:
    rng = np.random.default_rng(4)
    bound = 1 / K
    factor = np.where(K > 300, 1.3, 0.5)
    values = bound * factor * (1 + 0.1 * rng.standard_normal((10, K.size)))
    found = exceeds(values, bound, mode="expectation")
    assert found.violated
    assert found.at is not None
    assert 290 <= found.at <= 320
    assert found.slack < 0 < found.tightness - 1
    assert found.p_value < 0.01


def test_sure_mode_sees_one_run_at_one_point() -> None:
    values = np.full((5, 10), 0.5)
    assert not exceeds(values, np.full(10, 0.5), mode="sure").violated
    values[3, 7] = 0.5 + 1e-6
    found = exceeds(values, np.full(10, 0.5), mode="sure")
    assert (found.violated, found.at) == (True, 7)
    assert not exceeds(values, np.full(10, 0.5), mode="sure", rtol=1e-5).violated
    values[3, 7] = np.inf
    assert exceeds(values, np.full(10, 1.0), mode="sure").at == 7


def test_high_probability_mode() -> None:
    rng = np.random.default_rng(5)
    bound = np.ones(100)
    at_quantile = [
        exceeds(rng.uniform(size=(10, 100)) / 0.95, bound, mode="high-probability").violated for _ in range(300)
    ]
    assert sum(at_quantile) <= 8
    assert exceeds(rng.uniform(size=(20, 100)) / 0.4, bound, mode="high-probability").violated


def test_constant_by_chance_is_not_proof() -> None:
    """Five coins of bias 0.9 often agree; their mean is 0.9 all the same."""
    rng = np.random.default_rng(6)
    bound = np.full(40, 0.9)
    alarms = [
        exceeds((rng.uniform(size=(5, 40)) < 0.9).astype(float), bound, mode="expectation").violated for _ in range(200)
    ]
    assert sum(alarms) <= 6


def test_runs_that_ended_are_compared_on_the_shared_points() -> None:
    values = np.full((5, 10), 0.5)
    values[0, 5:] = np.nan
    values[1:, 5:] = 9.0
    assert not exceeds(values, np.ones(10), mode="expectation").violated
    assert exceeds(values, np.ones(10), mode="sure").at == 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"mode": "always"}, "always"), ({"beta": 0.0}, "beta is 0.0"), ({"bound": [1.0, np.inf]}, "finite")],
)
def test_bad_arguments(changes: dict[str, object], sentence: str) -> None:
    arguments: dict[str, object] = {"values": [[1.0, 2.0]], "bound": [1.0, 1.0], "mode": "sure"} | changes
    with pytest.raises(ValueError, match=sentence):
        exceeds(arguments.pop("values"), arguments.pop("bound"), **arguments)  # type: ignore[arg-type]
