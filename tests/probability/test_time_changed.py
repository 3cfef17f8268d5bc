"""The schemes against a path-by-path transcription, exact solutions and the Fokker-Planck mean."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import clock as clock_reference
from reference import time_changed as reference

from tendsto.probability import time_changed as module
from tendsto.probability.clock import InverseStable, InverseTemperedStable
from tendsto.probability.time_changed import TimeChangedNoise, Truncation, solve_time_changed

TRUNCATION = Truncation(growth=3.0, power=5.0)


def drift(t, x):
    return (1 + 0.5 * np.sin(9 * t)) * x - 2 * x**5


def spread(t, x):
    return (0.7 + 0.2 * t) * x**2


def slope(t, x):
    return (1.4 + 0.4 * t) * x


def noise_of(paths=30, mesh=2**-7, clock=None, channels=None, seed=0):
    clock = InverseStable(0.8) if clock is None else clock
    return TimeChangedNoise.sample(clock, 0.5, mesh, paths, np.random.default_rng(seed), channels=channels)


def test_examples_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("scheme", ["truncated-milstein", "truncated-euler", "milstein", "euler"])
@pytest.mark.parametrize("partial_step", [True, False])
@pytest.mark.parametrize("clock", [InverseStable(0.8), InverseTemperedStable(0.6, 2.0)])
def test_all_paths_at_once_equal_one_path_in_plain_python(scheme, partial_step, clock):
    noise = noise_of(clock=clock)
    for dt in (2**-7, 2**-4):
        found = solve_time_changed(
            drift, spread, 1.0, noise, dt, dg=slope, scheme=scheme, truncation=TRUNCATION, partial_step=partial_step
        )
        radius = TRUNCATION.radius(dt) if scheme.startswith("truncated") else math.inf
        expected = [
            reference.solve(
                drift, spread, slope, 1.0, dt, noise.mesh, int(count), brownian, radius,
                milstein=scheme.endswith("milstein"), partial_step=partial_step,
            )
            for count, brownian in zip(noise.counts, noise.brownian.T, strict=True)
        ]  # fmt: skip
        assert found.x == pytest.approx(np.array(expected), rel=1e-12)


def test_a_system_equals_the_literal_double_sum():
    # Commuting, though not diagonal: both channels move along x.
    def g(t, x):
        return np.stack([0.3 * x, (0.2 + t) * x], axis=-1)

    def dg(t, x):
        one = np.broadcast_to(np.eye(2), (len(x), 2, 2))
        return np.stack([0.3 * one, (0.2 + np.reshape(t, (-1, 1, 1))) * one], axis=2)

    def f(t, x):
        return np.stack([x[:, 1], -x[:, 0]], axis=-1)

    noise = TimeChangedNoise.sample(None, 0.5, 0.5, 5, np.random.default_rng(0), channels=2)
    found = solve_time_changed(f, g, [1.0, 2.0], noise, 0.5, dg=dg, scheme="milstein")
    for row, db in zip(found.x, noise.brownian[1], strict=True):
        expected = reference.milstein_step(
            lambda t, x: [x[1], -x[0]],
            lambda t, x: [[0.3 * x[0], 0.2 * x[0]], [0.3 * x[1], 0.2 * x[1]]],
            lambda t, x: [[[0.3, 0.0], [0.2, 0.0]], [[0.0, 0.3], [0.0, 0.2]]],
            0.0, [1.0, 2.0], 0.5, db,
        )  # fmt: skip
        assert row == pytest.approx(expected, rel=1e-12)


def test_independent_components_of_a_system_are_scalar_equations():
    noise = noise_of(channels=2)
    together = solve_time_changed(
        lambda t, x: x - 2 * x**5,
        lambda t, x: (0.7 * x**2)[:, :, None] * np.eye(2),
        [1.0, 0.5],
        noise,
        2**-4,
        dg=lambda t, x: (1.4 * x)[:, :, None, None] * np.eye(2)[:, :, None] * np.eye(2)[:, None],
        scheme="milstein",
    )
    for i, start in enumerate((1.0, 0.5)):
        alone = TimeChangedNoise(noise.mesh, noise.horizon, noise.counts, noise.brownian[:, :, i])
        single = solve_time_changed(
            lambda t, x: x - 2 * x**5,
            lambda t, x: 0.7 * x**2,
            start,
            alone,
            2**-4,
            dg=lambda t, x: 1.4 * x,
            scheme="milstein",
        )
        assert together.x[:, i] == pytest.approx(single.x, rel=1e-12)


def test_derivatives_by_autograd_are_those_passed():
    noise = noise_of(paths=10)

    def g(t, x):
        return (0.7 + 0.2 * t) * x**2

    passed, found = (
        solve_time_changed(drift, g, 1.0, noise, 2**-4, dg=dg, truncation=TRUNCATION).x for dg in (slope, "autograd")
    )
    assert found == pytest.approx(passed, rel=1e-12)
    noise = noise_of(paths=10, channels=1)

    def rotate(t, x):
        return x.flip(-1)[..., None] if hasattr(x, "flip") else x[:, ::-1, None]

    swap = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])
    passed, found = (
        solve_time_changed(lambda t, x: -x, rotate, [1.0, 2.0], noise, 2**-4, dg=dg, scheme="milstein").x
        for dg in (lambda t, x: np.broadcast_to(swap, (len(x), 2, 1, 2)), "autograd")
    )
    assert found == pytest.approx(passed, rel=1e-12)


def test_geometric_motion_meets_its_exact_solution_with_order_one():
    a, b = 0.5, 0.6
    noise = noise_of(paths=2000, mesh=2**-10)
    last = noise.brownian[noise.counts, np.arange(2000)]
    exact = np.exp((a - b * b / 2) * noise.elapsed + b * last)
    errors = {}
    for scheme in ("milstein", "euler"):
        solved = [
            solve_time_changed(
                lambda t, x: a * x, lambda t, x: b * x, 1.0, noise, dt, dg=lambda t, x: b, scheme=scheme
            ).x
            for dt in (2**-4, 2**-6, 2**-8)
        ]
        errors[scheme] = [math.sqrt(np.mean((x - exact) ** 2)) for x in solved]
    orders = {scheme: math.log2(e[0] / e[-1]) / 4 for scheme, e in errors.items()}
    assert orders["milstein"] == pytest.approx(1.0, abs=0.1)
    assert orders["euler"] == pytest.approx(0.5, abs=0.1)


def test_mean_solves_the_fractional_equation():
    # Without noise in the drift's direction E X_t = x0 E_β(a t^β), Mittag-Leffler's function.
    noise = noise_of(paths=20_000, mesh=2**-8, seed=3)
    x = solve_time_changed(
        lambda t, x: -x, lambda t, x: 0.3 * x, 2.0, noise, 2**-8, dg=lambda t, x: 0.3, scheme="milstein"
    ).x
    expected = 2 * clock_reference.mittag_leffler(0.8, -(0.5**0.8))
    # Four standard errors, and the clock's rounding of at most one mesh.
    assert abs(x.mean() - expected) < 4 * x.std() / math.sqrt(x.size) + 2 * 2**-8


def test_without_a_clock_it_is_an_ordinary_equation():
    noise = TimeChangedNoise.sample(None, 1.0, 2**-4, 3, np.random.default_rng(0))
    assert (noise.elapsed == 1.0).all()
    x = solve_time_changed(lambda t, x: t, lambda t, x: 0.0, 0.0, noise, 2**-4, scheme="euler").x
    assert x == pytest.approx(np.full(3, 0.5 - 2**-5))


def test_truncation_keeps_finite_what_blows_up_and_is_counted():
    noise = noise_of(paths=50)
    plain, cut = (
        solve_time_changed(drift, spread, 6.0, noise, 2**-7, dg=slope, scheme=scheme, truncation=TRUNCATION)
        for scheme in ("milstein", "truncated-milstein")
    )
    assert not plain.finite.all()
    assert plain.truncated == 0.0
    assert cut.finite.all()
    assert 0.2 < cut.truncated <= 1.0
    assert TRUNCATION.radius(2**-4) == pytest.approx((2.0 ** (4 / 4)) ** 0.2 / 3**0.2)


def test_random_times_move_the_drift_alone():
    noise = noise_of(paths=200)
    common = {"dg": slope, "truncation": TRUNCATION}
    still, moved = (
        solve_time_changed(lambda t, x: x, spread, 1.0, noise, 2**-4, random_times=times, **common).x
        for times in (None, np.random.default_rng(1))
    )
    assert (still == moved).all()
    # ∫ t dt over whole and partial steps, in the mean: E²/2.
    drawn = solve_time_changed(
        lambda t, x: t, lambda t, x: 0.0 * x, 0.0, noise, 2**-4, random_times=np.random.default_rng(1), scheme="euler"
    ).x
    gaps = drawn - noise.elapsed**2 / 2
    assert abs(gaps.mean()) < 4 * gaps.std() / math.sqrt(gaps.size)
    assert gaps.std() > 0


def test_bad_input_is_named():
    noise, vector = noise_of(), noise_of(channels=2)
    zero = np.zeros((30, 2, 2, 2))
    questions = {
        "the noise's mesh 0.0078125 does not divide dt 0.01": lambda: solve_time_changed(
            drift, spread, 1.0, noise, 0.01, scheme="euler"
        ),
        "dt 0.1875 does not divide horizon 0.5": lambda: solve_time_changed(
            drift, spread, 1.0, noise, 24 * 2**-7, scheme="euler"
        ),
        "mesh 0.3 does not divide horizon 0.5": lambda: noise_of(mesh=0.3),
        "0 paths and None channels": lambda: noise_of(paths=0),
        "x0 = nan is no starting point": lambda: solve_time_changed(
            drift, spread, math.nan, noise, 2**-4, scheme="euler"
        ),
        "scheme 'heun' is unknown": lambda: solve_time_changed(drift, spread, 1.0, noise, 2**-4, scheme="heun"),
        "truncated-euler needs a truncation": lambda: solve_time_changed(
            drift, spread, 1.0, noise, 2**-4, scheme="truncated-euler"
        ),
        "milstein needs the derivative of g": lambda: solve_time_changed(
            drift, spread, 1.0, noise, 2**-4, scheme="milstein"
        ),
        "a system needs noise with channels": lambda: solve_time_changed(
            drift, spread, [1.0], noise, 2**-4, scheme="euler"
        ),
        r"f gave an array of shape \(3,\)": lambda: solve_time_changed(
            lambda t, x: np.zeros(3), spread, 1.0, noise, 2**-4, scheme="euler"
        ),
        r"g\(0, x0\) is not finite at x0 = 0.0": lambda: solve_time_changed(
            drift, lambda t, x: np.log(-np.abs(x)), 0.0, noise, 2**-4, scheme="euler"
        ),
        "the noise does not commute": lambda: solve_time_changed(
            lambda t, x: x,
            lambda t, x: np.stack([np.ones_like(x), x[:, ::-1]], -1),
            [1.0, 2.0],
            vector,
            2**-4,
            dg=lambda t, x: zero[: len(x)] + np.array([[[0, 0], [0, 1.0]], [[0, 0], [0.5, 0]]]),
            scheme="milstein",
        ),
        "0 < epsilon <= 1/4 are needed": lambda: Truncation(1.0, 1.0, epsilon=0.5),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
