"""The conversion against its reference and against SGD with random scaling; its lemma against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.online_to_nonconvex import convert
from scipy.integrate import quad

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim import OnlineToNonconvex, lemma_residual, random_scale, stationarity

PROBLEM = tt.problems.Quadratic(dimension=4, noise=1.0)
STEPS, SEED = 40, 5


def walk(method: tt.core.method.Method) -> list[dict]:
    """The states and infos after each step, run as `iterate` runs them."""
    state = method.init(Oracle(PROBLEM, Random(SEED, 0).fork("oracle")), Random(SEED, 0).fork("method"))
    seen = []
    for step in range(1, STEPS + 1):
        rng = Random(SEED, step)
        state, info = method.step(state, Oracle(PROBLEM, rng.fork("oracle")), rng.fork("method"))
        seen.append({**state, "info": info})
    return seen


def test_it_is_the_paper_s() -> None:
    def gradient_at(x: np.ndarray, n: int) -> np.ndarray:
        return Oracle(PROBLEM, Random(SEED, n).fork("oracle")).gradient(torch.from_numpy(x)).numpy()

    scales = [random_scale("exponential", SEED, n - 1) for n in range(1, STEPS + 1)]
    start = PROBLEM.init(Random(SEED, 0).fork("oracle").fork("init")).numpy()
    points, gradients, averages = convert(start, gradient_at, scales, 0.1, 0.9, 0.5)
    beta, bounds = 0.9, []
    for n, state in enumerate(walk(OnlineToNonconvex(lr=0.1, beta=beta, mu=0.5, c=2.0)), start=1):
        np.testing.assert_allclose(state["point"].numpy(), points[n - 1], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(state["x"].numpy(), averages[n - 1], rtol=1e-11, atol=1e-13)
        weights = beta ** np.arange(n - 1, -1, -1.0)
        given = (np.array(part[:n]) for part in (points, gradients))
        bound = stationarity(*map(torch.from_numpy, given), torch.from_numpy(weights / weights.sum()), 2.0)
        bounds.append(float(bound))
        assert float(state["info"]["stationarity"]) == pytest.approx(bounds[-1], rel=1e-10)
        assert float(state["info"]["average stationarity"]) == pytest.approx(np.mean(bounds), rel=1e-10)


@pytest.mark.parametrize("law", ["exponential", "none"])
def test_it_is_sgd_with_momentum_and_random_scaling(law: str) -> None:
    lr, beta, mu = 0.1, 0.9, 0.5
    momentum = beta / (1 + lr * mu)
    converted = walk(OnlineToNonconvex(lr=lr, beta=beta, mu=mu, law=law))
    plain = walk(tt.optim.RSGDM.rule(lr=lr * momentum, momentum=momentum, law=law))
    for mine, theirs in zip(converted[1:], plain, strict=False):
        np.testing.assert_allclose(mine["point"].numpy(), theirs["x"].numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "x", "move"), [("abs", 0.5, -2.0), ("sin", 0.3, 1.7), ("relu", -1.0, 1.6)])
def test_the_lemma_by_quadrature(name: str, x: float, move: float) -> None:
    value = {"abs": torch.abs, "sin": torch.sin, "relu": torch.relu}[name]
    at, by = (torch.tensor([v], dtype=torch.float64) for v in (x, move))
    kinks = [-x / move] if name != "sin" else None

    def residual(scale: float) -> float:
        return float(lemma_residual(lambda z: value(z).sum(), at, by, torch.tensor([scale], dtype=torch.float64)))

    def mean(density: object, high: float) -> float:
        return quad(lambda s: residual(s) * density(s), 0, high, points=kinks, epsabs=1e-10, limit=200)[0]  # type: ignore[operator]

    assert mean(lambda s: np.exp(-s), 40.0) == pytest.approx(0, abs=1e-8)
    assert abs(mean(lambda s: 0.5, 2.0)) > 0.01
    assert abs(residual(1.0)) > 0.01


def test_tuned_settings_have_the_theorem_s_orders() -> None:
    small, large = (OnlineToNonconvex.tuned(n, gap=2.0, gradient=3.0, c=0.5) for n in (10**4, 10**6))
    assert (1 - small.beta) / (1 - large.beta) == pytest.approx(100 ** (4 / 7), rel=1e-9)
    assert small.lr / large.lr == pytest.approx(100, rel=1e-9)
    assert large.mu / small.mu == pytest.approx(100 ** (3 / 7), rel=1e-9)


def test_bad_settings_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"beta = 1.0 is out of range"):
        OnlineToNonconvex(beta=1.0)
    with pytest.raises(ValueError, match=r"gap = 0.0 is not allowed"):
        OnlineToNonconvex.tuned(10, gap=0.0, gradient=1.0)
