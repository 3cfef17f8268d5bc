"""Hutchinson's diagonal, AdaHessian, OASIS and AdGD, against literal references, closed forms and another library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from reference.adahessian import adahessian, spatial_average
from reference.adgd import adgd
from reference.hutchinson import diagonal
from reference.oasis import oasis
from torch import Tensor

import tendsto as tt
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.optim.adahessian import block_average
from tendsto.optim.adgd import squared
from tendsto.optim.hutchinson import probe
from tendsto.problems import CoupledQuadratic, ScaledLogistic

LOGISTIC = ScaledLogistic(terms=40, dimension=6, spread=1.0, l2=1e-2)
start = torch.from_numpy(np.random.default_rng(0).standard_normal(6))


@dataclass(frozen=True)
class Watched(Problem):
    """The logistic problem from a random start; notes the draws that products are asked along."""

    seen: list = field(default_factory=list, compare=False)
    shape: tuple[int, ...] = (6,)

    def init(self, rng: Random) -> Tensor:
        return start.clone().reshape(self.shape)

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return LOGISTIC.value(x.reshape(-1))

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        self.seen.append(v.numpy().copy())
        return super().hvp(x, v, sample)


def run(method: Method, steps: int, problem: Watched) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The states of a run by hand; the draws of the warm-up and of every step are in `problem.seen`."""
    rng, infos = Random(3), []
    state = method.init(Oracle(problem, rng), rng)
    for step in range(1, steps + 1):
        state, info = method.step(state, Oracle(problem, rng.at(step)), rng.at(step))
        infos.append(info)
    return state["x"].numpy(), infos


def gradient(x: np.ndarray) -> np.ndarray:
    z = LOGISTIC.data.numpy() @ x.ravel()
    grad = -LOGISTIC.data.numpy().T @ (1 / (1 + np.exp(z))) / LOGISTIC.terms + LOGISTIC.l2 * x.ravel()
    return grad.reshape(x.shape)


def product(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    hessian = LOGISTIC.hessian(torch.from_numpy(x.ravel().copy())).numpy()
    return (hessian @ v.ravel()).reshape(x.shape)


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, {}),
        ({"hessian_power": 0.5, "weight_decay": 0.1}, {"power": 0.5, "decay": 0.1}),
        ({"samples": 3, "update_every": 4}, {"every": 4}),
        ({"block": 4}, {"block": 4}),
        ({"block": 4, "variant": "paper", "samples": 2}, {"block": 4, "absolute": False}),
        ({"block": "row"}, {"block": 3}),
    ],
    ids=str,
)
def test_adahessian_is_the_paper_s(settings: dict, more: dict) -> None:
    problem, steps = Watched(shape=(2, 3)), 40
    method = tt.optim.AdaHessianMethod(lr=0.1, betas=(0.9, 0.99), **settings)
    found, _ = run(method, steps, problem)
    samples, every, seen = method.samples, method.update_every, iter(problem.seen)
    draws = [[next(seen) for _ in range(samples)] if t % every == 0 else [] for t in range(steps)]
    assert next(seen, None) is None
    given = {"power": 1.0, **more}
    expected = adahessian(start.numpy().reshape(2, 3), gradient, product, draws, 0.1, 0.9, 0.99, 1e-4, **given)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"lr": 0.05}, {"reuse_gradient": True}], ids=str)
def test_oasis_is_the_paper_s(settings: dict) -> None:
    # Not longer: once it has converged, an adaptive step is a quotient of rounding errors.
    problem, steps = Watched(), 25
    found, infos = run(tt.optim.OASISMethod(alpha=1e-3, eta0=1e-2, warmup_samples=5, **settings), steps, problem)
    warm_up, draws = problem.seen[:5], problem.seen[6:]
    settings.pop("reuse_gradient", None)
    expected, etas = oasis(start.numpy(), gradient, product, warm_up, draws, 0.99, 1e-3, 1e-2, **settings)
    np.testing.assert_allclose([float(info["step size"]) for info in infos], etas, rtol=1e-8)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_adgd_is_the_paper_s_and_oasis_in_the_metric_one() -> None:
    found, infos = run(tt.optim.AdGD(eta0=1e-2), 25, Watched())
    expected, etas = adgd(start.numpy(), gradient, 25, 1e-2)
    np.testing.assert_allclose([float(info["step size"]) for info in infos], etas, rtol=1e-8)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    # alpha above every curvature makes the metric a constant, and the step size takes it up.
    scaled, other = run(tt.optim.OASISMethod(alpha=8.0, eta0=8e-2, warmup_samples=1), 25, Watched())
    np.testing.assert_allclose([float(i["step size"]) for i in other], [8 * eta for eta in etas], rtol=1e-9)
    np.testing.assert_allclose(scaled, found, rtol=1e-9)


def test_a_long_tensor_s_square_is_summed_in_pieces() -> None:
    v, w = (Random(0).normal(name, (3, 50_000), torch.float32) for name in "vw")
    expected = (v.double() * (v * w).double()).sum()
    torch.testing.assert_close(squared({"v": v}, {"v": w}), expected, rtol=1e-12, atol=0)
    lanes = torch.func.vmap(squared)(v.repeat(2, 1, 1), w.repeat(2, 1, 1))
    torch.testing.assert_close(lanes, expected.expand(2), rtol=1e-12, atol=0)


def test_an_adaptive_step_where_nothing_changes_keeps_its_length() -> None:
    flat = tt.problems.Quadratic(dimension=3, smallest=0.0, largest=1.0, spacing="even", start="flattest")
    for method in (tt.optim.AdGD(eta0=0.1), tt.optim.OASISMethod(eta0=0.1)):
        trace = tt.iterate(method, flat, steps=5)
        assert trace.final()[0] == 0
        assert trace["info.step size"][0, 1:3].tolist() == [0.1, 0.1]


def test_hutchinson_is_unbiased_with_its_closed_variance() -> None:
    problem = CoupledQuadratic(dimension=8, smallest=1.0, largest=2.0, coupling=0.2)
    hessian, n = problem.hessian().numpy(), 20_000
    x, oracle = torch.zeros(8, dtype=torch.float64), Oracle(problem, Random(0))
    off = (hessian**2).sum(axis=1) - np.diag(hessian) ** 2
    for distribution, variance in (("rademacher", off), ("normal", off + 2 * np.diag(hessian) ** 2)):
        draw = getattr(Random(torch.arange(n)), distribution)("z", (8,), torch.float64).numpy()
        drawn = draw * (draw @ hessian)
        one = tt.optim.hutchinson_diagonal(oracle, x, Random(0), 2, distribution)
        draws = [probe(Random(0), f"probe/{i}", x, distribution).numpy() for i in range(2)]
        np.testing.assert_allclose(one, diagonal(hessian, draws), rtol=1e-12)
        assert (abs(drawn.mean(axis=0) - np.diag(hessian)) <= 4 * (variance / n) ** 0.5).all()
        np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.08)
    many = torch.func.vmap(lambda seed: tt.optim.hutchinson_diagonal(oracle, x, Random(seed)))(torch.arange(4000))
    assert (abs(many.mean(dim=0).numpy() - np.diag(hessian)) <= 4 * (off / 4000) ** 0.5).all()
    np.testing.assert_allclose(many.var(dim=0).numpy(), off, rtol=0.15)


def test_the_exact_diagonal_is_that_of_the_hessian() -> None:
    x = {"u": start[:2].clone(), "v": {"w": start[2:].reshape(2, 2).clone()}}

    class Joined(Problem):
        def value(self, x: Any, sample: Any = None) -> Tensor:
            return LOGISTIC.value(torch.cat([x["u"], x["v"]["w"].reshape(-1)]))

    found = tt.optim.hessian_diagonal(Oracle(Joined(), Random(0)), x)
    expected = LOGISTIC.hessian(start).diagonal()
    torch.testing.assert_close(torch.cat([found["u"], found["v"]["w"].reshape(-1)]), expected)
    torch.testing.assert_close(expected, torch.func.jacrev(torch.func.grad(LOGISTIC.value))(start).diagonal())


def test_blocks() -> None:
    kernel, matrix = torch.randn(4, 3, 2, 5, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(block_average(kernel, "auto"), kernel.mean((2, 3), keepdim=True).expand_as(kernel))
    torch.testing.assert_close(block_average(matrix, "row"), matrix.mean(1, keepdim=True).expand_as(matrix))
    np.testing.assert_allclose(block_average(matrix, 5).numpy(), spatial_average(matrix.numpy(), 5, False))
    for still in ("auto", "none"):
        assert block_average(matrix, still) is matrix
    assert block_average(matrix[0], "row") is not None
    assert torch.equal(block_average(matrix[0], 3), matrix[0])


def test_the_variants_part_where_signs_of_a_block_differ() -> None:
    """f = (x^2 - y^2)/2: the block's mean curvature is 0, and the mean of the absolute ones 1."""

    @dataclass(frozen=True)
    class Saddle(Problem):
        def init(self, rng: Random) -> Tensor:
            return torch.ones(1, 2, dtype=torch.float64)

        def value(self, x: Tensor, sample: Any = None) -> Tensor:
            return (x[0, 0] ** 2 - x[0, 1] ** 2) / 2

    means = {}
    for variant in ("official", "paper"):
        method = tt.optim.AdaHessianMethod(betas=(0.0, 0.0), block="row", variant=variant, samples=50)
        oracle, rng = Oracle(Saddle(), Random(0)), Random(0)
        means[variant] = method.step(method.init(oracle, rng), oracle, rng)[0]["exp_hessian_diag_sq"].sqrt()
    assert means["official"].tolist() == [[1.0, 1.0]]
    assert means["paper"].tolist() == [[0.0, 0.0]]


@pytest.mark.filterwarnings("ignore:Using backward")
def test_adahessian_equals_another_library_where_that_draws_the_same() -> None:
    """On a diagonal Hessian every draw gives the same diagonal, so the libraries' draws do not matter."""
    peer = pytest.importorskip("pytorch_optimizer")
    target = torch.linspace(0.5, 2.0, 6, dtype=torch.float64).reshape(2, 3)
    mine, theirs = (torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64)) for _ in range(2))
    ours = tt.optim.AdaHessian([mine], lr=0.1, betas=(0.9, 0.99), eps=1e-4, weight_decay=0.05, hessian_power=0.5)
    other = peer.AdaHessian(
        [theirs], lr=0.1, betas=(0.9, 0.99), eps=1e-4, weight_decay=0.05, weight_decouple=True, hessian_power=0.5
    )
    for _ in range(30):
        ours.step(lambda: (target * mine.square().square()).sum())
        other.zero_grad()
        (target * theirs.square().square()).sum().backward(create_graph=True)
        other.step()
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["adahessian", "oasis", "adgd"])
def test_networks_run_as_lanes(name: str) -> None:
    problem = tt.problems.DigitsMLP(hidden=3, batch=None if name == "adgd" else 8, precision="float64")
    method = tt.core.registry.make(name, **({"warmup_samples": 2} if name == "oasis" else {}))
    # Not longer: on minibatches rounding grows tenfold in two of OASIS's adaptive steps.
    lanes = tt.iterate(method, problem, steps=8, seeds=2)
    alone = tt.iterate(method, problem, steps=8, seeds=2, lanes=False)
    for quantity in alone.values:
        assert np.allclose(lanes[quantity], alone[quantity], rtol=1e-9, atol=1e-12, equal_nan=True)


def test_lanes_may_differ_in_settings() -> None:
    race = tt.race(
        CoupledQuadratic(dimension=5, noise=0.05),
        {"adahessian": tt.optim.AdaHessian.method(), "oasis": tt.optim.OASIS.method(lr=0.1)},
        steps=30,
        seeds=2,
        tune={"lr": [0.05, 0.5]},
    )
    for name, method in (("adahessian", tt.optim.AdaHessianMethod(lr=0.5)), ("oasis", tt.optim.OASISMethod(lr=0.5))):
        alone = tt.iterate(method, race.problem, steps=30, seeds=2, lanes=False)
        entry = next(e for e in race.settings(name) if e.settings["lr"] == 0.5)
        np.testing.assert_allclose(entry.trace.final(), alone.final(), rtol=1e-9)


@pytest.mark.parametrize("made", [tt.optim.AdaHessian, tt.optim.OASIS])
def test_in_a_loop_they_train_and_resume_bitwise(made: Any) -> None:
    def net() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))

    x = Random(0).normal("x", (16, 4))
    extra = {"warmup_samples": 3} if made is tt.optim.OASIS else {}
    model, twin = net(), net()
    optimizer, again = made(model, seed=4, **extra), made(twin, **extra)

    def step(o: Any, m: torch.nn.Module) -> float:
        return float(o.step(lambda: (m(x) - 1).square().mean()))

    losses = [step(optimizer, model) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    twin.load_state_dict(model.state_dict())
    again.load_state_dict(optimizer.state_dict())
    assert [step(optimizer, model) for _ in range(5)] == [step(again, twin) for _ in range(5)]


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (tt.optim.AdaHessianMethod, {"lr": -1.0}),
        (tt.optim.AdaHessianMethod, {"hessian_power": 1.5}),
        (tt.optim.AdaHessianMethod, {"samples": 0}),
        (tt.optim.AdaHessianMethod, {"update_every": 0}),
        (tt.optim.AdaHessianMethod, {"block": 0}),
        (tt.optim.AdaHessianMethod, {"block": "column"}),
        (tt.optim.AdaHessianMethod, {"variant": "other"}),
        (tt.optim.AdaHessianMethod, {"diagonal": "half"}),
        (tt.optim.OASISMethod, {"lr": 0.0}),
        (tt.optim.OASISMethod, {"alpha": 0.0}),
        (tt.optim.OASISMethod, {"eta0": -1.0}),
        (tt.optim.OASISMethod, {"beta2": 1.0}),
        (tt.optim.OASISMethod, {"momentum": -0.1}),
        (tt.optim.OASISMethod, {"warmup_samples": 0}),
        (tt.optim.AdGD, {"eta0": 0.0}),
        (CoupledQuadratic, {"coupling": 0.5}),
        (CoupledQuadratic, {"noise": -1.0}),
        (ScaledLogistic, {"spread": -1.0}),
        (ScaledLogistic, {"l2": 0.0}),
    ],
    ids=str,
)
def test_a_bad_setting_is_one_sentence(made: Any, wrong: dict) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"{name} = '?{wrong[name]}"):
        made(**wrong)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_every_step_of_exact_adahessian_falls_as_the_theorem_says(power: float) -> None:
    problem = CoupledQuadratic(dimension=5, smallest=0.1)
    constants = problem.constants()
    assert constants.smooth is not None
    assert constants.strongly_convex is not None
    theorem = tt.theory.AdaHessianExact(
        smooth=constants.smooth, strongly_convex=constants.strongly_convex, hessian_power=power
    )
    trace = tt.iterate(theorem.method_for(), problem, steps=60, record=61, seeds=2)
    gap = trace.gap()
    assert (gap[:, :-1] - gap[:, 1:] >= theorem.decrease(trace["||grad f||^2"][:, :-1]) * (1 - 1e-9)).all()
    assert theorem.check(trace).holds


def test_every_step_of_fixed_oasis_falls_as_the_theorem_says() -> None:
    problem = CoupledQuadratic(dimension=5, smallest=0.1)
    smooth, mu = problem.constants().smooth, problem.constants().polyak_lojasiewicz
    assert smooth is not None
    assert mu is not None
    theorem = tt.theory.OASISFixedPolyakLojasiewicz(smooth=smooth, polyak_lojasiewicz=mu, dimension=5, floor=0.05)
    trace = tt.iterate(theorem.method_for(), problem, steps=60, record=61, seeds=2)
    gap = trace.gap()
    assert (gap[:, :-1] - gap[:, 1:] >= theorem.decrease(trace["||grad f||^2"][:, :-1]) * (1 - 1e-9)).all()
    assert theorem.check(trace).holds
    with pytest.raises(ValueError, match=r"lr = 0.06 exceeds alpha / L = 0.05"):
        tt.theory.OASISFixedSmooth(smooth=1.0, floor=0.05, lr=0.06)
