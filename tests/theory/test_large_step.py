"""Large steps and sharp minima: the landscape, the theorem, the constants it needs, and the method of the ablation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import large_step, noisy_gd, sharp_traps

import tendsto as tt
from tendsto.core.problem import Declined
from tendsto.monitor import sharpness
from tendsto.optim import GradientDescent, NoisyGD
from tendsto.problems import Quadratic, SharpTraps
from tendsto.testing import check_problem
from tendsto.theory import LargeStep, OnePointConvexity, one_point_convexity

MANY = SharpTraps(dimension=4, traps=3, radius=0.1, connector=0.03, start="traps")


@pytest.mark.parametrize("problem", [SharpTraps(), MANY, SharpTraps(sharpness=800.0)])
def test_the_landscape_is_the_reference(problem: SharpTraps) -> None:
    shape = problem.minima.numpy(), problem.sharpness, problem.radius, problem.connector
    rng = np.random.default_rng(0)
    near = [
        c + s * v / np.linalg.norm(v)
        for c in problem.centres.numpy()
        for s in (0.0, 0.03, 0.07, 0.12, 0.3)
        for v in [rng.normal(size=problem.dimension)]
    ]
    for x in [*near, rng.normal(size=problem.dimension)]:
        at = torch.from_numpy(x)
        assert float(problem.value(at)) == pytest.approx(sharp_traps.value(x, *shape), rel=1e-9)
        np.testing.assert_allclose(problem.gradient(at), sharp_traps.gradient(x, *shape), rtol=1e-9, atol=1e-11)


def test_the_landscape_keeps_its_promises() -> None:
    check_problem(MANY)
    for minimum in MANY.minima:
        assert float(MANY.gradient(minimum).norm()) < 1e-12
        assert sharpness(MANY, minimum) == pytest.approx(200.0, rel=1e-9)
        assert float(MANY.value(minimum)) > 0
    for seed in range(20):
        assert float(MANY.metrics(MANY.init(tt.Random(seed)))["in a trap"]) == 1
    assert float(MANY.metrics(MANY.solution())["in a trap"]) == 0


@pytest.mark.parametrize(("lr", "share"), [(0.005, 1.0), (0.0099, 1.0), (0.05, 0.0)])
def test_small_steps_stay_where_large_ones_leave(lr: float, share: float) -> None:
    problem = SharpTraps(start="traps")
    trace = tt.iterate(GradientDescent(lr=lr), problem, steps=400, seeds=20, record=2)
    assert trace["in a trap"][:, -1].mean() == share
    if share:
        np.testing.assert_allclose(np.sqrt(trace["||x - x*||^2"][:, -1]), 3.0, rtol=0.02)


def test_between_the_ends_of_the_bracket_runs_neither_settle_nor_leave() -> None:
    """What the connector does: at 1.15 times 2/mu the minimum is unstable, and no run gets out."""
    problem = SharpTraps(start="traps")
    low, high = problem.escape_bracket()
    trace = tt.iterate(GradientDescent(lr=1.15 * low), problem, steps=200, seeds=10, record=201)
    stays = trace["in a trap"][:, -1] == 1
    assert 1.15 * low < high
    assert stays.mean() > 0.4
    moves = np.abs(np.diff(np.sqrt(trace["||x - x*||^2"][stays, -50:]), axis=1)).max(axis=1)
    assert (moves > 1e-3).all()
    above = tt.iterate(GradientDescent(lr=1.05 * high), problem, steps=1000, seeds=10, record=2)
    assert above["in a trap"][:, -1].mean() == 0


def test_the_theorem_on_the_landscape() -> None:
    theorem = LargeStep(lr=0.5, one_point=1.0, smooth=1.0, trap=200.0, start=2.5)
    np.testing.assert_allclose(theorem.bound(np.arange(6)), large_step.squared_distances(2.5, 0.5, 1.0, 5), rtol=1e-12)
    outside = SharpTraps(dimension=2, box=1.7)
    trace = tt.iterate(theorem.method_for(), outside, steps=20, seeds=5, record=21)
    assert theorem.check(trace).holds
    # The bowl contracts by (1 - lr)^2 = 1/4 a step; a bound of that would be tight, a smaller one is refuted.
    tighter = LargeStep(lr=0.9, one_point=1.0, smooth=1.0, trap=200.0, start=2.5)
    assert not tighter.check(trace).holds
    for lr in (0.011, 0.02, 0.3):
        row = LargeStep(lr=lr, one_point=1.0, smooth=1.0, trap=200.0)
        assert row.escape_steps(1e-7, 0.05) == large_step.steps_to_leave(1e-7, 0.05, lr, 200.0)
        assert large_step.admissible(lr, 1.0, 1.0, 200.0)


def test_the_estimated_constants_are_those_of_the_landscape() -> None:
    trap = one_point_convexity(MANY, MANY.minima[1], 0.05)
    assert trap.strongly_convex == pytest.approx(200.0, rel=1e-9)
    assert trap.smooth == pytest.approx(200.0, rel=1e-9)
    assert trap.kept_below == pytest.approx(1 / 200)
    assert trap.left_above == pytest.approx(1 / 100)
    across = one_point_convexity(MANY, MANY.minima[1], 1.0)
    assert across.strongly_convex < 0
    assert across.left_above == np.inf
    known = one_point_convexity(Quadratic(dimension=2, smallest=0.5), torch.zeros(2, dtype=torch.float64), 1.0)
    assert known.strongly_convex == pytest.approx(0.5, rel=0.01)
    assert known.smooth == pytest.approx(1.0, rel=0.01)
    assert OnePointConvexity(-1.0, 2.0).kept_below == 0


def test_noisy_steps_are_the_reference() -> None:
    problem = Quadratic(dimension=3, noise=0.0)
    method = NoisyGD(lr=0.3, variance=0.2, drop=0.1, after=4)
    trace = tt.iterate(method, problem, steps=8, seeds=[5], record=9)
    h = problem.curvatures().numpy()
    x = problem.init(tt.Random(5).fork("oracle").fork("init")).numpy()
    noise = [tt.Random(5, t).fork("method").normal("noise ", (3,), torch.float64).numpy() for t in range(1, 9)]
    points = noisy_gd.descent(x, lambda p: h * p, noise, 0.3, 0.2, 0.1, 4)
    np.testing.assert_allclose(trace["||x - x*||^2"][0], [p @ p for p in points], rtol=1e-10)


def test_noise_has_the_variance_that_a_quadratic_settles_at() -> None:
    """x+ = (1 - lr) x + sqrt(lr v) xi has the variance v / (2 - lr)."""
    problem = Quadratic(dimension=1, smallest=1.0)
    trace = tt.iterate(NoisyGD(lr=0.1, variance=0.5), problem, steps=100, seeds=1000, record=2)
    assert trace["||x - x*||^2"][:, -1].mean() == pytest.approx(0.5 / 1.9, rel=0.15)


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"step size 0.005 is not in .* the sharp minimum keeps it"):
        LargeStep(lr=0.005, one_point=1.0, smooth=1.0, trap=200.0)
    with pytest.raises(ValueError, match="too long"):
        LargeStep(lr=1.5, one_point=1.0, smooth=1.0, trap=200.0)
    with pytest.raises(ValueError, match="one_point = 2"):
        LargeStep(lr=0.5, one_point=2.0, smooth=1.0, trap=200.0)
    with pytest.raises(ValueError, match="trap = -1"):
        LargeStep(lr=0.5, one_point=1.0, smooth=1.0, trap=-1.0)
    with pytest.raises(ValueError, match="distance = 0"):
        LargeStep(lr=0.5, one_point=1.0, smooth=1.0, trap=200.0).escape_steps(0.0, 0.1)
    with pytest.raises(ValueError, match="radius = 0"):
        one_point_convexity(MANY, MANY.minima[0], 0.0)
    with pytest.raises(Declined, match="no torch gradient"):
        one_point_convexity(tt.Problem(), torch.ones(1), 1.0)
    with pytest.raises(ValueError, match="does not hold its minimum"):
        SharpTraps(sharpness=10.0)
    with pytest.raises(ValueError, match="deeper"):
        SharpTraps(radius=0.3, connector=0.3)
    with pytest.raises(ValueError, match="overlap"):
        SharpTraps(dimension=2, traps=200)
    with pytest.raises(ValueError, match="start = 'edge'"):
        SharpTraps(start="edge")
    with pytest.raises(ValueError, match="variance = -1"):
        NoisyGD(variance=-1.0)
