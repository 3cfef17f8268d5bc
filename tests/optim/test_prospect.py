"""Prospect and its baselines against literal transcriptions, SAGA, and what each of them is for."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from reference import prospect as reference
from reference.spectral_lsvrg import lsvrg
from reference.spectral_minibatch import batch_gradient as by_hand
from reference.spectral_minibatch import sgd, srda
from reference.spectral_problem import objective

from tendsto.core.iterate import iterate
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim.prospect import Prospect
from tendsto.optim.spectral_lsvrg import SpectralLSVRG
from tendsto.optim.spectral_minibatch import SpectralSGD, SpectralSRDA
from tendsto.optim.spectral_problem import SpectralRisk
from tendsto.theory import ProspectLinear

STEPS = 45
SMALL = SpectralRisk(terms=20, dimension=3, risk="extremile", parameter=2.0, shift_cost=0.05)
CASES = [SMALL, SpectralRisk(terms=20, dimension=3, shift_cost=0.01)]


def points(method: Method, problem: SpectralRisk, seed: int = 3) -> np.ndarray:
    """The points visited, as the loop visits them."""
    rng = Random(seed, 0, backend="numpy")
    state = method.init(Oracle(problem, rng.fork("oracle")), rng.fork("method"))
    visited = [state["x"]]
    for step in range(1, STEPS + 1):
        rng = Random(seed, step, backend="numpy")
        state, _ = method.step(state, Oracle(problem, rng.fork("oracle")), rng.fork("method"))
        visited.append(state["x"])
    return np.array(visited)


def draws(purpose: str, n: int, seed: int = 3) -> list[int]:
    each = [Random(seed, t, backend="numpy").fork("method") for t in range(1, STEPS + 1)]
    return [int(rng.integers(purpose, n, (1,))[0]) for rng in each]


def batches(n: int, size: int, seed: int = 3) -> list[Any]:
    each = [Random(seed, t, backend="numpy").fork("method") for t in range(1, STEPS + 1)]
    return [rng.permutation("batch", n)[:size] for rng in each]


@pytest.mark.parametrize("problem", CASES, ids=lambda p: p.risk)
def test_equals_the_reference(problem: SpectralRisk) -> None:
    (a, b), n = problem.table, problem.size()
    common = a, b, problem.sigma, problem.shift_cost, problem.mu, 0.02
    i, j = draws("gradient", n), draws("loss", n)
    small = SpectralRisk(terms=8, risk=problem.risk, parameter=problem.parameter).sigma
    for method, expected in [
        (Prospect(0.02), reference.paper(*common, zip(i, j, strict=True))),
        (Prospect(0.02, "official"), reference.official(*common, i)),
        (SpectralLSVRG(0.02), lsvrg(*common, i)),
        (SpectralSGD(0.02, 8), sgd(a, b, small, *common[3:], batches(n, 8))),
        (SpectralSRDA(0.02, 8), srda(a, b, small, *common[3:], batches(n, 8))),
    ]:
        np.testing.assert_allclose(points(method, problem), expected, rtol=1e-10, atol=1e-13, err_msg=str(method))


def test_logistic_losses_equal_the_reference() -> None:
    problem = SpectralRisk("breast-cancer", shift_cost=0.1)
    (a, b), n = problem.table, problem.size()
    i, j = draws("gradient", n)[:5], draws("loss", n)[:5]
    common = a, b, problem.sigma, 0.1, problem.mu, 0.02
    expected = reference.paper(*common, zip(i, j, strict=True), logistic=True)
    np.testing.assert_allclose(points(Prospect(0.02), problem)[:6], expected, rtol=1e-9)


def test_a_uniform_spectrum_gives_saga() -> None:
    problem = SpectralRisk(terms=20, dimension=3, risk="extremile", parameter=1.0)
    expected = reference.saga(*problem.table, problem.mu, 0.02, draws("gradient", 20))
    np.testing.assert_allclose(points(Prospect(0.02), problem), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("penalty", ["chi2", "kl"])
@pytest.mark.parametrize("data", ["synthetic", "breast-cancer"])
def test_objective_and_gradient_are_what_they_say(penalty: str, data: str) -> None:
    problem = SpectralRisk(data, "esrm", 1.0, 0.1, penalty, terms=15, dimension=3)
    (a, b), rng = problem.table, np.random.default_rng(0)
    w = 0.1 * rng.normal(size=a.shape[1])
    settings = problem.sigma, 0.1, penalty, problem.mu, problem.logistic
    assert float(problem.criterion(w)) == pytest.approx(objective(a, b, w, *settings), rel=1e-12)
    v, h = rng.normal(size=w.shape), 1e-6
    difference = (problem.criterion(w + h * v) - problem.criterion(w - h * v)) / (2 * h)
    assert float(problem.gradient(w) @ v) == pytest.approx(float(difference), rel=1e-6)


@pytest.mark.parametrize(("risk", "parameter"), [("cvar", 0.5), ("extremile", 2.0)])
def test_the_optimum_agrees_with_cvxpy(risk: str, parameter: float) -> None:
    """The risk as a maximum over P(sigma) in its dual form: sums of the k largest l_i - 2 n nu (q_i - 1/n)..."""
    cp: Any = pytest.importorskip("cvxpy")
    problem = SpectralRisk(terms=8, dimension=2, risk=risk, parameter=parameter, shift_cost=0.05)
    (a, b), n, nu, sigma = problem.table, 8, 0.05, problem.sigma
    # max_q { q . l - nu n ||q - 1/n||^2 : q in P(sigma) } = min_m { risk_sigma(l - m) + mean m + ||m||^2 / (4 nu n) }.
    w, m, over = cp.Variable(2), cp.Variable(n), cp.Variable(n)
    jumps = np.diff(np.concatenate([[0.0], sigma]))
    worst = sum(jumps[k] * cp.sum_largest(over - m, n - k) for k in range(n))
    goal = worst + cp.sum(m) / n + cp.sum_squares(m) / (4 * nu * n) + problem.mu / 2 * cp.sum_squares(w)
    solved = cp.Problem(cp.Minimize(goal), [over >= cp.square(a @ w - b) / 2]).solve(solver="CLARABEL")
    assert problem.optimum() == pytest.approx(solved, abs=1e-6)


def test_prospect_converges_and_the_biased_ones_do_not() -> None:
    def last(method: Method, steps: int) -> float:
        return float(iterate(method, SMALL, steps=steps, seeds=2, record=2).gap()[:, -1].max())

    assert max(last(m, 1000) for m in (Prospect(0.03), Prospect(0.03, "official"), SpectralLSVRG(0.03))) < 1e-5
    assert min(last(m, 300) for m in (SpectralSGD(0.01, 5), SpectralSRDA(0.01, 5))) > 1e-4


def test_the_mean_of_batches_points_elsewhere() -> None:
    """At w* the mean gradient over all batches of 3 of 8 is not 0, but for a uniform spectrum: that is the bias."""
    for parameter in (1.0, 2.0):
        problem = SpectralRisk(terms=8, dimension=2, risk="extremile", parameter=parameter, shift_cost=0.05)
        (a, b), w = problem.table, problem.solution()
        assert w is not None
        sigma = SpectralRisk(terms=3, risk="extremile", parameter=parameter).sigma
        every = [by_hand(a, b, w, sigma, 0.05, batch) for batch in itertools.combinations(range(8), 3)]
        left = float(np.linalg.norm(np.mean(every, axis=0) + problem.mu * w))
        assert left < 1e-10 if parameter == 1 else left > 0.005


def test_gradients_are_counted() -> None:
    counts = {
        Prospect(): 20 + 45,
        Prospect(variant="official"): 20 + 45,
        SpectralLSVRG(): 20 + 45 + 2 * 20,
        SpectralSGD(batch=5): 45 * 5,
        SpectralSRDA(batch=5): 45 * 5,
    }
    for method, expected in counts.items():
        assert iterate(method, SMALL, steps=45, record=2)["info.gradients"][0, -1] == expected


def test_the_bound_is_what_is_written() -> None:
    row = ProspectLinear(smooth_max=3.0, strongly_convex=1.5, terms=10, top_weight=0.2, distance=2.0)
    assert row.lr == pytest.approx(1 / (12 * 1.5 * 4 * 2))
    assert 10 * row.passes == pytest.approx(2 * 24 * 2 * 4)
    assert row.bound(384) == pytest.approx(31 * 4 / np.e)
    many = ProspectLinear(smooth_max=3.0, strongly_convex=1.5, terms=1000, top_weight=0.001, distance=1.0)
    assert 1000 * many.passes == pytest.approx(2000)


def test_a_small_shift_cost_is_warned_of() -> None:
    known: dict[str, Any] = {"smooth_max": 1.0, "strongly_convex": 0.5, "terms": 10, "top_weight": 0.3}
    with pytest.warns(UserWarning, match=r"shift_cost = 1 is below G\^2 / \(2 n mu\) = 1.6"):
        ProspectLinear(**known, lipschitz=4.0, shift_cost=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ProspectLinear(**known, lipschitz=4.0, shift_cost=1.7)


def test_wrong_settings_are_refused() -> None:
    for make, words in [
        (lambda: Prospect(lr=-1.0), "lr = -1"),
        (lambda: Prospect(variant="code"), "variant = 'code' is unknown"),
        (lambda: SpectralLSVRG(lr=-1.0), "lr = -1"),
        (lambda: SpectralSGD(batch=0), "batch = 0 draws nothing"),
        (lambda: SpectralSRDA(lr=0.0), "lr = 0"),
        (lambda: SpectralRisk("boston"), "data = 'boston' is unknown"),
        (lambda: SpectralRisk(parameter=1.0), "parameter = 1"),
        (lambda: SpectralRisk(l2=0.0), "l2 = 0"),
        (lambda: SpectralRisk(terms=0), "terms = 0"),
        (lambda: ProspectLinear(smooth_max=1.0, strongly_convex=1.0, terms=3, top_weight=0.1), "top_weight = 0.1"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
    assert "more than the 20 terms" in (SpectralSGD(batch=30).declines(SMALL) or "")
