"""Training on functions with kinks: exact cycles, the penalty through autograd, and the diagnosis of a step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import absolute_value, autograd_penalty, kinks, sparse_regression, step_cycle
from torch import nn

import tendsto as tt
from tendsto.core.problem import Declined
from tendsto.core.registry import make
from tendsto.monitor import diagnose_step
from tendsto.optim import GradientDescent
from tendsto.problems import AbsoluteValue, AutogradPenalty, Lasso, SparseRegression
from tendsto.testing import check_problem
from tendsto.theory import step_cycle as predicted

# lr, start, slope, smoothing; decimal, so that the reference can take them exactly.
STEPS = [
    ("0.1", "1.03", "1", "0"),
    ("0.3", "-2.2", "2", "0"),
    ("0.5", "1.5", "1", "0"),
    ("0.7", "0.05", "1", "0.1"),
    ("0.7", "-3.21", "1.5", "0.2"),
    ("0.25", "1.1", "1", "0.12"),
    ("0.15", "1.1", "1", "0.1"),
    ("0.2", "0.03", "1", "0.1"),
    ("0.2", "0.93", "1", "0.1"),
    ("1", "0", "1", "0.1"),
    ("0.9", "0.001", "1", "0.3"),
]


@pytest.mark.parametrize("case", STEPS, ids=" ".join)
def test_the_end_of_constant_steps_is_that_of_exact_arithmetic(case: tuple[str, str, str, str]) -> None:
    lr, start, slope, smoothing = map(float, case)
    points, mean = step_cycle.end(*case)
    found = predicted(lr, start, slope=slope, smoothing=smoothing)
    assert sorted(found.points) == pytest.approx(sorted(points), abs=1e-9)
    assert found.mean_gap == pytest.approx(mean, abs=1e-9)


def test_the_cycle_is_entered_when_it_is_said() -> None:
    for lr, start, smoothing in ((0.1, 1.03, 0.0), (0.7, -3.21, 0.1), (0.7, 0.01, 0.1)):
        found = predicted(lr, start, smoothing=smoothing)
        points = absolute_value.descent(start, lr, found.entered + 3, 1.0, smoothing)
        assert points[found.entered :] == pytest.approx([*found.points, *found.points], abs=1e-12)
        assert found.entered == 0 or abs(points[found.entered - 1] - found.points[1]) > 1e-9


@pytest.mark.parametrize(("slope", "smoothing"), [(2.0, 0.0), (1.5, 0.3)])
def test_descent_on_the_problem_is_the_reference(slope: float, smoothing: float) -> None:
    problem = AbsoluteValue(slope=slope, smoothing=smoothing, start=1.234)
    check_problem(problem)
    trace = tt.iterate(GradientDescent(lr=0.17), problem, steps=40, record=41)
    points = absolute_value.descent(1.234, 0.17, 40, slope, smoothing)
    np.testing.assert_allclose(trace["x"][0], points, rtol=1e-13, atol=1e-14)
    values = [absolute_value.value(p, slope, smoothing) for p in points]
    np.testing.assert_allclose(trace["f(x) - f*"][0], values, rtol=1e-12, atol=1e-14)


def test_the_penalty_through_autograd_and_through_its_proximal_map() -> None:
    base = SparseRegression(penalty=3.0)
    x, y = (part.numpy() for part in base.data)
    start = base.init(tt.Random(0).fork("oracle").fork("init")).numpy()
    through = tt.iterate(GradientDescent(lr=0.01), AutogradPenalty(base), steps=50, record=2)
    w = autograd_penalty.ngdm(x, y, 3.0, start, 0.01, 50)
    assert through["||w||_1"][0, -1] == pytest.approx(np.abs(w).sum(), rel=1e-11)
    assert through["F(w)"][0, -1] == pytest.approx(sparse_regression.objective(x, y, 3.0, w), rel=1e-11)
    prox = tt.iterate(_ista(), base, steps=50, record=2)
    w = sparse_regression.ista(x, y, 3.0, start, 0.01, 50)
    assert prox["||w||_1"][0, -1] == pytest.approx(np.abs(w).sum(), rel=1e-11)
    assert prox["zeros"][0, -1] == (w == 0).sum()


def _ista(lr: float = 0.01) -> tt.Method:
    return make("proximal-gradient", lr=lr)


def test_the_solution_of_the_sparse_problem_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    base = SparseRegression(penalty=0.2)
    x, y = (part.numpy() for part in base.data)
    peer = linear.Lasso(alpha=0.2, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x, y).coef_
    trace = tt.iterate(_ista(0.3), base, steps=500, record=2)
    assert trace["F(w)"][0, -1] == pytest.approx(sparse_regression.objective(x, y, 0.2, peer), rel=1e-8)
    assert trace["zeros"][0, -1] == (peer == 0).sum() > 0
    assert base.optimum() is None
    assert SparseRegression(penalty=base.largest_penalty()).solution() is not None


def test_a_wrapped_problem_keeps_its_promises() -> None:
    check_problem(AutogradPenalty(SparseRegression(penalty=0.3, dimension=4, nonzeros=2)))
    wrapped = AutogradPenalty(Lasso())
    assert "prox" not in wrapped.offers()
    assert tt.iterate(GradientDescent(lr=0.01), wrapped, steps=3, record=2)["nonzeros"][0, -1] == 10


def network(activation: nn.Module, dtype: torch.dtype = torch.float64) -> tt.Problem:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 12), activation, nn.Linear(12, 1)).to(dtype)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.from_numpy(rng.normal(size=tuple(p.shape)) / 2))
    data = torch.from_numpy(rng.normal(size=(30, 4))).to(dtype), torch.from_numpy(rng.normal(size=(30, 1))).to(dtype)
    return tt.problem(model, nn.functional.mse_loss, data, batch=None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_users_network_has_a_kink_with_relu_and_none_with_tanh(dtype: torch.dtype) -> None:
    for activation, kink in ((nn.LeakyReLU() if dtype == torch.float64 else nn.ReLU(), True), (nn.Tanh(), False)):
        problem = network(activation, dtype)
        found = diagnose_step(problem, problem.init(tt.Random(0)), lr=0.5)
        assert found.kink == kink, f"{activation}: {found}"
        assert ("jumps" in str(found)) == kink


def test_the_jump_is_that_of_a_fine_grid() -> None:
    problem = AutogradPenalty(SparseRegression(penalty=1.0, dimension=6, nonzeros=2))
    x = problem.init(tt.Random(1))
    y = x + torch.tensor([0.0, 0.0, -2.0 * x[2], 0.1, 0.0, 0.0], dtype=torch.float64)

    def gradient(w: np.ndarray) -> np.ndarray:
        return problem.gradient(torch.from_numpy(w)).numpy()

    found = diagnose_step(problem, x, to=y)
    wanted, at = kinks.largest_change(gradient, x.numpy(), y.numpy(), 701)
    # One sign changes: the penalty's subgradient jumps by 2.
    assert found.jump == pytest.approx(2.0, abs=1e-8)
    assert found.jump == pytest.approx(wanted, rel=0.02)
    assert found.at == pytest.approx(at, abs=2e-3)


def test_a_smooth_function_of_which_single_hessians_say_nothing() -> None:
    huber = AbsoluteValue(smoothing=0.1)
    x = torch.tensor([0.3], dtype=torch.float64)
    found = diagnose_step(huber, x, lr=0.5)
    assert not found.kink
    assert found.unexplained == 1.0
    assert "too long" in str(found)
    assert "Hessian at x does not give 100%" in str(diagnose_step(huber, x, to=-x))
    smooth = diagnose_step(tt.problems.Quadratic(dimension=3), torch.ones(3, dtype=torch.float64), lr=0.1)
    assert "looks smooth" in str(smooth)
    assert smooth.unexplained < 1e-12


def test_bad_input_is_one_sentence() -> None:
    x = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ValueError, match="exactly one"):
        diagnose_step(AbsoluteValue(), x)
    with pytest.raises(ValueError, match="length 0"):
        diagnose_step(AbsoluteValue(), 0 * x, lr=0.1)
    with pytest.raises(ValueError, match="lr = -1"):
        diagnose_step(AbsoluteValue(), x, lr=-1.0)
    with pytest.raises(Declined, match="no torch gradient"):
        diagnose_step(tt.Problem(), x, lr=1.0)
    with pytest.raises(ValueError, match="no regulariser"):
        AutogradPenalty(tt.problems.Quadratic())
    with pytest.raises(ValueError, match="lr = 0"):
        predicted(0.0, 1.0)
    with pytest.raises(ValueError, match="start = nan"):
        predicted(0.1, float("nan"))
    with pytest.raises(ValueError, match="smoothing = -1"):
        AbsoluteValue(smoothing=-1.0)
    with pytest.raises(ValueError, match="nonzeros = 9"):
        SparseRegression(dimension=3, nonzeros=9)
