"""SaddleSAGA against a literal transcription, a fit with fixed weights, and the optimum."""

from __future__ import annotations

import numpy as np
import pytest
from reference.spectral_saddle_saga import project, saddle_saga

from tendsto.core.iterate import iterate
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim.spectral_problem import SpectralRisk
from tendsto.optim.spectral_saddle_saga import SpectralSaddleSAGA

STEPS = 45
SMALL = SpectralRisk(terms=20, dimension=3, risk="extremile", parameter=2.0, shift_cost=0.05)


@pytest.mark.parametrize("dual_lr", [None, 0.02])
@pytest.mark.parametrize("cost", [0.05, 0.0])
def test_equals_the_reference(dual_lr: float | None, cost: float) -> None:
    problem, method = SpectralRisk(terms=20, dimension=3, shift_cost=cost), SpectralSaddleSAGA(0.05, dual_lr)
    rngs = [Random(3, t, backend="numpy") for t in range(STEPS + 1)]
    state = method.init(Oracle(problem, rngs[0].fork("oracle")), rngs[0].fork("method"))
    points, draws = [state["x"]], []
    for rng in rngs[1:]:
        draws.append(int(rng.fork("method").integers("gradient", 20, (1,))[0]))
        state, _ = method.step(state, Oracle(problem, rng.fork("oracle")), rng.fork("method"))
        points.append(state["x"])
    a, b = problem.table
    expected = saddle_saga(a, b, problem.sigma, cost, problem.mu, 0.05, draws, dual_lr)
    np.testing.assert_allclose(points, expected, rtol=1e-10, atol=1e-13)


def test_the_reference_projects_onto_the_permutahedron() -> None:
    """The nearest point p has (u - p) . (v - p) <= 0 for every vertex v, most of all for sigma in u - p's order."""
    sigma = SMALL.sigma
    for seed in range(5):
        u = np.random.default_rng(seed).normal(size=20) / 10
        p = project(u, sigma)
        assert p.sum() == pytest.approx(1)
        assert all(np.sort(p)[-k:].sum() <= sigma[-k:].sum() + 1e-12 for k in range(1, 20))
        assert np.sort(u - p) @ sigma <= (u - p) @ p + 1e-12


def test_it_reaches_the_optimum() -> None:
    """Newton's method found it; and at the end the weights are the worst ones."""
    trace = iterate(SpectralSaddleSAGA(0.03, 0.01), SMALL, steps=3000, seeds=2, record=2)
    assert np.abs(trace.gap()[:, -1]).max() < 1e-9


def test_weights_that_do_not_move_give_weighted_least_squares() -> None:
    (a, b), n = SMALL.table, 20
    q = np.empty(n)
    q[np.argsort(b**2)] = SMALL.sigma
    expected = np.linalg.solve((a.T * q) @ a + SMALL.mu * np.eye(3), a.T @ (q * b))
    rng, method = Random(0, backend="numpy"), SpectralSaddleSAGA(0.05, dual_lr=0.0)
    state = method.init(Oracle(SMALL, rng), rng)
    for step in range(1500):
        rng = Random(0, step, backend="numpy")
        state, _ = method.step(state, Oracle(SMALL, rng), rng)
    np.testing.assert_allclose(state["x"], expected, atol=1e-8)
    assert np.linalg.norm(expected - SMALL.solution()) > 1e-3  # type: ignore[reportOperatorIssue]


def test_gradients_are_counted_and_wrong_settings_are_refused() -> None:
    assert iterate(SpectralSaddleSAGA(), SMALL, steps=45, record=2)["info.gradients"][0, -1] == 20 + 45
    with pytest.raises(ValueError, match=r"lr = -1\.0 is not allowed: use a number of at least 0"):
        SpectralSaddleSAGA(lr=-1.0)
    with pytest.raises(ValueError, match=r"dual_lr = nan is not allowed: use a number of at least 0"):
        SpectralSaddleSAGA(dual_lr=float("nan"))
    said = SpectralSaddleSAGA().declines(SpectralRisk(penalty="kl")) or ""
    assert "that of the chi-square penalty, not of penalty = 'kl'" in said
