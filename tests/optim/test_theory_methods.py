"""The methods of the theorems, each against a literal transcription in NumPy on exact or replayed samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.optim import (
    AveragingMomentum,
    ProjectedSubgradient,
    ProximalGradient,
    StochasticPolyak,
    StochasticProximalGradient,
    StochasticProximalPoint,
    SwitchingSGD,
)
from tendsto.optim.averaged import Averaged, DecreasingSGD
from tendsto.problems import AbsoluteRegression, Lasso, LeastSquares, Quadratic

SUM = LeastSquares(terms=8, dimension=3)
ROUGH = AbsoluteRegression(terms=4, dimension=3, l2=0.3)
STEPS = 12


def samples(problem: object, steps: int = STEPS, seed: int = 0) -> list[int]:
    """The terms that a run with this seed draws."""
    rng = Random(seed).fork("oracle").fork("sample")
    return [int(problem.sample(rng.at(t))[0]) for t in range(1, steps + 1)]  # type: ignore[attr-defined]


def run(method: object, problem: object) -> np.ndarray:
    """The criterion at every step."""
    return iterate(method, problem, steps=STEPS, record=STEPS + 1)[problem.criterion_name][0]  # type: ignore[arg-type,attr-defined]


def squares(x: np.ndarray) -> float:
    a, b = (t.numpy() for t in SUM.data)
    return float(((a @ x - b) ** 2).mean() / 2)


def gradient(x: np.ndarray, i: int) -> np.ndarray:
    a, b = (t.numpy() for t in SUM.data)
    return (a[i] @ x - b[i]) * a[i]


def test_three_forms_of_momentum_are_one() -> None:
    lr = 0.01
    z = x = x2 = x3 = np.zeros(3)
    m, last, told = np.zeros(3), np.zeros(3), [squares(x)]
    for t, i in enumerate(samples(SUM)):
        g = gradient(x, i)
        z = z - lr * g
        x = ((t + 1) / 2 * x + z) / (1 + (t + 1) / 2)
        m = t / (t + 2) * m + gradient(x2, i)
        x2 = x2 - 2 * lr / (t + 3) * m
        x3, last = x3 - 2 * lr / (t + 3) * gradient(x3, i) + t / (t + 3) * (x3 - last), x3
        np.testing.assert_allclose([x2, x3], [x, x], rtol=0, atol=1e-12)
        told.append(squares(x))
    np.testing.assert_allclose(run(AveragingMomentum(lr=lr), SUM), told, rtol=1e-12)


def test_switching_sgd() -> None:
    x, told = np.zeros(3), [squares(np.zeros(3))]
    for t, i in enumerate(samples(SUM)):
        x = x - (0.005 if t <= 4 else (2 * t + 1) / ((t + 1) ** 2 * 3.0)) * gradient(x, i)
        told.append(squares(x))
    np.testing.assert_allclose(run(SwitchingSGD(lr=0.005, switch=4, strongly_convex=3.0), SUM), told, rtol=1e-10)


def test_weights_that_bend() -> None:
    lr, bend = 0.01, 0.4
    x, points, told = np.zeros(3), [np.zeros(3)], [squares(np.zeros(3))]
    for t, i in enumerate(samples(SUM)):
        weights = np.array([(s + 1) ** -0.5 * (1 - bend * (s + 1) ** -0.5) for s in range(t + 1)])
        told.append(squares((weights / weights.sum()) @ np.array(points)))
        x = x - lr / (t + 1) ** 0.5 * gradient(x, i)
        points.append(x)
    method = Averaged(DecreasingSGD(lr=lr, decay=0.5), power=-0.5, bend=bend)
    np.testing.assert_allclose(run(method, SUM), told, rtol=1e-10)


def test_stochastic_polyak() -> None:
    a, b = (t.numpy() for t in SUM.data)
    best = SUM.solution().numpy()
    x, told = np.zeros(3), [squares(np.zeros(3))]
    for i in samples(SUM):
        gap = max(((a[i] @ x - b[i]) ** 2 - (a[i] @ best - b[i]) ** 2) / 2, 0.0)
        g = gradient(x, i)
        x = x - gap / (g @ g) * g if g @ g > 0 else x
        told.append(squares(x))
    np.testing.assert_allclose(run(StochasticPolyak(), SUM), told, rtol=1e-10)


def test_the_distance_never_increases_under_polyak_steps() -> None:
    trace = iterate(StochasticPolyak(), AbsoluteRegression(), steps=200, seeds=20, record=201)
    distance = trace["||x - x*||^2"]
    assert (np.diff(distance, axis=1) <= 1e-12).all()
    assert (distance[:, -1] < 0.5 * distance[:, 0]).all()


def rough(x: np.ndarray) -> float:
    a, b, best = (t.numpy() for t in ROUGH.data)
    return float(np.abs(a @ x - b).mean() + 0.15 * ((x - best) ** 2).sum())


def test_projected_subgradient() -> None:
    a, b, best = (t.numpy() for t in ROUGH.data)
    x, told = np.zeros(3), [rough(np.zeros(3))]
    for t, i in enumerate(samples(ROUGH)):
        x = x - 5.0 / (t + 2) * (np.sign(a[i] @ x - b[i]) * a[i] + 0.3 * (x - best))
        x = x * min(1.0, 2.0 / np.linalg.norm(x))
        told.append(rough(x))
    np.testing.assert_allclose(run(ProjectedSubgradient(lr=5.0, decay=1.0, shift=1), ROUGH), told, rtol=1e-10)


@pytest.mark.parametrize("problem", [SUM, ROUGH], ids=lambda p: type(p).__name__)
def test_a_proximal_point_step_minimises_what_it_says(problem: LeastSquares | AbsoluteRegression) -> None:
    """Nothing near it is better: f_i(y) + ||y - x||^2 / (2 s) is strongly convex, so near is enough."""
    rng = np.random.default_rng(0)
    for i in range(problem.size()):
        x, sample = torch.from_numpy(rng.normal(size=3)), torch.tensor([i])
        for step in (0.03, 0.7, 20.0):
            y = problem.sample_prox(x, step, sample)
            best = problem.value(y, sample) + ((y - x) ** 2).sum() / (2 * step)
            for size in (1e-4, 1e-2, 1.0):
                other = y + size * torch.from_numpy(rng.normal(size=3))
                assert best <= problem.value(other, sample) + ((other - x) ** 2).sum() / (2 * step) + 1e-13


def test_stochastic_proximal_point() -> None:
    a, b = (t.numpy() for t in SUM.data)
    x, told = np.zeros(3), [squares(np.zeros(3))]
    for t, i in enumerate(samples(SUM)):
        size = 0.3 / (t + 1) ** 0.5
        x = x - size * (a[i] @ x - b[i]) / (1 + size * a[i] @ a[i]) * a[i]
        told.append(squares(x))
    np.testing.assert_allclose(run(StochasticProximalPoint(lr=0.3, decay=0.5), SUM), told, rtol=1e-10)


def test_proximal_gradient_and_its_stochastic_form() -> None:
    problem = Lasso()
    a, b = (t.numpy() for t in problem.data)
    x, told = np.zeros(a.shape[1]), [float(problem.criterion(torch.zeros(a.shape[1], dtype=torch.float64)))]
    for _ in range(STEPS):
        v = x - 0.2 * a.T @ (a @ x - b) / len(b)
        x = np.sign(v) * np.maximum(np.abs(v) - 0.2 * problem.penalty, 0)
        told.append(float(((a @ x - b) ** 2).mean() / 2 + problem.penalty * np.abs(x).sum()))
    np.testing.assert_allclose(run(ProximalGradient(lr=0.2), problem), told, rtol=1e-10)
    np.testing.assert_allclose(run(StochasticProximalGradient(lr=0.2), problem), told, rtol=1e-10)


def test_what_does_not_fit_is_declined_with_the_reason() -> None:
    assert "needs prox" in (ProximalGradient().declines(AbsoluteRegression(batch=None)) or "")
    assert "no regulariser" in (ProximalGradient().declines(Quadratic()) or "")
    assert "sampled" in (ProximalGradient().declines(Lasso(batch=4)) or "")
    assert "sample_prox" in (StochasticProximalPoint().declines(AbsoluteRegression(batch=2)) or "")
    with pytest.raises(ValueError, match="shift = -1"):
        ProjectedSubgradient(shift=-1)
    with pytest.raises(ValueError, match="decay = 2"):
        StochasticProximalPoint(decay=2.0)
    with pytest.raises(ValueError, match="switch = -1"):
        SwitchingSGD(switch=-1)
