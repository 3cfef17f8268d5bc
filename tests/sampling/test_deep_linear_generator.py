"""The Bures-Wasserstein loss of (deep) linear generators against literal transcriptions, closed forms and POT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from reference import balanced_flow as flows
from reference import bures_wasserstein_loss as literal
from reference import deep_linear_generator as layered

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.core.trace import End, Trace
from tendsto.optim.gradient_descent import GradientDescent
from tendsto.sampling import (
    BalancedFlow,
    DeepLinearGenerator,
    balanced,
    bw_loss,
    bw_loss_gradient,
    certificate,
    critical_points,
    deficiency_margin,
    end_to_end,
    imbalance,
)
from tendsto.sampling.bures_wasserstein_loss import polar
from tendsto.testing import check_guarantee, check_problem

SPECTRUM = (3.0, 2.2, 1.6, 1.2, 0.9, 0.5)


def tilted(n: int = 5, seed: int = 0) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T + 0.1 * np.eye(n)


def matrix(n: int, m: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, m))


@pytest.mark.parametrize("m", [2, 5, 7])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_loss_and_gradient_equal_the_reference_and_autograd(m: int, tau: float) -> None:
    cov, w = tilted(), matrix(5, m)
    x = torch.from_numpy(w)
    assert float(bw_loss(x, cov, smoothing=tau)) == pytest.approx(literal.loss(w, cov, tau), rel=1e-7)
    ours = bw_loss_gradient(x, cov, smoothing=tau)
    if tau == 0:
        np.testing.assert_allclose(ours.numpy(), literal.gradient(w, cov), rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(ours, torch.func.grad(lambda y: bw_loss(y, cov, smoothing=tau))(x), rtol=0, atol=1e-12)


def test_loss_equals_pot() -> None:
    ot: Any = pytest.importorskip("ot")
    cov, w, zero = tilted(), matrix(5, 6), np.zeros(5)
    theirs = ot.gaussian.bures_wasserstein_distance(zero, zero, w @ w.T, cov)
    assert float(bw_loss(torch.from_numpy(w), cov)) == pytest.approx(float(theirs) ** 2, rel=1e-9)


@pytest.mark.parametrize(("rank", "singular"), [(3, [2.0, 2.0, 2.0]), (3, [3.0, 2.0, 1.0]), (2, [2.0, 2.0, 0.0])])
def test_the_derivative_of_the_polar_factor(rank: int, singular: list[float]) -> None:
    """Against differences along matrices that keep the rank, for equal singular values too."""
    q = np.linalg.qr(matrix(4, 3))[0], np.linalg.qr(matrix(3, 3, 2))[0]
    x = torch.from_numpy(q[0] * np.array(singular) @ q[1].T)
    a, b = torch.from_numpy(matrix(4, 4, 3)), torch.from_numpy(matrix(3, 3, 4))

    def moved(h: float) -> torch.Tensor:
        return (torch.eye(4) + h * a) @ x @ (torch.eye(3) + h * b)

    along, h = a @ x + x @ b, 1e-6
    want = (polar(moved(h), rank) - polar(moved(-h), rank)) / (2 * h)
    pull = torch.func.vjp(lambda y: polar(y, rank), x)[1](along)[0]
    torch.testing.assert_close(pull, want, rtol=0, atol=1e-8)


def test_a_zero_matrix_has_a_loss_and_no_descent() -> None:
    zero = torch.zeros(3, 2, dtype=torch.float64)
    assert float(bw_loss(zero, np.diag([3.0, 2.0, 1.0]))) == pytest.approx(6.0)
    assert not bw_loss_gradient(zero, np.diag([3.0, 2.0, 1.0])).any()
    assert bw_loss_gradient(zero, np.diag([3.0, 2.0, 1.0]), smoothing=0.1).isfinite().all()


def test_critical_points_are_those_of_the_list() -> None:
    cov = tilted(4)
    for k in (1, 2, 4):
        points = critical_points(cov, k)
        values = np.linalg.eigvalsh(cov)[::-1].tolist()
        np.testing.assert_allclose([p.value for p in points], literal.critical_values(values, k), rtol=1e-12)
        assert [p.strict_saddle for p in points] == [False] + [True] * (len(points) - 1)
        for p in points:
            assert float(bw_loss_gradient(p.w, cov).abs().max()) < 1e-10
            assert float(bw_loss(p.w, cov)) == pytest.approx(p.value, abs=1e-12)


@pytest.mark.parametrize("widths", [(5, 5), (3, 4, 5), (4, 2, 3, 5)])
def test_gradient_descent_equals_the_reference(widths: tuple[int, ...]) -> None:
    cov = tilted()
    rows = tuple(tuple(row) for row in cov.tolist())
    problem = DeepLinearGenerator(rows, widths, scale=1.0)
    x = problem.init(Random(0))
    want = layered.descend([w.numpy() for w in x.values()], cov, 0.01, 20)
    for layers in want[1:]:
        x = {name: w - 0.01 * g for (name, w), g in zip(x.items(), problem.gradient(x).values(), strict=True)}
        if min(widths) == widths[0]:
            for ours, theirs in zip(x.values(), layers, strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9, atol=1e-10)
    if min(widths) < widths[0]:
        # There the literal gradient takes singular vectors of rounding, which are no descent.
        assert float(problem.value(x)) < float(problem.value(problem.init(Random(0))))


@pytest.mark.parametrize(
    "problem",
    [
        DeepLinearGenerator(SPECTRUM, (6, 6)),
        DeepLinearGenerator(SPECTRUM, (4, 5, 3, 6, 6), "balanced"),
        DeepLinearGenerator(((2.0, 0.3, 0.0), (0.3, 1.0, 0.2), (0.0, 0.2, 0.5)), (2, 4, 3), smoothing=0.6),
        DeepLinearGenerator((2.0, 1.0, 0.5), (3, 3), smoothing=0.7, smooth="both"),
        DeepLinearGenerator((2.0, 1.0, 0.0), (2, 3)),
    ],
    ids=lambda p: f"{p.widths} {p.smoothing}",
)
def test_variants_keep_the_promises_of_a_problem(problem: DeepLinearGenerator) -> None:
    check_problem(problem)
    x = problem.solution()
    assert max(float(g.abs().max()) for g in problem.gradient(x).values()) < 1e-7


def test_the_best_is_a_truncated_principal_component_analysis() -> None:
    cov = tilted()
    problem = DeepLinearGenerator(tuple(tuple(row) for row in cov.tolist()), (3, 3, 5))
    w = end_to_end(problem.solution()).numpy()
    values, vectors = np.linalg.eigh(cov)
    np.testing.assert_allclose(w @ w.T, (vectors[:, 2:] * values[2:]) @ vectors[:, 2:].T, atol=1e-10)
    assert problem.optimum() == pytest.approx(values[:2].sum(), rel=1e-12)


def test_balanced_layers_are_balanced_and_have_the_product() -> None:
    w = torch.from_numpy(matrix(5, 3))
    layers = balanced(w, (3, 4, 3, 5))
    torch.testing.assert_close(end_to_end(layers), w, rtol=0, atol=1e-12)
    assert float(imbalance(layers)) < 1e-12
    with pytest.raises(ValueError, match="too narrow for a product of rank 3"):
        balanced(w, (3, 2, 5))
    with pytest.raises(ValueError, match="cannot have the widths"):
        balanced(w, (3, 3, 4))


def test_one_full_layer_descends_along_a_geodesic() -> None:
    """W - eta dL/dW is the point 2 eta along the geodesic, so L falls by (1 - 2 eta)^2 at every step, exactly."""
    problem = DeepLinearGenerator(tuple(tuple(row) for row in tilted().tolist()), (5, 5), scale=1.0)
    trace = iterate(GradientDescent(lr=0.1), problem, steps=30, record=31)
    np.testing.assert_allclose(trace["L(W)"][0], trace["L(W)"][0, 0] * 0.8 ** (2 * trace.index), rtol=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_flow_of_balanced_layers_is_that_of_singular_values(depth: int) -> None:
    start, times = np.array([1.5, 0.4, 0.8]), np.linspace(0, 0.5, 6)
    layers = balanced(torch.diag(torch.from_numpy(start)), (3,) * (depth + 1))
    solved = flows.flow([w.numpy() for w in layers.values()], np.diag([2.0, 1.0, 0.5]), times)
    ends = np.stack([np.diag(layered.product(x, 3)) for x in solved])
    for i, l in enumerate((2.0, 1.0, 0.5)):
        np.testing.assert_allclose(ends[:, i], flows.singular_value(start[i], l, depth, times), rtol=1e-7)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_certificate_holds_along_the_flow(depth: int) -> None:
    cov = tilted(3)
    problem = DeepLinearGenerator(tuple(tuple(row) for row in cov.tolist()), (3,) * (depth + 1))
    w = end_to_end(problem.solution()) + 0.05 * torch.from_numpy(matrix(3, 3))
    x = balanced(w, problem.widths)
    bound, times = certificate(problem, x), np.linspace(0, 1, 11)
    solved = flows.flow([w.numpy() for w in x.values()], cov, times)
    losses = np.array([literal.loss(layered.product(y, 3), cov) for y in solved])
    trace = Trace(times, {"L": losses[None]}, (End("budget", 1.0),), (0,), "time", optimum=0.0)
    check = bound.check(trace, resolution=1e-10)
    assert check.holds, check.sentence
    assert min(np.linalg.svd(layered.product(y, 3), compute_uv=False)[-1] for y in solved) >= bound.margin
    if depth == 1:
        assert check.tightness == pytest.approx(1.0, abs=1e-6)
    check_guarantee(BalancedFlow(gap=0.1, margin=0.01, depth=depth + 1))


def test_what_cannot_be_certified_is_refused() -> None:
    full = DeepLinearGenerator((2.0, 1.0), (2, 2, 2))
    with pytest.raises(ValueError, match="not balanced"):
        certificate(full, {"W1": 2.0 * full.solution()["W1"], "W2": 0.5 * full.solution()["W2"]})
    with pytest.raises(ValueError, match="does not rule out a rank below 2"):
        certificate(full, balanced(5.0 * torch.eye(2, dtype=torch.float64), full.widths))
    narrow = DeepLinearGenerator((2.0, 1.0), (1, 2))
    with pytest.raises(ValueError, match="least width 1 is below 2"):
        certificate(narrow, narrow.solution())
    smoothed = DeepLinearGenerator((2.0, 1.0), (2, 2), smoothing=0.1)
    with pytest.raises(ValueError, match="smoothing"):
        deficiency_margin(smoothed, smoothed.solution())
    with pytest.raises(ValueError, match="certify nothing"):
        BalancedFlow(gap=1.0, margin=0.0, depth=2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DeepLinearGenerator((1.0, -1.0), (2, 2)), "positive semidefinite"),
        (lambda: DeepLinearGenerator((1.0, 2.0), (2, 3)), "make no covariance of size 2"),
        (lambda: DeepLinearGenerator(start="zero"), "'zero' is unknown"),  # type: ignore[reportArgumentType]
        (lambda: DeepLinearGenerator(smooth="target"), "'target' is unknown"),  # type: ignore[reportArgumentType]
        (lambda: DeepLinearGenerator(scale=0.0), "starts at 0"),
        (lambda: DeepLinearGenerator(smoothing=-1.0), "no variance"),
        (lambda: critical_points(np.eye(3), 2), "not distinct"),
        (lambda: critical_points(np.diag([1.0, 0.0]), 1), "positive definite"),
        (lambda: critical_points(np.diag([2.0, 1.0]), 3), "k = 3"),
        (lambda: bw_loss(torch.zeros(2, 2), np.eye(3)), "does not make a covariance"),
        (lambda: bw_loss(torch.eye(2).double(), np.eye(2), smoothing=-1.0), "no variance"),
    ],
)
def test_bad_input_is_refused_with_the_reason(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
