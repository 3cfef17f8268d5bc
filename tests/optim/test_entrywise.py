"""Methods with an entrywise update: in place, eagerly or compiled, it is the update of their step."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tendsto as tt
from tendsto.core.random import Random
from tendsto.optim import compiled

METHODS: dict[str, Callable[..., Any]] = {
    "adahessian": lambda m, **o: tt.optim.AdaHessian(m, weight_decay=0.1, **o),
    "power": lambda m, **o: tt.optim.AdaHessian(m, hessian_power=0.5, update_every=2, block="row", **o),
    "gradient descent": lambda m, **o: tt.optim.AdaHessian(m, hessian_power=0.0, lr=0.1, **o),
    "difference": lambda m, **o: tt.optim.AdaHessian(m, products="difference", **o),
    "oasis": lambda m, **o: tt.optim.OASIS(m, lr=0.05, alpha=0.05, warmup_samples=2, **o),
    "momentum": lambda m, **o: tt.optim.OASIS(
        m, lr=0.05, alpha=0.05, momentum=0.9, warmup_samples=2, products="difference", **o
    ),
}


def net(dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 3, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(48, 2)]
    return torch.nn.Sequential(*layers).to(dtype)


def train(made: Callable[..., Any], steps: int = 5, dtype: torch.dtype = torch.float32, **options: Any) -> list[Tensor]:
    """The parameters and all state after some steps, a scheduled lr among them."""
    model = net(dtype)
    x = Random(0).normal("x", (8, 1, 6, 6), dtype)
    optimizer = made(model, **options)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(steps):
        optimizer.step(lambda: (model(x) - 1).square().mean())
        schedule.step()
    assert optimizer.param_groups[0]["shared"]["step"] == steps
    state = [s for p in model.parameters() for _, s in sorted(optimizer.state[p].items())]
    return [p.detach() for p in model.parameters()] + state + [optimizer.param_groups[0]["shared"]["step"]]


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave all tensors to the eager update in place, which compiled code is tested against elsewhere."""
    monkeypatch.setattr(compiled.Compiled, "advance", lambda self, rule, step, items: items)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", METHODS)
def test_the_update_in_place_is_that_of_the_step(name: str) -> None:
    for mine, theirs in zip(train(METHODS[name], compiled=True), train(METHODS[name]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-7)
    for options in ({"maximize": True}, {"seed": 5}):
        up, down = (train(METHODS[name], 2, torch.float64, compiled=c, **options) for c in (True, False))
        for mine, theirs in zip(up, down, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("uncompiled")
def test_half_precision_keeps_its_dtype_and_float32_state() -> None:
    mine, theirs = (train(METHODS["oasis"], 3, torch.bfloat16, compiled=c) for c in (True, False))
    for a, b in zip(mine, theirs, strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=2e-2, atol=1e-2)
    assert {t.dtype for t in mine[:-1]} == {torch.bfloat16, torch.float32}


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", ["power", "momentum"])
def test_state_resumes_bitwise_and_copies_are_independent(name: str) -> None:
    model, x = net(), Random(0).normal("x", (8, 1, 6, 6))
    optimizer = METHODS[name](model, compiled=True, seed=3)

    def step(o: Any, m: torch.nn.Module) -> float:
        return float(o.step(lambda: (m(x) - 1).square().mean()))

    for _ in range(3):
        step(optimizer, model)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    twin = copy.deepcopy(model)
    again = METHODS[name](twin, compiled=True)
    again.load_state_dict(torch.load(file, weights_only=True))
    third, another = copy.deepcopy((model, optimizer))
    losses = [[step(o, m) for _ in range(4)] for o, m in ((optimizer, model), (again, twin), (another, third))]
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses what torch deprecates
@pytest.mark.slow  # a first compilation takes seconds
@pytest.mark.parametrize("name", ["adahessian", "oasis"])
def test_compiled_is_the_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, real = list[int](), compiled._compiled
    monkeypatch.setattr(compiled, "_compiled", lambda f, threads, *e: seen.append(threads) or real(f, threads, *e))
    for mine, theirs in zip(train(METHODS[name], compiled=True), train(METHODS[name]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    assert seen == [1]  # once, whatever the schedule does


def test_what_has_no_such_update_says_so() -> None:
    model = torch.nn.Linear(3, 1)
    with pytest.raises(ValueError, match=r"nothing to compile: in a step of OASISMethod.* a fixed lr for OASIS"):
        tt.optim.OASIS(model, compiled=True)
    with pytest.raises(ValueError, match=r"nothing to compile: in a step of Nesterov"):
        tt.optim.MethodOptimizer(model, tt.optim.Nesterov(), compiled=True)
    assert "compiled=False" in str(tt.optim.AdaHessian.__signature__)  # type: ignore[attr-defined]
    assert "compiled" not in str(tt.optim.KFAC.__signature__)  # type: ignore[attr-defined]
