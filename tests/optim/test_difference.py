"""Products with the Hessian as differences of gradients: the error, the price, and the methods that take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.adahessian import adahessian
from reference.hutchinson import product
from reference.oasis import oasis
from torch import Tensor

import tendsto as tt
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Declined, Problem
from tendsto.core.random import Random
from tendsto.core.tree import join
from tendsto.optim.closure_problem import ClosureProblem
from tendsto.optim.difference import GradientDifferences, increment
from tendsto.optim.hutchinson import probe
from tendsto.problems import CoupledQuadratic, ScaledLogistic

LOGISTIC = ScaledLogistic(terms=40, dimension=6, spread=1.0, l2=1e-2)
EPS = float(np.finfo(np.float64).eps)
start = np.random.default_rng(0).standard_normal(6)
ADAHESSIAN = tt.optim.AdaHessianMethod(lr=0.1, betas=(0.9, 0.99), products="difference")
FIXED = tt.optim.OASISMethod(lr=0.05, alpha=1e-3, warmup_samples=5, products="difference")
REUSING = tt.optim.OASISMethod(alpha=1e-3, eta0=1e-2, warmup_samples=5, reuse_gradient=True, products="difference")


def gradient(x: np.ndarray) -> np.ndarray:
    z = LOGISTIC.data.numpy() @ x
    return -LOGISTIC.data.numpy().T @ (1 / (1 + np.exp(z))) / LOGISTIC.terms + LOGISTIC.l2 * x


@dataclass(frozen=True)
class GradientOnly(Problem):
    """The logistic problem from a random start, which answers gradients and nothing else."""

    oracles = ("gradient", "value_and_gradient")

    def init(self, rng: Random) -> Tensor:
        return torch.from_numpy(start.copy())

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return LOGISTIC.value_and_gradient(x)

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.value_and_gradient(x)[1]


def run(method: Method, steps: int) -> tuple[np.ndarray, list[list[np.ndarray]], list[dict[str, int]]]:
    """The last point, the draws and the calls of the warm-up, where there is one, and of every step."""
    rng, problem, x = Random(3), GradientOnly(), torch.zeros(6, dtype=torch.float64)
    oracle = Oracle(problem, rng)
    state = method.init(oracle, rng)
    draws, calls = [[probe(rng, f"warm-up/{i}", x).numpy() for i in range(5)]], [dict(oracle.calls)]
    for step in range(1, steps + 1):
        oracle = Oracle(problem, rng.at(step))
        state, _ = method.step(state, oracle, rng.at(step))
        draws.append([probe(rng.at(step), "probe/0", x).numpy()])
        calls.append(dict(oracle.calls))
    return state["x"].numpy(), draws, calls


def differences(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    return product(gradient, x, v, EPS)


def test_adahessian_with_gradients_only_is_the_paper_s_for_two_gradients_a_step() -> None:
    found, draws, calls = run(ADAHESSIAN, 30)
    expected = adahessian(start, gradient, differences, draws[1:], 0.1, 0.9, 0.99, 1e-4, power=1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert calls[1:] == [{"gradient": 2}] * 30


@pytest.mark.parametrize(("method", "lr"), [(FIXED, 0.05), (REUSING, None)], ids=["fixed", "adaptive"])
def test_oasis_with_gradients_only_is_the_paper_s_for_two_gradients_a_step(
    method: tt.optim.OASISMethod, lr: float | None
) -> None:
    found, draws, calls = run(method, 20)
    expected, _ = oasis(start, gradient, differences, draws[0], [z for (z,) in draws[2:]], 0.99, 1e-3, 1e-2, lr=lr)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert calls == [{"gradient": 6}] + [{"gradient": 2}] * 20


def test_each_sample_costs_a_gradient_and_an_old_point_another() -> None:
    more = tt.core.spec.replace(ADAHESSIAN, samples=3, update_every=2)
    assert run(more, 4)[2][1:] == [{"gradient": 4}, {"gradient": 1}] * 2
    again = tt.core.spec.replace(REUSING, reuse_gradient=False)
    # At the first step the old point is the point.
    assert run(again, 3)[2][1:] == [{"gradient": 2}, {"gradient": 3}, {"gradient": 3}]


def test_methods_ask_for_what_the_setting_needs() -> None:
    for method in (ADAHESSIAN, FIXED, REUSING):
        assert method.asks == ("gradient",)
        assert method.declines(GradientOnly()) is None
        exact = tt.core.spec.replace(method, products="exact")
        assert exact.asks == ("gradient", "hvp")
        assert "needs hvp" in str(exact.declines(GradientOnly()))
        with pytest.raises(ValueError, match=r"products = 'half' is unknown: use 'exact' or 'difference'"):
            tt.core.spec.replace(method, products="half")
    with pytest.raises(ValueError, match=r"products = 'half' is unknown"):
        tt.optim.hutchinson_diagonal(Oracle(LOGISTIC, Random(0)), torch.zeros(6), Random(0), products="half")


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shift=st.floats(-3, 3),
    along=st.floats(-8, 8),
    point=st.floats(-3, 3),
)
def test_on_a_quadratic_only_rounding_is_lost_whatever_the_scales(
    seed: int, shift: float, along: float, point: float
) -> None:
    problem = CoupledQuadratic(dimension=5, smallest=1.0, largest=50.0, coupling=0.2)
    rng = Random(seed)
    x = 10**point * rng.normal("x", (5,), torch.float64) + shift
    v = 10**along * rng.normal("v", (5,), torch.float64)
    found = GradientDifferences(Oracle(problem, rng)).hvp(x, v)
    exact = problem.hessian() @ v
    # A few units of rounding of the gradients and of x + h v, over h.
    assert (found - exact).norm() <= 1e-8 * exact.norm()


def test_a_direction_of_length_zero_has_the_product_zero() -> None:
    oracle = GradientDifferences(Oracle(LOGISTIC, Random(0)))
    zero = torch.zeros(6, dtype=torch.float64)
    assert torch.equal(oracle.hvp(zero + 1, zero), zero)


def test_the_increment_is_that_of_all_tensors_together_and_of_the_coarsest() -> None:
    x = {"a": torch.full((3,), 4.0, dtype=torch.float64), "b": torch.full((2, 2), -3.0)}
    v = {"a": torch.ones(3, dtype=torch.float64), "b": torch.full((2, 2), 2.0)}
    expected = float(np.finfo(np.float32).eps) ** (1 / 3) * (48 + 36) ** 0.5 / (3 + 16) ** 0.5
    assert float(increment(x, v)) == pytest.approx(expected, rel=1e-6)


def network(dtype: torch.dtype, activation: type[torch.nn.Module] = torch.nn.Tanh) -> ClosureProblem:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), activation(), torch.nn.Linear(32, 4)).to(dtype)
    x, y = Random(0).normal("x", (64, 8), dtype), Random(0).integers("y", 4, (64,))
    return ClosureProblem(lambda: torch.nn.functional.cross_entropy(model(x), y), dict(model.named_parameters()))


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-5), (torch.float32, 1e-2)], ids=str)
def test_on_a_network_the_product_is_within_the_stated_error(dtype: torch.dtype, bound: float) -> None:
    problem = network(dtype)
    oracle, x = Oracle(problem, Random(0), sample=None), problem.start
    ours = GradientDifferences(oracle)
    for seed in range(5):
        z = probe(Random(seed), "z", x)
        exact, found = join(oracle.hvp(x, z)), join(ours.hvp(x, z))
        error = float((found - exact).norm() / exact.norm())
        assert 0 < error <= bound


def test_the_first_order_error_has_mean_zero_over_signs() -> None:
    """Of z and -z together, what is left is an order of h smaller than of either."""
    problem = network(torch.float64)
    oracle, x = Oracle(problem, Random(0), sample=None), problem.start
    ours = GradientDifferences(oracle)
    z = probe(Random(1), "z", x)
    minus = {name: -v for name, v in z.items()}
    exact, one = (join(o.hvp(x, z)) for o in (oracle, ours))
    both = (one - join(ours.hvp(x, minus))) / 2
    assert (both - exact).norm() < 1e-3 * (one - exact).norm()


def test_kinks_are_what_the_docstring_warns_of() -> None:
    """A unit whose sign changes between the points adds a jump that the exact product does not have."""

    @dataclass(frozen=True)
    class Kink(Problem):
        def value(self, x: Tensor, sample: Any = None) -> Tensor:
            return (x - 1e-9).relu().sum()

    oracle, x = Oracle(Kink(), Random(0)), torch.zeros(1, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    assert oracle.hvp(x, one) == 0
    assert GradientDifferences(oracle).hvp(x, one) > 1e5


@pytest.mark.parametrize("method", [ADAHESSIAN, FIXED, REUSING], ids=["adahessian", "fixed", "adaptive"])
def test_networks_run_as_lanes(method: Method) -> None:
    batch = None if method is REUSING else 8
    problem = tt.problems.DigitsMLP(hidden=3, batch=batch, precision="float64")
    # Rounding of gradients is divided by h: it is some 1e-10 of a product, and steps build on it.
    lanes = tt.iterate(method, problem, steps=5, seeds=2)
    alone = tt.iterate(method, problem, steps=5, seeds=2, lanes=False)
    for quantity in alone.values:
        assert np.allclose(lanes[quantity], alone[quantity], rtol=1e-7, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("made", [tt.optim.AdaHessian, tt.optim.OASIS])
def test_in_a_loop_they_see_the_same_draws_train_and_resume_bitwise(made: Any) -> None:
    def net() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Linear(4, 20), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(20, 2)
        )

    x = Random(0).normal("x", (64, 4))
    extra = {"warmup_samples": 3, "lr": 0.05, "alpha": 0.1} if made is tt.optim.OASIS else {}
    model, twin = net(), net()
    optimizer, again = (made(m, seed=4, products="difference", **extra) for m in (model, twin))

    def step(o: Any, m: torch.nn.Module, seed: int) -> float:
        torch.manual_seed(seed)
        return float(o.step(lambda: (m(x) - 1).square().mean()))

    losses = [step(optimizer, model, i) for i in range(25)]
    assert losses[-1] < 0.5 * losses[0]  # masks that differed would give curvature of 1 / h
    assert set(optimizer.calls) == {"gradient"}
    twin.load_state_dict(model.state_dict())
    again.load_state_dict(optimizer.state_dict())
    assert [step(optimizer, model, i) for i in range(3)] == [step(again, twin, i) for i in range(3)]


def test_half_precision_is_declined_in_one_sentence() -> None:
    model = torch.nn.Linear(3, 1).bfloat16()
    optimizer = tt.optim.AdaHessian(model, products="difference")
    with pytest.raises(Declined, match=r"need float32 or float64, and 'weight' is torch.bfloat16: use the exact ones"):
        optimizer.step(lambda: model(torch.ones(2, 3, dtype=torch.bfloat16)).square().mean())


def test_the_signs_of_a_run_alone_are_those_of_its_lane() -> None:
    like = torch.zeros(100)
    alone = torch.stack([probe(Random(seed, 7, "path"), "z", like) for seed in (5, 6)])
    lanes = torch.func.vmap(lambda seed: probe(Random(seed, 7, "path"), "z", like))(torch.tensor([5, 6]))
    assert torch.equal(alone, lanes)
