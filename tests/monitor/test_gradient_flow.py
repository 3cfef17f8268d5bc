"""The end of gradient flow: closed forms, solvers and literal references against one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import gfs_monotone, gradient_flow, scalar_network, squared_regression
from torch import nn

import tendsto as tt
from tendsto.core.problem import Declined
from tendsto.monitor import FlowSharpness, flow_limit, gfs_sharpness, sharpness
from tendsto.optim import GradientDescent
from tendsto.problems import ScalarNetwork, SquaredRegression
from tendsto.testing import check_problem
from tendsto.theory import GFSMonotone

DEPTHS = [2, 3, 6]


def weights(depth: int, seed: int, spread: float = 0.6) -> np.ndarray:
    return np.exp(spread * np.random.default_rng(seed).normal(size=depth))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("target", [1.0, 2.5])
def test_the_closed_form_of_a_scalar_network(depth: int, target: float) -> None:
    problem = ScalarNetwork(depth, sharpness=(100.0, 100.0), target=target)
    for seed in range(5):
        w = weights(depth, seed, 1.0)
        x = torch.from_numpy(w)
        np.testing.assert_allclose(problem.flow_limit(x) ** 2, scalar_network.flow_squares(w, target), rtol=1e-11)
        wanted = scalar_network.gfs_sharpness(w, target)
        assert float(problem.flow_sharpness(x)) == pytest.approx(wanted, rel=1e-11)
        np.testing.assert_allclose(problem.gradient(x), scalar_network.gradient(w, target), rtol=1e-12)
        np.testing.assert_allclose(problem.hessian(x), scalar_network.hessian(w, target), rtol=1e-12)
        # At the minimum it is the Hessian's one positive eigenvalue.
        values = np.linalg.eigvalsh(problem.hessian(problem.flow_limit(x)))
        np.testing.assert_allclose(values, [0.0] * (depth - 1) + [wanted], atol=1e-9 * wanted)


def test_where_the_product_is_negative_the_smallest_weight_changes_its_sign() -> None:
    problem = ScalarNetwork(3)
    x = torch.tensor([1.3, -0.4, 0.9], dtype=torch.float64)
    end = flow_limit(problem, x, rtol=1e-11, tolerance=1e-9).x
    np.testing.assert_allclose(problem.flow_limit(x), end, rtol=1e-7)
    assert end[1] > 0
    at_zero = torch.tensor([1.3, 0.0, -0.9], dtype=torch.float64)
    ended = flow_limit(problem, at_zero, rtol=1e-11, tolerance=1e-9).x
    np.testing.assert_allclose(problem.flow_limit(at_zero), ended, rtol=1e-7)


@pytest.mark.parametrize("depth", DEPTHS)
def test_initial_points_have_the_sharpness_and_product_that_were_asked_for(depth: int) -> None:
    for product in (0.4, 1.0, 1.3):
        problem = ScalarNetwork(depth, sharpness=(12.0, 13.0), product=product)
        for seed in range(4):
            x = problem.init(tt.Random(seed))
            assert float(x.prod()) == pytest.approx(product, rel=1e-10)
            assert 12.0 - 1e-6 <= scalar_network.gfs_sharpness(x.numpy()) <= 13.0 + 1e-6
            assert (x > 0).all()


@pytest.mark.parametrize("problem", [ScalarNetwork(2, target=3.0, sharpness=(20.0, 30.0)), SquaredRegression(2, 3)])
def test_variants_keep_the_promises_of_problems(problem: tt.Problem) -> None:
    check_problem(problem)


def test_the_flow_of_squared_regression_ends_where_the_convex_problem_says() -> None:
    problem = SquaredRegression(terms=3, dimension=6)
    features, y = (part.numpy() for part in problem.data)
    x = problem.init(tt.Random(3))
    u, v = squared_regression.flow(features, y, x["u"].numpy(), x["v"].numpy(), 200.0)
    end = problem.flow_limit(x)
    np.testing.assert_allclose(end["u"], u, rtol=1e-8)
    np.testing.assert_allclose(end["v"], v, rtol=1e-8)
    top = np.linalg.eigvalsh(squared_regression.hessian(features, y, u, v))[-1]
    assert float(problem.flow_sharpness(x)) == pytest.approx(top, rel=1e-6)
    assert gfs_sharpness(problem, x, tolerance=1e-9) == pytest.approx(top, rel=1e-6)
    given = x["u"].numpy(), x["v"].numpy()
    assert float(problem.value(x)) == pytest.approx(squared_regression.loss(features, y, *given), rel=1e-12)
    there = np.linalg.eigvalsh(squared_regression.hessian(features, y, *given))[-1]
    assert float(problem.sharpness(x)) == pytest.approx(there, rel=1e-6)


@pytest.mark.parametrize("stiff", [True, False])
def test_both_solvers_reach_the_end_of_a_fine_runge_kutta_method(stiff: bool) -> None:
    w = np.array([1.6, 0.9, 0.5])
    end = flow_limit(ScalarNetwork(3), torch.from_numpy(w), stiff=stiff, rtol=1e-10, tolerance=1e-9)
    wanted = gradient_flow.flow_end(scalar_network.gradient, w, 0.01, 2000)
    np.testing.assert_allclose(end.x, wanted, rtol=1e-7)
    assert end.gradient_norm < 1e-8
    top = gradient_flow.top_eigenvalue(scalar_network.gradient, wanted)
    assert sharpness(ScalarNetwork(3), end.x) == pytest.approx(top, rel=1e-6)


def test_a_users_own_scalar_network() -> None:
    """Three linear layers of one unit without bias, as a module: what a user brings."""
    model = nn.Sequential(*(nn.Linear(1, 1, bias=False, dtype=torch.float64) for _ in range(3)))
    w = [1.7, 0.6, 1.1]
    with torch.no_grad():
        for layer, value in zip(model, w, strict=True):
            layer.weight.fill_(value)
    one = torch.ones(1, 1, dtype=torch.float64)
    problem = tt.problem(model, nn.functional.mse_loss, (one, one), batch=None)
    # Its loss is (p - 1)^2, twice the paper's.
    wanted = 2 * scalar_network.gfs_sharpness(np.array(w))
    assert gfs_sharpness(problem, problem.init(tt.Random(0)), tolerance=1e-8) == pytest.approx(wanted, rel=1e-6)


def test_lanczos_agrees_with_the_whole_hessian() -> None:
    problem = tt.problems.Quadratic(dimension=250, largest=3.0)
    assert sharpness(problem, torch.ones(250, dtype=torch.float64)) == pytest.approx(3.0, rel=1e-6)


def test_the_metrics_along_a_run_are_those_of_the_closed_form() -> None:
    problem = ScalarNetwork(3)
    watched = FlowSharpness(problem, tolerance=1e-9, rtol=1e-10)
    trace = tt.iterate(tt.optim.SGD.rule(lr=0.2), watched, steps=20, record=3)
    closed = tt.iterate(tt.optim.SGD.rule(lr=0.2), problem, steps=20, record=3)
    np.testing.assert_allclose(trace["GFS sharpness"], closed["GFS sharpness"], rtol=1e-7)
    np.testing.assert_allclose(trace["sharpness"], closed["sharpness"], rtol=1e-9)


def test_flows_without_an_end_and_bad_input_are_one_sentence() -> None:
    x = torch.ones(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="tolerance = 0"):
        flow_limit(tt.problems.Quadratic(dimension=2), x, tolerance=0.0)
    with pytest.raises(ValueError, match="not finite"):
        flow_limit(tt.problems.Quadratic(dimension=2), x * torch.inf)
    with pytest.raises(ArithmeticError, match="has not ended after 3 steps"):
        flow_limit(tt.problems.Rosenbrock(), x * 0, max_steps=3)
    with pytest.raises(Declined, match="no torch gradient"):
        flow_limit(tt.Problem(), x)
    with pytest.raises(ValueError, match=r"sharpness = \(1.0, 9.0\)"):
        ScalarNetwork(2, sharpness=(1.0, 9.0))
    with pytest.raises(ValueError, match="depth = 1"):
        ScalarNetwork(1)
    with pytest.raises(ValueError, match="terms = 3 and dimension = 2"):
        SquaredRegression(3, 2)


def test_the_theorem_on_a_run_and_on_its_reference() -> None:
    problem = ScalarNetwork(4, sharpness=(12.0, 14.0))
    theorem = GFSMonotone(lr=0.2, start=14.0)
    trace = tt.iterate(theorem.method_for(), problem, steps=60, seeds=3, record=61)
    for seed in range(3):
        # The trace's own start: iterate hands the problem a fork of the seed.
        w = problem.init(tt.Random(seed).fork("oracle").fork("init")).numpy()
        wanted = gfs_monotone.sharpness_along(w, 0.2, 60)
        np.testing.assert_allclose(trace["GFS sharpness"][seed], wanted, rtol=1e-9)
        assert gfs_monotone.admissible(w, 0.2)
        assert gfs_monotone.rises(wanted) == theorem.rises(trace)[seed] == 0
    assert not theorem.outside(trace).any()
    assert theorem.check(trace).holds
    assert theorem.check(trace).tightness == pytest.approx(trace["GFS sharpness"].max() / 14.0, rel=0.1)


def test_the_theorem_is_violated_where_it_says_nothing() -> None:
    """Steps beyond its threshold, asked of it as if they were admissible."""
    problem = ScalarNetwork(2, sharpness=(20.0, 20.0))
    trace = tt.iterate(GradientDescent(lr=0.2), problem, steps=60, seeds=10, record=61)
    theorem = GFSMonotone(lr=0.1, start=20.0)
    assert theorem.rises(trace).any() or theorem.outside(trace).all()
    assert theorem.outside(trace).any()
    with pytest.raises(ValueError, match=r"lr \* start = 4 exceeds 2 sqrt\(2\)"):
        GFSMonotone(lr=0.2, start=20.0)
    with pytest.raises(ValueError, match="start = -1"):
        GFSMonotone(lr=0.2, start=-1.0)


def test_a_run_that_diverges_takes_no_other_lane_with_it() -> None:
    problem = ScalarNetwork(3, sharpness=(10.0, 60.0))
    trace = tt.iterate(GradientDescent(lr=0.2), problem, steps=40, seeds=12, record=41)
    kinds = {end.kind for end in trace.ends}
    assert kinds == {"budget", "diverged"}
    alive = [end.kind == "budget" for end in trace.ends]
    assert np.isfinite(trace["sharpness"][alive]).all()
