"""Folded concave penalties and the two methods for them, against literal references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import folded_concave as literal
from reference.nonconvex_accelerated import accelerated, soft
from reference.proximal_conjugate_gradient import conjugate

from tendsto.core.iterate import iterate
from tendsto.optim import NonconvexAccelerated, ProximalConjugateGradient, ProximalGradient
from tendsto.optim.nonconvex_accelerated import GOLDEN
from tendsto.optim.proximal_conjugate_gradient import RULES
from tendsto.problems import FoldedConcave, FoldedConcaveRegression, Quadratic
from tendsto.testing import check_problem

SMALL = FoldedConcaveRegression(samples=30, features=40, signals=3)
LR = 0.9 / SMALL.constants().known()["smooth"]


def gradient(x: np.ndarray) -> np.ndarray:
    return SMALL.gradient(torch.from_numpy(x)).numpy()


def values(points: list[np.ndarray]) -> list[float]:
    return [float(SMALL.criterion(torch.from_numpy(x))) for x in points]


@pytest.mark.parametrize("kind", ["scad", "mcp"])
@pytest.mark.parametrize("lam", [0.3, 2.0])
def test_a_penalty_is_the_integral_of_its_derivative(kind: str, lam: float) -> None:
    made = FoldedConcave(kind, lam)
    for b in (0.0, 0.1, -0.7, 1.5, -4.0, 30.0):
        assert float(made.value(torch.tensor(b, dtype=torch.float64))) == pytest.approx(
            literal.penalty(kind, b, lam, made.a), abs=1e-10
        )
        if b:
            slope = np.sign(b) * literal.derivative(kind, abs(b), lam, made.a)
            concave = float(made.concave_gradient(torch.tensor(b, dtype=torch.float64)))
            assert lam * np.sign(b) - concave == pytest.approx(slope, abs=1e-12)


@pytest.mark.parametrize("kind", ["scad", "mcp"])
def test_its_curvature_is_the_largest_slope_of_the_concave_part(kind: str) -> None:
    made, b = FoldedConcave(kind, 1.0), torch.linspace(-5, 5, 100_001, dtype=torch.float64)
    slopes = made.concave_gradient(b).diff() / b.diff()
    assert float(slopes.max()) == pytest.approx(made.curvature, rel=1e-9)
    assert slopes.min() > -1e-9


@pytest.mark.parametrize("kind", ["scad", "mcp"])
def test_the_problem_keeps_its_promises(kind: str) -> None:
    check_problem(FoldedConcaveRegression(samples=15, features=8, signals=2, kind=kind))


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(("variant", "first"), [("paper", 1.0), ("official", GOLDEN)])
def test_acceleration_is_the_literal_one(variant: str, first: float, restart: bool) -> None:
    method = NonconvexAccelerated(lr=LR, restart=restart, variant=variant)
    ours = iterate(method, SMALL, steps=60, record=61)["F(b)"][0]
    points = accelerated(np.zeros(40), gradient, SMALL.penalty.lam, LR, 60, first, restart)
    np.testing.assert_allclose(ours, values(points), rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_conjugate_directions_are_the_literal_ones(rule: str) -> None:
    ours = iterate(ProximalConjugateGradient(lr=LR, rule=rule), SMALL, steps=40, record=41)["F(b)"][0]

    def whole(x: np.ndarray) -> float:
        return float(SMALL.value(torch.from_numpy(x)) + SMALL.regulariser(torch.from_numpy(x)))

    def prox(x: np.ndarray, step_size: float) -> np.ndarray:
        return soft(x, step_size * SMALL.penalty.lam)

    points = conjugate(np.zeros(40), whole, gradient, prox, LR, rule, 40)
    np.testing.assert_allclose(ours, values(points), rtol=1e-9)


def test_all_end_at_the_same_stationary_point() -> None:
    methods = [ProximalGradient(lr=LR), NonconvexAccelerated(lr=LR), ProximalConjugateGradient(lr=LR)]
    traces = [iterate(method, SMALL, steps=3000, record=2) for method in methods]
    assert max(t["||G||^2"][0, -1] for t in traces) < 1e-16
    np.testing.assert_allclose([t.final()[0] for t in traces], traces[0].final()[0], rtol=1e-9)


def test_conjugate_directions_never_rise() -> None:
    for rule in RULES:
        f = iterate(ProximalConjugateGradient(lr=LR, rule=rule), SMALL, steps=100, record=101)["F(b)"][0]
        assert (np.diff(f) <= 1e-15).all()


def test_bad_settings_are_quoted() -> None:
    with pytest.raises(ValueError, match="penalty 'lasso' is unknown"):
        FoldedConcave("lasso", 1.0)
    with pytest.raises(ValueError, match=r"shape = 1.5 of scad is too small"):
        FoldedConcave("scad", 1.0, 1.5)
    with pytest.raises(ValueError, match="lam = -1"):
        FoldedConcave("mcp", -1.0)
    with pytest.raises(ValueError, match="signals no more than features"):
        FoldedConcaveRegression(features=3, signals=4)
    with pytest.raises(ValueError, match="correlation = 1"):
        FoldedConcaveRegression(correlation=1.0)
    with pytest.raises(ValueError, match="variant = 'mine'"):
        NonconvexAccelerated(variant="mine")
    with pytest.raises(ValueError, match="rule = 'mine'"):
        ProximalConjugateGradient(rule="mine")
    assert "no regulariser" in (NonconvexAccelerated().declines(Quadratic()) or "")
