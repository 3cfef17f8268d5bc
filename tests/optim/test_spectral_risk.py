"""The adversary's weights against a general solver, and spectra against numerical integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import spectral_risk as reference
from scipy.integrate import quad

from tendsto.optim.spectral_risk import sorted_weights, spectral_weights, spectrum

CASES = [("cvar", 0.3), ("extremile", 2.5), ("esrm", 2.0)]


@pytest.mark.parametrize(("risk", "parameter"), CASES)
def test_spectra_are_the_integrals(risk: str, parameter: float) -> None:
    density = {
        "cvar": lambda u: float(u >= parameter) / (1 - parameter),
        "extremile": lambda u: parameter * u ** (parameter - 1),
        "esrm": lambda u: parameter * np.exp(-parameter * (1 - u)) / (1 - np.exp(-parameter)),
    }[risk]
    for n in (1, 5, 10):
        parts = [quad(density, i / n, (i + 1) / n, points=[0.3])[0] for i in range(n)]
        np.testing.assert_allclose(spectrum(risk, n, parameter), parts, atol=1e-6)
        assert spectrum(risk, n, parameter).sum() == pytest.approx(1)


@pytest.mark.parametrize(("risk", "parameter"), CASES)
@pytest.mark.parametrize("shift_cost", [0.01, 0.1, 1.0])
def test_equals_a_general_solver(risk: str, parameter: float, shift_cost: float) -> None:
    """P(sigma) is what sigma majorises: for each k the k largest weights are at most those of sigma."""
    cp: Any = pytest.importorskip("cvxpy")
    n = 7
    losses, sigma = np.random.default_rng(0).normal(size=n), spectrum(risk, n, parameter)
    q = cp.Variable(n)
    inside = [cp.sum(q) == 1] + [cp.sum_largest(q, k) <= sigma[-k:].sum() for k in range(1, n)]
    goal = cp.Maximize(q @ losses - shift_cost * n * cp.sum_squares(q - 1 / n))
    cp.Problem(goal, inside).solve(solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    np.testing.assert_allclose(spectral_weights(losses, sigma, shift_cost), q.value, atol=1e-6)


@settings(max_examples=50)
@given(
    losses=st.lists(st.floats(-10, 10), min_size=1, max_size=12),
    cost=st.sampled_from([0.0, 1e-3, 0.1, 10.0]),
    shift=st.floats(-5, 5),
)
def test_weights_are_in_their_set_and_follow_the_losses(losses: list[float], cost: float, shift: float) -> None:
    values, sigma = np.array(losses), spectrum("extremile", len(losses), 2.0)
    q = spectral_weights(values, sigma, cost)
    assert q.sum() == pytest.approx(1)
    assert (np.sort(q)[::-1].cumsum() <= sigma[::-1].cumsum() + 1e-9).all()
    assert (np.diff(q[np.argsort(values, kind="stable")]) >= -1e-9).all()
    if cost > 0:
        np.testing.assert_allclose(spectral_weights(values + shift, sigma, cost), q, atol=1e-9 * (1 + 1 / cost))


@pytest.mark.parametrize("penalty", ["chi2", "kl"])
@pytest.mark.parametrize(("risk", "parameter"), CASES)
def test_equals_the_reference(penalty: str, risk: str, parameter: float) -> None:
    literal = reference.chi2_weights if penalty == "chi2" else reference.kl_weights
    for seed, cost in enumerate([0.02, 0.1, 1.0]):
        losses, sigma = np.random.default_rng(seed).normal(size=9), spectrum(risk, 9, parameter)
        expected = literal(losses, sigma, cost)
        np.testing.assert_allclose(spectral_weights(losses, sigma, cost, penalty=penalty), expected, atol=1e-12)
        several = np.stack([losses, 3 * losses[::-1], losses + 1])
        q, order, _ = sorted_weights(several, sigma, cost, penalty)
        again, same, _ = sorted_weights(several, sigma, cost, penalty, order[::-1])
        assert (same == order).all()
        np.testing.assert_allclose(again, q, atol=1e-12)
        for row, weights in zip(several, q, strict=True):
            np.testing.assert_allclose(weights, literal(row, sigma, cost), atol=1e-12)


@pytest.mark.parametrize("penalty", ["chi2", "kl"])
def test_a_run_that_is_lost_disturbs_no_other(penalty: str) -> None:
    losses, sigma = np.random.default_rng(0).normal(size=(5, 9)), spectrum("cvar", 9, 0.5)
    wanted = sorted_weights(losses, sigma, 0.1, penalty)[0]
    losses[1, 3], losses[2, 4], losses[3] = np.nan, np.inf, 1e200 * losses[3]
    with np.errstate(all="ignore"):
        found = sorted_weights(losses, sigma, 0.1, penalty)[0]
    np.testing.assert_allclose(found[[0, 4]], wanted[[0, 4]], atol=1e-13)


@pytest.mark.parametrize(("risk", "parameter"), CASES)
@pytest.mark.parametrize("shift_cost", [0.1, 1.0])
def test_the_entropy_penalty_agrees_with_a_general_solver(risk: str, parameter: float, shift_cost: float) -> None:
    cp: Any = pytest.importorskip("cvxpy")
    n = 7
    losses, sigma = np.random.default_rng(0).normal(size=n), spectrum(risk, n, parameter)
    q = cp.Variable(n)
    inside = [cp.sum(q) == 1] + [cp.sum_largest(q, k) <= sigma[-k:].sum() for k in range(1, n)]
    goal = cp.Maximize(q @ losses + shift_cost * cp.sum(cp.entr(q)))
    cp.Problem(goal, inside).solve(solver="CLARABEL")
    np.testing.assert_allclose(spectral_weights(losses, sigma, shift_cost, penalty="kl"), q.value, atol=1e-5)


def test_a_uniform_spectrum_and_a_dear_shift_give_the_mean() -> None:
    losses = np.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(spectral_weights(losses, np.full(3, 1 / 3), 0.1), 1 / 3)
    np.testing.assert_allclose(spectral_weights(losses, [0.0, 0.0, 1.0], 1e9), 1 / 3, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, 2.0], [1.0], 0.1), "do not match"),
        (([1.0, np.nan], [0.5, 0.5], 0.1), r"losses\[1\] is not finite"),
        (([1.0, 2.0], [0.7, 0.3], 0.1), "is no spectrum"),
        (([1.0, 2.0], [0.5, 0.5], -1.0), "shift_cost = -1"),
    ],
)
def test_wrong_input_is_refused(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spectral_weights(*arguments)
    with pytest.raises(ValueError, match="too small for losses 2 apart"):
        spectral_weights([0.0, 2.0], [0.5, 0.5], 1e-3, penalty="kl")
    with pytest.raises(ValueError, match="penalty = 'tv' is unknown"):
        spectral_weights([0.0, 2.0], [0.5, 0.5], 1e-3, penalty="tv")
    for risk, parameter in [("var", 0.5), ("cvar", 1.0), ("extremile", 0.5), ("esrm", 0.0)]:
        with pytest.raises(ValueError, match=r"risk = 'var'|parameter ="):
            spectrum(risk, 3, parameter)
