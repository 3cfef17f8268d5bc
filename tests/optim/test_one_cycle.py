"""1cycle against its reference and torch's, the range test, and the Hessian-free estimate against closed forms."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from reference.learning_rate import hessian_free
from reference.one_cycle import one_cycle
from torch.optim.lr_scheduler import OneCycleLR

import tendsto as tt
from tendsto.optim import (
    HessianFreeLR,
    OneCycle,
    OneCycleSchedule,
    Scheduled,
    SGDRule,
    StepSchedule,
    hessian_free_lr,
    lr_range_test,
    suggest_lr,
)


def parameters(count: int = 1) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(2)) for _ in range(count)]


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(("steps", "rise"), [(40, 0.45), (101, 0.3), (7, 0.4)])
def test_the_schedule_is_the_reference_s_and_torch_s(steps: int, rise: float) -> None:
    want = one_cycle(steps, rise, 0.15, 3.0, 0.15 / 200)
    ours = OneCycle(torch.optim.SGD(parameters(), lr=1.0), 3.0, steps, rise=rise, divide=20, divide_last=200)
    theirs = OneCycleLR(
        torch.optim.SGD(parameters(), lr=1.0),
        max_lr=3.0,
        total_steps=steps + 1,
        pct_start=rise * steps / (steps + 1),
        anneal_strategy="linear",
        three_phase=True,
        cycle_momentum=False,
        div_factor=20,
        final_div_factor=200,
    )
    found = rates(ours, steps)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    # torch ends at total_steps - 1: with the phases at the same steps only the last line differs in its end.
    triangle = int(2 * (rise * steps - 1))
    np.testing.assert_allclose(found[: triangle + 1], rates(theirs, steps)[: triangle + 1], rtol=1e-12)


def test_it_equals_torch_s_for_matching_arguments() -> None:
    ours = OneCycle(torch.optim.SGD(parameters(), lr=1.0), 2.0, 60, rise=0.4)
    theirs = OneCycleLR(
        torch.optim.SGD(parameters(), lr=1.0),
        max_lr=2.0,
        total_steps=60,
        pct_start=0.4,
        anneal_strategy="linear",
        three_phase=True,
        cycle_momentum=False,
        div_factor=10,
        final_div_factor=1000,
    )
    np.testing.assert_allclose(rates(ours, 59), rates(theirs, 59), rtol=1e-12)


def test_momentum_cycles_against_the_rate_and_stays_after_the_end() -> None:
    for optimizer in (torch.optim.SGD(parameters(), lr=1.0, momentum=0.9), torch.optim.AdamW(parameters(), lr=1.0)):
        scheduler = OneCycle(optimizer, 1.0, 100, rise=0.41, momentum=(0.85, 0.95))
        seen = []
        for _ in range(130):
            group = optimizer.param_groups[0]
            seen.append(group["momentum"] if "momentum" in group else group["betas"][0])
            optimizer.step()
            scheduler.step()
        assert seen[0] == pytest.approx(0.95)
        assert seen[40] == pytest.approx(0.85)
        assert seen[80] == pytest.approx(0.95)
        assert seen[-1] == pytest.approx(0.95)
        assert scheduler.get_last_lr() == [pytest.approx(1e-4)]


def test_groups_and_resuming() -> None:
    one = torch.optim.SGD([{"params": [p]} for p in parameters(2)], lr=1.0)
    scheduler = OneCycle(one, [1.0, 3.0], 50)
    for _ in range(20):
        one.step()
        scheduler.step()
    low, high = scheduler.get_last_lr()
    assert high == pytest.approx(3 * low)
    other = OneCycle(torch.optim.SGD([{"params": [p]} for p in parameters(2)], lr=1.0), [1.0, 3.0], 50)
    other.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    for s in (scheduler, other):
        s.optimizer.step()
        s.step()
    assert scheduler.get_last_lr() == other.get_last_lr()


def test_a_scheduled_rule_is_the_rule_with_those_rates() -> None:
    problem, steps = tt.problems.Quadratic(dimension=3, noise=0.1), 30
    schedule = OneCycleSchedule(steps=steps)
    trace = tt.iterate(Scheduled(SGDRule(lr=0.3, momentum=0.9), schedule), problem, steps=steps, record=steps + 1)
    want = one_cycle(steps, 0.45, 0.03, 0.3, 0.03 / 1000)
    np.testing.assert_allclose(trace["info.learning rate"][0, 1:], want, rtol=1e-12)
    x, m = problem.init(tt.Random(0).fork("oracle").fork("init")), torch.zeros(3, dtype=torch.float64)
    for k, lr in enumerate(want, start=1):
        sample = problem.sample(tt.Random(0, k).fork("oracle").fork("sample"))
        m = 0.9 * m + problem.gradient(x, sample)
        x = x - lr * m
    assert trace[trace.criterion][0, -1] == pytest.approx(float(problem.criterion(x)), rel=1e-10)


def test_lanes_of_different_peaks() -> None:
    result = tt.race(
        tt.problems.Quadratic(dimension=2),
        {"steps": Scheduled(SGDRule(), StepSchedule(steps=10))},
        steps=10,
        seeds=2,
        tune={"lr": [0.01, 0.1]},
    )
    last = [entry.trace["info.learning rate"][0, -1] for entry in result.entries]
    np.testing.assert_allclose(last, [0.0001, 0.001], rtol=1e-12)


def test_the_estimate_is_the_closed_form_and_the_reference_s() -> None:
    h = np.array([0.5, 2.0, 7.0])
    x, lr = np.array([1.0, -2.0, 0.3]), 0.05
    iterates = [x, x - lr * h * x]
    iterates.append(iterates[1] - lr * h * iterates[1])
    g, following = (torch.from_numpy(h * point) for point in iterates[:2])
    found = float(hessian_free_lr(g, following, lr))
    assert found == pytest.approx(hessian_free(*iterates, lr), rel=1e-10)
    assert found == pytest.approx(float(g.abs().sum() / (torch.from_numpy(h) * g.abs()).sum()), rel=1e-10)
    estimate = HessianFreeLR(smooth=0.0)
    estimate.update(g, lr)
    estimate.update(following, lr)
    assert estimate.value == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize(("noise", "close"), [(0.01, True), (1.0, False)])
def test_the_averaged_estimate_bears_little_noise_and_is_too_small_under_much(noise: float, close: bool) -> None:
    """Noise that differs between two gradients is taken for curvature."""
    h, lr, draw = torch.tensor([2.0, 4.0]), 0.02, torch.Generator().manual_seed(0)
    x, estimate, exact = torch.tensor([10.0, -10.0]), HessianFreeLR(start=0.3), list[float]()
    for _ in range(60):
        gradient = h * x + noise * torch.randn(2, generator=draw)
        estimate.update(gradient, lr)
        exact.append(float((h * x).abs().sum() / (h * h * x.abs()).sum()))
        x = x - lr * gradient
    ratio = estimate.value / float(np.mean(exact[-20:]))
    assert (0.8 < ratio < 1.2) == close
    assert close or ratio < 0.8


def test_the_range_test_finds_where_a_quadratic_stops_to_fall_and_leaves_the_model_alone() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1, bias=False)
    before = copy.deepcopy(model.state_dict())
    inputs = torch.randn(256, 4)
    targets = inputs @ torch.ones(4, 1) + torch.randn(256, 1)
    loss = torch.nn.functional.mse_loss
    found = lr_range_test(model, loss, (inputs, targets), largest=5.0, steps=200, momentum=0.0, batch=256)
    # The Hessian is about 2 I: beyond lr = 1 plain steps diverge.
    assert 0.3 < found.best < 1.3
    assert len(found.rates) < 200
    assert torch.equal(model.weight, before["weight"])
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=64)
    assert 0 < suggest_lr(model, loss, loader, largest=5.0, momentum=0.0) < 1.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OneCycleSchedule(steps=2), "steps = 2"),
        (lambda: OneCycleSchedule(rise=0.6), "rise = 0.6"),
        (lambda: OneCycleSchedule(divide=0.5), "divide = 0.5"),
        (lambda: StepSchedule(at=(2.0,)), "at = "),
        (lambda: OneCycle(torch.optim.SGD(parameters(), lr=1.0), [1.0, 2.0], 50), "max_lr"),
        (lambda: OneCycle(torch.optim.SGD(parameters(), lr=1.0), 1.0, 50, momentum=(0.9, 0.8)), "momentum = "),
        (lambda: HessianFreeLR(smooth=1.0), "smooth = 1"),
        (lambda: suggest_lr(torch.nn.Linear(1, 1), torch.nn.functional.mse_loss, [], steps=20), "no batch"),
        (lambda: suggest_lr(torch.nn.Linear(1, 1), torch.nn.functional.mse_loss, [], steps=2), "steps = 2"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
