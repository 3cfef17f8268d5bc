"""Methods in a person's own training loop: the contract of `torch.optim.Optimizer`, and the same steps as `iterate`."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

import tendsto as tt
from tendsto.core.method import Method
from tendsto.core.problem import Declined, Problem
from tendsto.core.random import Random
from tendsto.core.tree import tree_map
from tendsto.optim.closure_problem import ClosureProblem


@dataclass(frozen=True)
class Everything(Method):
    """Asks for all that a closure answers, here and at the point before, and keeps every kind of state."""

    lr: float = 0.05
    beta: float = 0.5
    asks = ("value", "gradient", "hvp")

    def init(self, oracle: Any, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        slots = tree_map(lambda _, p: {"mean": torch.zeros_like(p)}, x)
        return {"x": x, "before": x, "slots": slots, "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Any, rng: Random) -> tuple[dict[str, Any], Any]:
        x, before = state["x"], state["before"]
        drift = oracle.value(before) - oracle.value(x)
        there, here = oracle.gradient(before), oracle.gradient(x)
        z = tree_map(lambda name, p: rng.rademacher(f"z/{name}", tuple(p.shape), p.dtype), x)
        product = oracle.hvp(x, z)

        def mixed(_: str, slot: dict[str, Tensor], a: Tensor, b: Tensor, h: Tensor, s: Tensor) -> dict[str, Tensor]:
            return {"mean": self.beta * slot["mean"] + a + 0.1 * b + 0.01 * h * s + 1e-3 * drift}

        slots = {n: mixed(n, state["slots"][n], here[n], there[n], product[n], z[n]) for n in x}
        return {
            "x": tree_map(lambda _, p, s: p - self.lr * s, x, {n: slots[n]["mean"] for n in x}),
            "before": x,
            "slots": slots,
            "count": state["count"] + 1,
        }, {}


def net(seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2)).to(dtype)


def loss_of(model: torch.nn.Module, seed: int) -> Callable[[], Tensor]:
    dtype = next(model.parameters()).dtype
    x = Random(seed).normal("x", (8, 4), torch.float64).to(dtype)
    return lambda: model(x).square().mean()


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> list[Tensor]:
    for step in steps:
        optimizer.step(loss_of(model, step))  # type: ignore[arg-type]
    return [p.detach().clone() for p in model.parameters()]


@dataclass(frozen=True)
class Fixed(Problem):
    """The loss of `net` on one batch, as a problem."""

    def init(self, rng: Random) -> Any:
        return {n: p.detach().clone() for n, p in net().named_parameters()}

    def value(self, x: Any, sample: Any = None) -> Tensor:
        data = Random(0).normal("x", (8, 4), torch.float64)
        hidden = torch.tanh(data @ x["0.weight"].T + x["0.bias"])
        return (hidden @ x["2.weight"].T + x["2.bias"]).square().mean()

    criterion = value


def test_its_steps_are_those_of_iterate() -> None:
    model = net()
    optimizer = tt.optim.MethodOptimizer(model, Everything(), seed=3)
    trace = tt.iterate(Everything(), Fixed(), steps=6, seeds=[3])
    for _ in range(6):
        optimizer.step(loss_of(model, 0))
    assert float(loss_of(model, 0)().detach()) == pytest.approx(trace.final()[0], rel=1e-12)
    assert dict(optimizer.calls) == {"value": 12, "gradient": 12, "hvp": 6}


def test_products_are_those_of_the_hessian_and_gradients_of_backward() -> None:
    model = net()
    closure, named = loss_of(model, 0), dict(model.named_parameters())
    problem = ClosureProblem(closure, named)
    flat = torch.cat([p.detach().reshape(-1) for p in named.values()])

    def value(entries: Tensor) -> Tensor:
        pieces = entries.split([p.numel() for p in named.values()])
        point = {n: e.reshape(p.shape) for (n, p), e in zip(named.items(), pieces, strict=True)}
        return torch.func.functional_call(model, point, (Random(0).normal("x", (8, 4), torch.float64),)).square().mean()

    hessian = torch.func.jacrev(torch.func.grad(value))  # forward mode warns when torch first loads it
    other = {n: p + 0.5 for n, p in problem.start.items()}
    v = {n: torch.full_like(p, 0.3) for n, p in problem.start.items()}
    for x, at in ((problem.start, flat), (other, flat + 0.5), (problem.start, flat)):
        product = torch.cat([h.reshape(-1) for h in problem.hvp(x, v).values()])
        torch.testing.assert_close(product, hessian(at) @ torch.full_like(flat, 0.3))
        gradient = torch.cat([g.reshape(-1) for g in problem.gradient(x).values()])
        torch.testing.assert_close(gradient, torch.func.grad(value)(at))
    assert hessian(flat).abs().max() > 0
    assert all(p.grad is None for p in named.values())
    assert torch.equal(torch.cat([p.detach().reshape(-1) for p in named.values()]), flat)


def test_a_graph_that_is_not_kept_is_made_anew_for_a_product() -> None:
    model, calls = net(), list[int]()
    closure, named = loss_of(model, 0), dict(model.named_parameters())
    problem = ClosureProblem(lambda: calls.append(1) or closure(), named, keep_graph=False)
    kept = ClosureProblem(closure, named)
    x, v = problem.start, {n: torch.full_like(p, 0.3) for n, p in problem.start.items()}
    for asked in range(2):
        value, gradient = problem.value_and_gradient(x)
        assert problem.value(x) == value == kept.value(kept.start)
        assert len(calls) == 1 + asked
        for name, product in problem.hvp(x, v).items():
            torch.testing.assert_close(product, kept.hvp(kept.start, v)[name])
            torch.testing.assert_close(gradient[name], kept.gradient(kept.start)[name])
        assert len(calls) == 2


def test_state_dict_resumes_bitwise_through_a_file() -> None:
    model = net()
    optimizer = tt.optim.MethodOptimizer(model, Everything(), seed=5)
    train(model, optimizer, range(4))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    twin = net(1)
    twin.load_state_dict(model.state_dict())
    again = tt.optim.MethodOptimizer(twin, Everything())
    again.load_state_dict(torch.load(file, weights_only=True))
    for a, b in zip(train(model, optimizer, range(4, 8)), train(twin, again, range(4, 8)), strict=True):
        assert torch.equal(a, b)


def test_deepcopy_is_independent() -> None:
    model = net()
    optimizer = tt.optim.MethodOptimizer(model, Everything())
    train(model, optimizer, range(3))
    model2, optimizer2 = copy.deepcopy((model, optimizer))
    for a, b in zip(train(model, optimizer, range(3, 6)), train(model2, optimizer2, range(3, 6)), strict=True):
        assert torch.equal(a, b)


def test_schedulers_move_the_settings_and_groups_share_them() -> None:
    model = net()
    groups = [{"params": [p]} for p in model.parameters()]
    optimizer = tt.optim.MethodOptimizer(groups, Everything(lr=0.1))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.0)
    moved = train(model, optimizer, range(1))
    scheduler.step()
    for a, b in zip(moved, train(model, optimizer, range(1, 2)), strict=True):
        assert torch.equal(a, b)
    optimizer.param_groups[1]["lr"] = 0.3
    with pytest.raises(ValueError, match=r"but lr = 0.3 in one group and 0.0 in another"):
        optimizer.step(loss_of(model, 0))
    with pytest.raises(ValueError, match="give all groups the same"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.7})
    assert len(optimizer.param_groups) == 4


def test_parameters_that_join_later_start_afresh_and_frozen_ones_stay() -> None:
    model = net()
    first, last = model[0], model[2]  # type: ignore[index]
    first.requires_grad_(False)
    kept = first.weight.detach().clone()
    optimizer = tt.optim.MethodOptimizer(model, Everything())
    train(model, optimizer, range(2))
    assert torch.equal(first.weight, kept)
    first.requires_grad_(True)
    spare = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer.add_param_group({"params": [("spare", spare)]})
    train(model, optimizer, range(2, 4))
    assert not torch.equal(first.weight, kept)
    # The loss does not reach it: its gradient and its row of the Hessian are 0 (the test method also adds a drift).
    assert (spare - 1).abs().max() < 1e-3
    assert set(optimizer.state[last.weight]) == {"before", "slots"}
    assert set(optimizer.param_groups[0]["shared"]) == {"count"}


def test_low_precision_parameters_keep_their_dtype_and_float32_state() -> None:
    model = net(dtype=torch.bfloat16)
    optimizer = tt.optim.MethodOptimizer(model, Everything())
    train(model, optimizer, range(3))
    again = tt.optim.MethodOptimizer(model, Everything())
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for p in model.parameters():
        assert p.dtype == torch.bfloat16
        for o in (optimizer, again):
            assert o.state[p]["slots"]["mean"].dtype == torch.float32


def test_maximize_is_descent_on_the_negative() -> None:
    down, up = net(), net()
    one = tt.optim.MethodOptimizer(down, Everything())
    two = tt.optim.MethodOptimizer(up, Everything(), maximize=True)
    for step in range(3):
        first = one.step(loss_of(down, step))
        closure = loss_of(up, step)
        assert two.step(lambda closure=closure: -closure()) == -first
    for a, b in zip(down.parameters(), up.parameters(), strict=True):
        assert torch.equal(a, b)


def test_complex_parameters_are_pairs_of_real_numbers() -> None:
    z = torch.nn.Parameter(torch.tensor([1.0 + 2.0j, -0.5j]))
    pair = torch.nn.Parameter(torch.view_as_real(z.detach()).clone())
    one, two = (tt.optim.MethodOptimizer([("p", p)], Everything()) for p in (z, pair))
    for _ in range(3):
        one.step(lambda: (z.abs() ** 4).sum())
        two.step(lambda: (pair.square().sum(-1) ** 2).sum())
    torch.testing.assert_close(torch.view_as_real(z.detach()), pair.detach())


def test_dropout_draws_one_mask_a_step() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 50), torch.nn.Dropout(0.5), torch.nn.Linear(50, 1)).double()
    problem = ClosureProblem(lambda: model(torch.ones(1, 4, dtype=torch.float64)).sum(), dict(model.named_parameters()))
    copied = {n: p.clone() for n, p in problem.start.items()}
    assert problem.value(copied) == problem.value(problem.start) == problem.value(copied)


@dataclass(frozen=True)
class Scores(Method):
    asks = ("score",)


def test_what_is_wrong_is_one_sentence() -> None:
    model = net()
    optimizer = tt.optim.MethodOptimizer(model, Everything())
    loss = loss_of(model, 0)
    with pytest.raises(TypeError, match=r"needs the loss as a closure: optimizer.step\(lambda"):
        optimizer.step()
    with pytest.raises(TypeError, match="returned None: return the loss"):
        optimizer.step(lambda: None)
    with pytest.raises(ValueError, match=r"a loss of shape \(8, 2\)"):
        optimizer.step(lambda: model(torch.ones(8, 4, dtype=torch.float64)))
    with pytest.raises(ValueError, match="has no graph"):
        optimizer.step(lambda: loss().detach())

    def backward() -> Tensor:
        value = loss()
        value.backward()
        return value

    with pytest.raises(RuntimeError, match="called backward"):
        optimizer.step(backward)
    with pytest.raises(TypeError, match="is no Method"):
        tt.optim.MethodOptimizer(model, torch.optim.SGD)  # type: ignore[arg-type]
    with pytest.raises(Declined, match="declines the loss of a closure: it needs score"):
        tt.optim.MethodOptimizer(model, Scores()).step(loss)
    table = torch.nn.Embedding(4, 2, sparse=True)
    with pytest.raises(TypeError, match=r"takes no sparse gradients.*'weight'"):
        tt.optim.MethodOptimizer(table, tt.optim.GradientDescent()).step(
            lambda: table(torch.tensor([1])).square().sum()
        )


class Descent(tt.optim.MethodOptimizer, method=Everything):
    pass


def test_a_subclass_takes_the_settings_of_its_method() -> None:
    assert Descent.method(lr=0.5) == Everything(lr=0.5)
    assert "lr=0.05, beta=0.5, *, seed=0" in str(Descent.__signature__)  # type: ignore[attr-defined]
    optimizer = Descent(net(), 0.25, beta=0.125, seed=4)
    assert [optimizer.param_groups[0][n] for n in ("lr", "beta", "seed")] == [0.25, 0.125, 4]
    with pytest.raises(TypeError, match="at most 2 settings"):
        Descent(net(), 0.1, 0.2, 0.3)
    with pytest.raises(ValueError, match="no setting 'rate'"):
        Descent(net(), rate=0.1)
