"""Frank-Wolfe against its literal transcriptions, and what each of its rules is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from reference import away_frank_wolfe, frank_wolfe

from tendsto.core.iterate import iterate
from tendsto.core.method import Method
from tendsto.core.random import Random
from tendsto.optim import AwayFrankWolfe, FrankWolfe
from tendsto.problems import L1Logistic, LogPortfolio, Polytope

STEPS = 40
BALL, SAFE, RISKY = L1Logistic(3.0), LogPortfolio(8, 30), LogPortfolio(8, 60, ruin=0.1)
PROBLEMS = [BALL, SAFE, RISKY]


def literal(name: str, problem: Polytope, **settings: Any) -> list[float]:
    """f at each point of the transcription, with f and its gradient written out from the problem's data."""
    if isinstance(problem, LogPortfolio):
        r = problem.returns.numpy()

        def f(x: np.ndarray) -> float:
            return -float(np.log(r @ x).sum()) if (r @ x > 0).all() else math.inf

        def gradient(x: np.ndarray) -> np.ndarray:
            return -(r / (r @ x)[:, None]).sum(axis=0)
    else:
        assert isinstance(problem, L1Logistic)
        a = problem.data.numpy()

        def f(x: np.ndarray) -> float:
            return float(np.logaddexp(0, -a @ x).mean())

        def gradient(x: np.ndarray) -> np.ndarray:
            return -(a / (1 + np.exp(a @ x))[:, None]).mean(axis=0)

    vertices = problem.vertices().numpy()
    start = problem.init(Random(0)).numpy()
    run: Callable[..., list[np.ndarray]] = getattr(away_frank_wolfe if name == "away" else frank_wolfe, name)
    if name == "away":
        start = np.eye(len(vertices))[np.argmin(((vertices - start) ** 2).sum(axis=1))]
    visited = (
        run(start, gradient, vertices, STEPS)
        if name == "open_loop"
        else run(start, f, gradient, vertices, STEPS, **settings)
    )
    return [f(x) for x in visited]


def values(method: Method, problem: Polytope) -> np.ndarray:
    return iterate(method, problem, steps=STEPS, record=STEPS + 1)["f(x)"][0]


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_equals_the_reference(problem: Polytope) -> None:
    for rule, name, settings in [
        ("skip", "monotone", {}),
        ("halving", "halving", {"persistent": False}),
        ("persistent-halving", "halving", {"persistent": True}),
        ("backtracking", "backtracking", {"smooth": 1.0}),
    ]:
        ours = values(FrankWolfe(rule=rule), problem)
        np.testing.assert_allclose(ours, literal(name, problem, **settings), rtol=1e-9, err_msg=rule)
    if problem is not RISKY:
        ours = values(FrankWolfe(rule="open-loop"), problem)
        np.testing.assert_allclose(ours, literal("open_loop", problem), rtol=1e-9)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("pairwise", [False, True])
def test_away_steps_equal_the_reference(problem: Polytope, pairwise: bool) -> None:
    ours = values(AwayFrankWolfe(pairwise=pairwise), problem)
    np.testing.assert_allclose(ours, literal("away", problem, smooth=1.0, pairwise=pairwise), rtol=1e-9)


def test_unseen_steps_leave_the_domain_and_seen_ones_do_not() -> None:
    problem = LogPortfolio(ruin=0.02)
    assert iterate(FrankWolfe(rule="open-loop"), problem, steps=5).ends[0].kind == "diverged"
    for rule in ("skip", "halving", "persistent-halving", "backtracking"):
        trace = iterate(FrankWolfe(rule=rule), problem, steps=100, record=101)
        assert np.isfinite(trace["f(x)"]).all()
        assert (np.diff(trace["f(x)"][0]) <= 1e-12).all()


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_gap_bounds_the_distance_to_the_optimum(problem: Polytope) -> None:
    trace = iterate(FrankWolfe(), problem, steps=100, record=101)
    gap = trace["Frank-Wolfe gap"][0]
    assert (gap >= trace.gap()[0]).all()
    np.testing.assert_allclose(trace["info.frank-wolfe gap"][0, 1:], gap[:-1], rtol=1e-9)


def test_away_steps_are_linear_where_plain_ones_are_not() -> None:
    plain = iterate(FrankWolfe(rule="backtracking"), BALL, steps=400, record=2)["Frank-Wolfe gap"][0, -1]
    for pairwise in (False, True):
        fast = iterate(AwayFrankWolfe(pairwise=pairwise), BALL, steps=400, record=2)["Frank-Wolfe gap"][0, -1]
        assert fast < 1e-3 * plain


@pytest.mark.parametrize("problem", [BALL, SAFE], ids=str)
def test_the_optimum_agrees_with_cvxpy(problem: Polytope) -> None:
    cp: Any = pytest.importorskip("cvxpy")
    x = cp.Variable(len(problem.solution()))
    if isinstance(problem, LogPortfolio):
        solved = cp.Problem(cp.Minimize(-cp.sum(cp.log(problem.returns.numpy() @ x))), [x >= 0, cp.sum(x) == 1])
    else:
        assert isinstance(problem, L1Logistic)
        loss = cp.sum(cp.logistic(-problem.data.numpy() @ x)) / 569
        solved = cp.Problem(cp.Minimize(loss), [cp.norm1(x) <= problem.radius])
    assert problem.optimum() == pytest.approx(solved.solve(solver="CLARABEL"), abs=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_projections_and_vertices_are_what_they_say(problem: Polytope) -> None:
    rng, vertices = np.random.default_rng(0), problem.vertices()
    for _ in range(20):
        y = torch.from_numpy(3 * rng.normal(size=vertices.shape[1]))
        p = problem.project(y)
        assert float(problem.outside(p)) < 1e-12
        # The nearest point of a convex set: no vertex lies on the far side.
        assert float(((vertices - p) @ (y - p)).max()) <= 1e-9
        assert torch.equal(problem.lmo(y), vertices[(vertices @ y).argmin()])
    assert float(problem.criterion(2 * vertices[0])) == math.inf


def test_wrong_settings_are_refused() -> None:
    for make, words in [
        (lambda: FrankWolfe(rule="armijo"), "rule = 'armijo' is unknown"),
        (lambda: FrankWolfe(smooth=0.0), "smooth = 0"),
        (lambda: AwayFrankWolfe(smooth=-1.0), "smooth = -1"),
        (lambda: LogPortfolio(assets=1), "assets = 1"),
        (lambda: LogPortfolio(ruin=1.0), "ruin = 1"),
        (lambda: L1Logistic(radius=0.0), "radius = 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
    assert "needs lmo" in (FrankWolfe(rule="open-loop").declines(_Unbounded()) or "")


class _Unbounded(LogPortfolio):
    lmo = None  # type: ignore[reportAssignmentType]
