"""FB-GVI and BWGD against their literal transcriptions, and what the proximal step is for."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from reference import bwgd, fb_gvi
from scipy.optimize import minimize

from tendsto.core.iterate import iterate
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Declined
from tendsto.core.random import Random
from tendsto.sampling import (
    BWGD,
    FBGVI,
    Gaussian,
    GaussianApproximation,
    LogDensity,
    LogisticPosterior,
    bures_wasserstein_distance,
    entropy_prox,
    fb_gvi_step,
    fit_gaussian,
)
from tendsto.theory import FBGVIContraction, FBGVIStochastic, FBGVISublinear

STEPS = 25
TILTED = Gaussian((1.0, -1.0, 0.5), ((2.0, 0.5, 0.0), (0.5, 1.0, 0.3), (0.0, 0.3, 4.0)))
POSTERIOR = LogisticPosterior.synthetic(3, 10)


def visited(method: Any, problem: Any, steps: int = STEPS) -> list[tuple[np.ndarray, np.ndarray]]:
    state = {"x": problem.init(Random(0))}
    points = [state["x"]]
    for k in range(1, steps + 1):
        rng = Random(0, k)
        state, _ = method.step(state, Oracle(problem, rng), rng)
        points.append(state["x"])
    return [(p["mean"].numpy(), p["cov"].numpy()) for p in points]


@pytest.mark.parametrize("target", [TILTED, POSTERIOR], ids=["gaussian", "logistic"])
@pytest.mark.parametrize(("method", "reference"), [(FBGVI, fb_gvi), (BWGD, bwgd)])
def test_equals_the_reference(target: Any, method: Any, reference: Any) -> None:
    problem = GaussianApproximation(target, spread=0.7)
    lr = 0.8 / problem.constants().smooth  # type: ignore[reportOptionalOperand]

    def oracle(m: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer = problem.expected_derivatives({"mean": torch.from_numpy(m), "cov": torch.from_numpy(s)})
        return answer["gradient"].numpy(), answer["hessian"].numpy()

    ours = visited(method(lr=lr), problem)
    literal = reference.run(*ours[0], oracle, lr, STEPS)
    for (m, s), (want_m, want_s) in zip(ours, literal, strict=True):
        np.testing.assert_allclose(m, want_m, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(s, want_s, rtol=1e-10, atol=1e-12)


def test_draws_give_what_the_reference_makes_of_them() -> None:
    problem = GaussianApproximation(POSTERIOR, "sample")
    lr = 0.05
    ours = visited(FBGVI(lr=lr), problem)
    m, s = ours[0]
    for k in range(1, STEPS + 1):
        z = Oracle(problem, Random(0, k)).sample
        root = torch.linalg.eigh(torch.from_numpy(s))
        x = torch.from_numpy(m) + ((root.eigenvectors * root.eigenvalues.sqrt()) @ root.eigenvectors.T @ z[0])
        b, a = -POSTERIOR.score(x[None])[0].numpy(), -POSTERIOR.hessian(x[None])[0].numpy()
        m, s = fb_gvi.run(m, s, lambda *_, b=b, a=a: (b, a), lr, 1)[1]
        np.testing.assert_allclose(ours[k][0], m, rtol=1e-9)
        np.testing.assert_allclose(ours[k][1], s, rtol=1e-9)


def test_the_proximal_step_minimises_what_it_says() -> None:
    root = Random(1).normal("a", (2, 2), torch.float64)
    lr = 0.3
    found = entropy_prox(root, lr)

    def objective(v: np.ndarray) -> float:
        factor = np.array([[np.exp(v[0]), 0.0], [v[1], np.exp(v[2])]])
        s = factor @ factor.T
        zero = np.zeros(2)
        distance = float(bures_wasserstein_distance(zero, s, zero, (root @ root.T).numpy())) ** 2
        return -0.5 * np.linalg.slogdet(s)[1] + distance / (2 * lr)

    best = minimize(objective, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14})
    low = np.linalg.cholesky(found.numpy())
    mine = objective(np.array([np.log(low[0, 0]), low[1, 0], np.log(low[1, 1])]))
    assert mine <= best.fun + 1e-12
    assert mine == pytest.approx(best.fun, abs=1e-8)


def test_no_eigenvalue_is_below_the_step_even_from_a_singular_half_step() -> None:
    """With lr = 1/beta, I - lr A is singular; eigenvalues that rounding made negative would have no root."""
    problem = GaussianApproximation(TILTED)
    for _, s in visited(FBGVI(), problem, 300)[1:]:
        assert np.linalg.eigvalsh(s)[0] >= (1 - 1e-12) * problem.constants().smooth ** -1  # type: ignore[reportOptionalOperand]
    zero = torch.zeros(2, 2, dtype=torch.float64)
    torch.testing.assert_close(entropy_prox(zero, 0.1), 0.1 * torch.eye(2, dtype=torch.float64))
    assert entropy_prox(zero / 0, 0.1).isnan().all()


def test_steps_are_batched_over_targets_and_step_sizes() -> None:
    rng = Random(2)
    a = rng.normal("a", (4, 3, 3), torch.float64)
    s, h = a @ a.mT, 0.1 * (a.mT @ a)
    m, b = rng.normal("m", (4, 3), torch.float64), rng.normal("b", (4, 3), torch.float64)
    lr = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    together = fb_gvi_step(m, s, b, h, lr)
    for i in range(4):
        for many, one in zip(together, fb_gvi_step(m[i], s[i], b[i], h[i], float(lr[i])), strict=True):
            torch.testing.assert_close(many[i], one, rtol=1e-12, atol=1e-14)


def test_bounds_equal_the_literal_rates_and_hold() -> None:
    problem = GaussianApproximation(TILTED, start=3.0)
    known = problem.constants()
    assert known.smooth is not None
    assert known.strongly_convex is not None
    trace = iterate(FBGVI(), problem, steps=60, record=61)
    w0, lr = trace["W2^2"][0, 0], 1 / known.smooth
    strong = FBGVIContraction(smooth=known.smooth, strongly_convex=known.strongly_convex, distance=known.distance)
    convex = FBGVISublinear(smooth=known.smooth, distance=known.distance)
    assert strong.bound(7) == pytest.approx(fb_gvi.contraction(known.strongly_convex, lr, 7, w0), rel=1e-12)
    assert convex.bound(7) == pytest.approx(fb_gvi.sublinear(lr, 7, w0), rel=1e-12)
    assert strong.check(trace).holds
    assert convex.check(trace).holds
    relative: Any = FBGVISublinear(smooth=known.smooth)
    assert relative.started(trace).distance == pytest.approx(known.distance)
    with pytest.raises(ValueError, match="no W2"):
        relative.started(dataclasses.replace(trace, values={"F(p)": trace["F(p)"]}))
    relative = FBGVIContraction(smooth=known.smooth, strongly_convex=known.strongly_convex)
    assert relative.check(trace).holds
    with pytest.raises(ValueError, match="was not recorded"):
        relative.check(iterate(FBGVI(lr=0.1, certified=False), _unknown(), steps=3))
    with pytest.raises(ValueError, match="step size 2 exceeds 1/L"):
        FBGVIContraction(smooth=1.0, strongly_convex=1.0, step_size=2.0)
    with pytest.raises(ValueError, match="dimension = 0"):
        FBGVIStochastic(smooth=1.0, strongly_convex=1.0, dimension=0)


def test_a_wrong_proximal_step_breaks_the_contraction() -> None:
    """With the entropy weighted by a half the limit is another Gaussian, and the bound is violated."""
    problem = GaussianApproximation(TILTED)
    known = problem.constants()
    theorem = FBGVIContraction(smooth=known.smooth, strongly_convex=known.strongly_convex)  # type: ignore[reportArgumentType]
    assert theorem.check(iterate(FBGVI(), problem, steps=80, record=81)).holds
    assert theorem.check(iterate(_HalfEntropy(), problem, steps=80, record=81)).holds is False


class _HalfEntropy(FBGVI):
    def move(self, mean: Any, cov: Any, gradient: Any, hessian: Any, lr: Any) -> Any:
        half = torch.linalg.cholesky(cov)
        return mean - lr * gradient, entropy_prox(half - lr * hessian @ half, lr / 2)


def _unknown() -> GaussianApproximation:
    return GaussianApproximation(LogDensity(2, lambda x: -(x**4).sum(-1) - 0.5 * (x**2).sum(-1)), "gauss-hermite")


def test_steps_that_are_not_certified_are_declined_with_the_reason() -> None:
    problem = GaussianApproximation(TILTED)
    beta = problem.constants().smooth
    assert beta is not None
    iterate(FBGVI(lr=1 / beta), problem, steps=1)
    with pytest.raises(Declined, match="exceeds 1/beta"):
        iterate(FBGVI(lr=1.01 / beta), problem, steps=1)
    iterate(FBGVI(lr=1.01 / beta, certified=False), problem, steps=1)
    with pytest.raises(Declined, match="beta is not known"):
        iterate(FBGVI(), _unknown(), steps=1)
    with pytest.raises(Declined, match="no step is certified"):
        iterate(FBGVI(lr=0.1), _unknown(), steps=1)
    with pytest.raises(Declined, match="exceeds"):
        iterate(FBGVI(lr=0.1), GaussianApproximation(_unknown().target, "qmc", smooth=20.0), steps=1)
    for make in (lambda: FBGVI(lr=0.0), lambda: BWGD(lr=-1.0)):
        with pytest.raises(ValueError, match="no step size"):
            make()
    with pytest.raises(ValueError, match="certified = True"):
        BWGD(certified=True)


def test_a_run_that_overflows_is_told_so() -> None:
    trace = iterate(FBGVI(lr=100.0, certified=False), GaussianApproximation(TILTED), steps=200, record=201)
    assert trace.ends[0].kind == "diverged"


def test_fit_finds_what_scipy_finds() -> None:
    """BFGS over Cholesky factors of the same objective knows nothing of transport."""
    posterior = LogisticPosterior.synthetic(2, 12, seed=3)
    problem = GaussianApproximation(posterior)

    def objective(v: np.ndarray) -> float:
        low = np.array([[np.exp(v[2]), 0.0], [v[3], np.exp(v[4])]])
        return float(problem.criterion({"mean": torch.tensor(v[:2]), "cov": torch.from_numpy(low @ low.T)}))

    best = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-8})
    fit = fit_gaussian(posterior)
    assert fit.converged
    assert fit.objective == pytest.approx(best.fun, abs=1e-9)
    np.testing.assert_allclose(fit.mean.numpy(), best.x[:2], atol=1e-5)
    draws = fit.sample(20_000, Random(0))
    torch.testing.assert_close(draws.T.cov(), fit.cov, rtol=0, atol=0.02)
    assert fit_gaussian(posterior, expectations="qmc").objective == pytest.approx(best.fun, abs=1e-3)
    noisy = fit_gaussian(posterior, expectations="sample", lr=0.02, steps=300)
    assert noisy.steps == 300
    assert noisy.objective - fit.objective < 0.2


def test_fit_refuses_what_it_cannot_certify() -> None:
    with pytest.raises(ValueError, match="no certified fit: beta is not known"):
        fit_gaussian(_unknown().target)
    with pytest.raises(ValueError, match="no certified fit: lr = 100"):
        fit_gaussian(TILTED, lr=100.0)
    with pytest.raises(ValueError, match="steps = 0"):
        fit_gaussian(TILTED, steps=0)
