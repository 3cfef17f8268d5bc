"""The device's law against closed forms, TNGD against its literal reference, and its two limits."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
import torch
from reference.thermodynamic import law, relax
from reference.tngd import gauss_newton, tngd

import tendsto as tt
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim import OULaw, SGDRule, ThermodynamicSolve, TNGDMethod
from tendsto.optim.thermodynamic import drift

F64 = torch.float64


def system(d: int = 12, condition: float = 100.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    source = Random(0)
    q, _ = torch.linalg.qr(source.normal("basis", (d, d), F64))
    values = torch.logspace(0, -np.log10(condition), d, dtype=F64)
    a = q * values @ q.T
    return (a + a.T) / 2, source.normal("b", (d,), F64), source.normal("x0", (d,), F64)


@pytest.mark.parametrize("t", [0.0, 0.7, 30.0])
def test_the_law_is_the_closed_form(t: float) -> None:
    a, b, x0 = system()
    ours = OULaw(a, b, x0, t, beta=3.0)
    mean, covariance = law(a.numpy(), b.numpy(), x0.numpy(), t, 3.0)
    np.testing.assert_allclose(ours.mean(), mean, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.covariance(), covariance, rtol=1e-9, atol=1e-11)


def test_a_noiseless_run_is_the_literal_one() -> None:
    a, b, x0 = system(condition=10.0)
    ours = ThermodynamicSolve(a, b, dt=0.5).run(20.0, Random(0), x0)
    np.testing.assert_allclose(ours, relax(a.numpy(), b.numpy(), x0.numpy(), 0.5, 40), rtol=1e-12)


def test_draws_have_the_law() -> None:
    a, b, x0 = system()
    exact = OULaw(a, b, x0, 5.0, beta=3.0)
    draws = exact.draw(Random(1), 20000)
    largest = float(exact.covariance().diagonal().max())
    assert float((draws.mean(dim=0) - exact.mean()).abs().max()) < 5 * (largest / 2e4) ** 0.5
    error = (torch.cov(draws.T) - exact.covariance()).norm() / exact.covariance().norm()
    assert float(error) < 0.05


def test_the_simulated_device_relaxes_to_the_law() -> None:
    a, b, x0 = system(condition=10.0)
    chains, dt, steps = 1500, 0.04, 50
    many = x0.expand(chains, -1)
    found = drift(lambda x: x @ a, b.expand(chains, -1), many, steps=steps, dt=dt, beta=2.0, rng=Random(2))
    exact = OULaw(a, b, x0, dt * steps, beta=2.0)
    assert float((found.mean(dim=0) - exact.mean()).abs().max()) < 0.1
    right = float((torch.cov(found.T) - exact.covariance()).norm() / exact.covariance().norm())
    halved = drift(
        lambda x: x @ a, b.expand(chains, -1), many, steps=steps, dt=dt, beta=2.0, rng=Random(2), noise_scale=1.0
    )
    wrong = float((torch.cov(halved.T) - exact.covariance()).norm() / exact.covariance().norm())
    assert right < 0.2 < 0.4 < wrong


def test_a_solve_agrees_with_scipy_and_conjugate_gradients() -> None:
    a, b, _ = system(condition=10.0)
    found = ThermodynamicSolve(a, b).solve(800.0, Random(0)).numpy()
    np.testing.assert_allclose(found, scipy.linalg.solve(a.numpy(), b.numpy()), rtol=1e-9)
    np.testing.assert_allclose(found, scipy.sparse.linalg.cg(a.numpy(), b.numpy(), rtol=1e-12)[0], rtol=1e-6)
    hot, cold = (ThermodynamicSolve(a, b, beta=beta).run(50.0, Random(0)).numpy() for beta in (1e2, 1e6))
    assert np.linalg.norm(hot - found) > 10 * np.linalg.norm(cold - found) > 0


@pytest.mark.parametrize(("warm_start", "delay", "n_steps"), [(True, 0, 3), (False, 0, 3), (False, 0, 0), (True, 2, 2)])
def test_trajectory_is_the_paper_s(warm_start: bool, delay: int, n_steps: int) -> None:
    problem = tt.problems.Softmax(batch=6, l2=1e-2)
    method = TNGDMethod(SGDRule(lr=0.5), damping=0.1, n_steps=n_steps, dt=0.3, warm_start=warm_start, delay=delay)
    source = Random(3)
    state, batches = method.init(Oracle(problem, source), source), []
    first = state["x"].numpy()
    for step in range(1, 5):
        oracle = Oracle(problem, source.at(step))
        batches.append((problem.data[0][oracle.sample].numpy(), problem.data[1][oracle.sample].numpy()))
        state, _ = method.step(state, oracle, source)
        assert oracle.calls == {"gradient": 1, **({"gauss_newton": n_steps} if n_steps else {})}
    want = tngd(first, batches, 0.5, 0.1, n_steps, 0.3, 1e-2, warm_start, delay)
    np.testing.assert_allclose(state["x"], want, rtol=1e-9, atol=1e-12)


def test_short_runs_are_gradient_descent_and_long_ones_the_natural_gradient() -> None:
    problem = tt.problems.Softmax(batch=8, l2=0.0)
    x = 0.1 * Random(5).normal("x", (10, 65), F64)
    state = {"x": x, "slots": {}, "step": torch.zeros((), dtype=F64), "device": torch.zeros_like(x), "past": {}}

    def direction(n_steps: int) -> np.ndarray:
        oracle = Oracle(problem, Random(6))
        method = TNGDMethod(SGDRule(lr=1.0), damping=1.0, n_steps=n_steps, dt=0.2, warm_start=False)
        return (x - method.step(state, oracle, Random(6))[0]["x"]).numpy().flatten()

    sample = Oracle(problem, Random(6)).sample
    curvature, gradient = gauss_newton(x.numpy(), problem.data[0][sample].numpy(), problem.data[1][sample].numpy(), 0.0)
    natural = np.linalg.solve(curvature + 1.0 * np.eye(650), gradient)
    np.testing.assert_allclose(direction(0), gradient, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(direction(60), natural, rtol=1e-3, atol=1e-5)


def test_bad_settings_are_quoted() -> None:
    a, b, x0 = system()
    with pytest.raises(ValueError, match="not symmetric"):
        OULaw(a + torch.triu(torch.ones_like(a)), b, x0, 1.0)
    with pytest.raises(ValueError, match="eigenvalue"):
        OULaw(-a, b, x0, 1.0)
    with pytest.raises(ValueError, match="unstable"):
        ThermodynamicSolve(a, b, dt=5.0)
    with pytest.raises(ValueError, match="n_steps = 0"):
        TNGDMethod(n_steps=0)
    with pytest.raises(ValueError, match="damping = -1"):
        TNGDMethod(damping=-1.0)
