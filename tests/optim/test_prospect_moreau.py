"""Prospect with proximal maps: a literal transcription, Moreau envelopes, and the optimum of a convex solver."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference import spectral_nonsmooth as by_hand
from reference.prospect_moreau import moreau

from tendsto.core.iterate import iterate
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim.prospect import Prospect
from tendsto.optim.prospect_moreau import ProspectMoreau, drawn
from tendsto.optim.spectral_nonsmooth import SpectralKink
from tendsto.optim.spectral_problem import SpectralRisk
from tendsto.testing import check_problem

ABSOLUTE = SpectralKink(terms=12, dimension=2, risk="extremile", parameter=2.0, shift_cost=0.05, l2=0.1)
HINGE = replace(ABSOLUTE, loss="hinge", risk="cvar", parameter=0.5)
SQUARED = SpectralRisk(terms=12, dimension=2, risk="extremile", parameter=2.0, shift_cost=0.05)
LOGISTIC = SpectralRisk("breast-cancer", shift_cost=0.1)
NAMES = {"absolute": ABSOLUTE, "hinge": HINGE, "squared": SQUARED, "logistic": LOGISTIC}


def labels(problem: SpectralRisk) -> np.ndarray:
    b = problem.table[1]
    return np.where(b > np.median(b), 1.0, -1.0) if problem is HINGE else b


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_reference(name: str) -> None:
    problem, seed, steps = NAMES[name], 3, 3 if name == "logistic" else 40
    n, method = problem.size(), ProspectMoreau(0.7)
    rngs = [Random(seed, t, backend="numpy") for t in range(steps + 1)]
    state = method.init(Oracle(problem, rngs[0].fork("oracle")), rngs[0].fork("method"))
    points, draws = [state["x"]], []
    for rng in rngs[1:]:
        own = rng.fork("method")
        draws.append((float(own.uniform("term", (1,))[0]), int(own.integers("table", n, (1,))[0])))
        state, _ = method.step(state, Oracle(problem, rng.fork("oracle")), own)
        points.append(state["x"])
    loss, slope = getattr(by_hand, name), getattr(by_hand, f"{name}_slope")
    expected = moreau(
        problem.table[0], labels(problem), loss, slope, problem.sigma, problem.shift_cost, problem.mu, 0.7, draws
    )
    np.testing.assert_allclose(points, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_slope_is_the_gradient_of_the_moreau_envelope(name: str) -> None:
    problem, rng, size = NAMES[name], np.random.default_rng(0), 0.4
    w = rng.normal(size=problem.table[0].shape[1]) / 3

    def envelope(z: np.ndarray, i: np.ndarray) -> float:
        point = z - size * problem.prox_slope(z, i, size) * problem.features(i)[0]
        return float(problem.terms_at(point, i)[0][0]) + float(((point - z) ** 2).sum()) / (2 * size)

    for k in range(12):
        i, v = np.array([k]), rng.normal(size=w.shape)
        v, h = v / np.linalg.norm(v), 1e-6
        difference = (envelope(w + h * v, i) - envelope(w - h * v, i)) / (2 * h)
        slope = float(problem.prox_slope(w, i, size)[0] * (problem.features(i)[0] @ v))
        assert slope == pytest.approx(difference, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("problem", [ABSOLUTE, HINGE], ids=lambda p: p.loss)
def test_reaches_the_optimum_of_a_convex_solver(problem: SpectralKink) -> None:
    cp: Any = pytest.importorskip("cvxpy")
    (a, _), b, n, nu = problem.table, labels(problem), problem.size(), problem.shift_cost
    # max_q { q . l - nu n ||q - 1/n||^2 : q in P(sigma) } = min_m { risk_sigma(l - m) + mean m + ||m||^2 / (4 nu n) }.
    w, m, over = cp.Variable(2), cp.Variable(n), cp.Variable(n)
    jumps = np.diff(np.concatenate([[0.0], problem.sigma]))
    worst = sum(jumps[k] * cp.sum_largest(over - m, n - k) for k in range(n) if jumps[k] > 1e-12)
    losses = cp.abs(a @ w - b) if problem.loss == "absolute" else cp.pos(1 - cp.multiply(b, a @ w))
    goal = worst + cp.sum(m) / n + cp.sum_squares(m) / (4 * nu * n) + problem.mu / 2 * cp.sum_squares(w)
    solved = cp.Problem(cp.Minimize(goal), [over >= losses]).solve(solver="CLARABEL")

    steps = 1600 if problem.loss == "absolute" else 900

    def above(method: Any) -> float:
        found = iterate(method, problem, steps=steps, seeds=2, record=2)["F(w)"][:, -1]
        assert (found > solved - 1e-8).all()
        return float(found.max()) - solved

    assert above(ProspectMoreau(0.03)) < 1e-6
    if problem.loss == "absolute":
        # Here one error is exactly 0 at the optimum, and subgradients do not settle there.
        assert above(Prospect(0.03)) > 1e-5


def test_it_allows_larger_steps_than_gradients() -> None:
    def last(method: Any) -> float:
        problem = replace(SQUARED, shift_cost=1.0)
        return float(np.nan_to_num(iterate(method, problem, steps=700, seeds=1, record=2).gap()[:, -1], nan=1e9).max())

    assert last(ProspectMoreau(1.0)) < 1e-10
    assert last(Prospect(1.0)) > 1


def test_terms_are_drawn_with_their_weights() -> None:
    q = np.array([[0.0, 0.25, 0.75, 0.0]])
    assert [int(drawn(q, np.array([[u]]))[0, 0]) for u in (0.0, 0.2, 0.3, 0.9, 1.0)] == [1, 1, 2, 2, 3]


def test_two_are_asked_for_a_step() -> None:
    assert iterate(ProspectMoreau(), ABSOLUTE, steps=30, record=2)["info.gradients"][0, -1] == 12 + 60


def test_wrong_settings_are_refused() -> None:
    for make, words in [
        (lambda: ProspectMoreau(lr=0.0), "lr = 0.0 is not allowed: use a number above 0"),
        (lambda: ProspectMoreau(lr=float("nan")), "lr = nan"),
        (lambda: SpectralKink(loss="squared"), "loss = 'squared' is unknown: use 'absolute' or 'hinge'"),
        (lambda: SpectralKink(l2=0.0), "l2 = 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize("problem", [ABSOLUTE, HINGE], ids=lambda p: p.loss)
def test_a_problem_with_kinks_keeps_its_promises(problem: SpectralKink) -> None:
    check_problem(problem)
    w = np.random.default_rng(1).normal(size=(5, 2))
    values, g = problem.criterion(w), problem.gradient(w[0])
    # A subgradient: F stays above the parabola that it spans.
    below = values[0] + (w - w[0]) @ g + problem.mu / 2 * ((w - w[0]) ** 2).sum(axis=1)
    assert (values >= below - 1e-12).all()
