"""The objective and its oracles against brute force on a grid, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from reference import gaussian_approximation as reference
from reference import logistic_posterior as logistic

from tendsto.core.random import Random
from tendsto.sampling import Gaussian, GaussianApproximation, LogDensity, LogisticPosterior, gaussian_kl
from tendsto.testing import check_problem

POSTERIOR = LogisticPosterior.synthetic(2, 8, prior=0.5)
ROWS = np.array(POSTERIOR.rows)
M, S = np.array([0.4, -0.8]), np.array([[0.7, 0.2], [0.2, 0.4]])
X = {"mean": torch.from_numpy(M), "cov": torch.from_numpy(S)}


def v(x: np.ndarray) -> np.ndarray:
    return logistic.potential(x, ROWS, 0.5)


def gradient(x: np.ndarray) -> np.ndarray:
    return logistic.gradient(x, ROWS, 0.5)


def hessian(x: np.ndarray) -> np.ndarray:
    return logistic.hessian(x, ROWS, 0.5)


def test_the_posterior_is_what_the_reference_says() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    for ours, want in [
        (POSTERIOR.log_density, v),
        (POSTERIOR.score, gradient),
        (POSTERIOR.hessian, hessian),
    ]:
        np.testing.assert_allclose(-ours(torch.from_numpy(x)).numpy(), want(x), rtol=1e-12)
    derived = LogDensity(2, POSTERIOR.log_density)
    torch.testing.assert_close(derived.hessian(torch.from_numpy(x)), POSTERIOR.hessian(torch.from_numpy(x)))
    alpha, beta = POSTERIOR.curvature()
    w = np.linalg.eigvalsh(hessian(20 * x))
    assert alpha <= w.min()
    assert w.max() <= beta
    assert np.linalg.eigvalsh(hessian(np.zeros(2))).max() == pytest.approx(beta)


@pytest.mark.parametrize(
    ("kind", "nodes", "rtol"), [("exact", None, 1e-12), ("gauss-hermite", 30, 1e-6), ("qmc", 8192, 1e-3)]
)
def test_expectations_are_those_of_the_grid(kind: Any, nodes: int | None, rtol: float) -> None:
    problem = GaussianApproximation(POSTERIOR, kind, nodes=nodes)
    b, a = reference.derivatives(M, S, gradient, hessian)
    answer = problem.expected_derivatives(X)
    np.testing.assert_allclose(answer["gradient"].numpy(), b, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(answer["hessian"].numpy(), a, rtol=rtol, atol=rtol)
    assert float(problem.criterion(X)) == pytest.approx(reference.objective(M, S, v), rel=rtol)
    assert float(problem.metrics(X)["||grad F||^2"]) == pytest.approx(reference.gradient_norm(S, b, a), rel=10 * rtol)


def test_draws_are_those_of_the_reference_and_unbiased() -> None:
    one = GaussianApproximation(POSTERIOR, "sample")
    z = one.sample(Random(4))
    assert z is not None
    b, a = reference.sampled(M, S, z[0].numpy(), gradient, hessian)
    answer = one.expected_derivatives(X, z)
    np.testing.assert_allclose(answer["gradient"].numpy(), b, rtol=1e-12)
    np.testing.assert_allclose(answer["hessian"].numpy(), a, rtol=1e-12)
    free = GaussianApproximation(POSTERIOR, "sample", hessian_free=True)
    want = reference.hessian_free(M, S, z[0].numpy(), gradient)
    np.testing.assert_allclose(free.expected_derivatives(X, z)["hessian"].numpy(), want, rtol=1e-9)
    many = GaussianApproximation(POSTERIOR, "sample", hessian_free=True, nodes=200_000)
    exact = GaussianApproximation(POSTERIOR).expected_derivatives(X)
    drawn = many.expected_derivatives(X, many.sample(Random(0)))
    for name in ("gradient", "hessian"):
        torch.testing.assert_close(drawn[name], exact[name], rtol=0, atol=0.05)


def test_hessian_free_quadrature_is_the_same_to_its_accuracy() -> None:
    free = GaussianApproximation(POSTERIOR, "gauss-hermite", hessian_free=True, nodes=30)
    torch.testing.assert_close(
        free.expected_derivatives(X)["hessian"],
        GaussianApproximation(POSTERIOR).expected_derivatives(X)["hessian"],
        rtol=1e-6,
        atol=1e-6,
    )


def test_on_a_gaussian_the_gap_is_the_divergence() -> None:
    target = Gaussian((1.0, 2.0), ((2.0, 0.5), (0.5, 1.0)))
    for kind in ("exact", "gauss-hermite", "qmc"):
        problem = GaussianApproximation(target, kind)
        gap = float(problem.criterion(X)) - problem.optimum()  # type: ignore[reportOperatorIssue]
        assert gap == pytest.approx(float(gaussian_kl(M, S, target.mean(), target.covariance())), rel=1e-10)


@pytest.mark.parametrize(
    "problem",
    [
        GaussianApproximation(POSTERIOR),
        GaussianApproximation(POSTERIOR, "sample", nodes=3),
        GaussianApproximation(POSTERIOR, "gauss-hermite", nodes=5),
        GaussianApproximation(POSTERIOR, "qmc", nodes=16),
    ],
    ids=lambda p: p.expectations,
)
def test_variants_keep_the_promises_of_a_problem(problem: GaussianApproximation) -> None:
    check_problem(problem)
    assert float(problem.metrics(problem.solution())["||grad F||^2"]) < 1e-18 or problem.expectations == "qmc"


def test_the_gradient_norm_is_that_of_differences() -> None:
    """Along a geodesic from p, F changes at most by the norm, and by it along the gradient itself."""
    problem = GaussianApproximation(POSTERIOR)
    answer = problem.expected_derivatives(X)
    along = answer["hessian"] - torch.linalg.inv(X["cov"])
    size = float(problem.metrics(X)["||grad F||^2"]) ** 0.5
    values: list[float] = []
    for h in (-1e-5, 1e-5):
        m = torch.eye(2, dtype=torch.float64) + h / size * along
        moved = {"mean": X["mean"] + h / size * answer["gradient"], "cov": m @ X["cov"] @ m}
        values.append(float(problem.criterion(moved)))
    assert (values[1] - values[0]) / 2e-5 == pytest.approx(size, rel=1e-6)


class _Bad(Gaussian):
    def score(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.nan


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GaussianApproximation(expectations="monte-carlo"), "'monte-carlo' is unknown"),  # type: ignore[reportArgumentType]
        (lambda: GaussianApproximation(LogDensity(1, lambda x: -(x**2).sum(-1))), "knows no exact"),
        (lambda: GaussianApproximation(hessian_free=True), "estimates what 'exact' knows"),
        (lambda: GaussianApproximation(expectations="sample", nodes=0), "draws nothing"),
        (lambda: GaussianApproximation(spread=0.0), "singular covariance"),
        (lambda: GaussianApproximation(smooth=-1.0), "bounds no Hessian"),
        (lambda: GaussianApproximation(_Bad()), "score at the start is"),
        (lambda: GaussianApproximation(expectations="qmc", nodes=100), "power of 2"),
        (lambda: GaussianApproximation(LogisticPosterior.synthetic(9), "gauss-hermite"), "or the rule 'qmc'"),
        (lambda: LogisticPosterior(()), "no data"),
        (lambda: LogisticPosterior(((1.0, float("nan")),)), "not finite"),
        (lambda: LogisticPosterior(((1.0,),), prior=0.0), "improper"),
        (lambda: LogisticPosterior.of([[1.0]], [1]), "two values"),
    ],
)
def test_bad_input_is_refused_with_the_reason(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
