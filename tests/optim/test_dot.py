"""DOT against its reference, against momentum SGD, and against what its gains say."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from reference.dot import dot

import tendsto as tt
from tendsto.optim import DOT, DistillationOriented, dot_gains
from tendsto.problems import DigitsDistillation, QuadraticPair

PAIR = QuadraticPair(dimension=4, curvature=0.7)
A, B = PAIR.targets.numpy()


def test_the_method_and_the_optimizer_are_the_reference() -> None:
    settings = {"lr": 0.05, "momentum": 0.8, "delta": 0.15, "weight_decay": 0.1}
    want = dot(np.zeros(4), lambda x, _: x - A, lambda x, _: 0.7 * (x - B), 30, 0.05, 0.8, 0.15, 0.1)
    trace = tt.iterate(DistillationOriented(**settings), PAIR, steps=30)
    found = float(PAIR.criterion(torch.from_numpy(want)))
    assert trace["f(x)"][0, -1] == pytest.approx(found, rel=1e-12)
    x = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
    optimizer = DOT([x], **settings)
    for _ in range(30):
        optimizer.step(((x - PAIR.targets[0]) ** 2).sum() / 2, 0.7 * ((x - PAIR.targets[1]) ** 2).sum() / 2)
    np.testing.assert_allclose(x.detach().numpy(), want, rtol=1e-12)


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)).double()


def losses(net: torch.nn.Module, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)).double()
    outputs = net(inputs)
    return outputs.square().mean(), (outputs - 1).abs().mean()


def test_without_a_difference_it_is_momentum_sgd_on_the_sum() -> None:
    ours, theirs = network(), network()
    optimizer = DOT(ours.parameters(), lr=0.05, delta=0.0, weight_decay=0.01)
    plain = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    for seed in range(40):
        optimizer.step(lambda seed=seed: losses(ours, seed))
        plain.zero_grad()
        sum(losses(theirs, seed)).backward()  # type: ignore[union-attr]
        plain.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-12)


def test_with_a_difference_it_is_two_torch_optimizers_by_hand() -> None:
    """Moves of two SGDs with momenta of their own, from the same point, added."""
    ours, theirs = network(), network()
    optimizer = DOT(ours.parameters(), lr=0.05)
    halves = [copy.deepcopy(theirs) for _ in range(2)]
    sgds = [torch.optim.SGD(h.parameters(), lr=0.05, momentum=m) for h, m in zip(halves, (0.825, 0.975), strict=True)]
    for seed in range(20):
        optimizer.step(*losses(ours, seed))
        start = copy.deepcopy(theirs.state_dict())
        for i, (half, sgd) in enumerate(zip(halves, sgds, strict=True)):
            half.load_state_dict(start)
            sgd.zero_grad()
            losses(half, seed)[i].backward()
            sgd.step()
        both = [half.state_dict() for half in halves]
        theirs.load_state_dict({n: both[0][n] + both[1][n] - start[n] for n in start})
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_it_comes_to_rest_at_the_reweighted_minimiser() -> None:
    trace = tt.iterate(DistillationOriented(lr=0.05), PAIR, steps=3000)
    limit = PAIR.weighted(*dot_gains())
    assert trace["f(x)"][0, -1] == pytest.approx(float(PAIR.criterion(limit)), rel=1e-12)
    assert trace["f(x)"][0, -1] > PAIR.optimum() + 1e-3


@pytest.mark.parametrize(("share", "stable"), [(0.98, True), (1.02, False)])
def test_stability_limit(share: float, stable: bool) -> None:
    x, h = torch.nn.Parameter(torch.ones(1, dtype=torch.float64)), 3.0
    optimizer = DOT([x], lr=share * 2 * (1 + 0.975) / h)
    for _ in range(1000):
        optimizer.step(0 * x.sum(), h * (x**2).sum() / 2)
    assert (abs(x.item()) < 1) == stable


def test_a_parameter_that_one_loss_reaches_has_the_plain_momentum_and_decay() -> None:
    for which in (0, 1):
        x, y = (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2))
        z = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = DOT([x, z], lr=0.1, weight_decay=0.2)
        plain = torch.optim.SGD([y], lr=0.1, momentum=0.9, weight_decay=0.2)
        for _ in range(5):
            both = [z.sum() ** 2, z.sum() ** 2]
            both[which] = both[which] + (x**3).sum()
            optimizer.step(*both)
            plain.zero_grad()
            (y**3).sum().backward()
            plain.step()
        torch.testing.assert_close(x, y, rtol=1e-12, atol=0.0)


def test_state_dict_resumes_bitwise() -> None:
    one = network()
    optimizer = DOT(one.parameters(), lr=0.05)
    for seed in range(3):
        optimizer.step(*losses(one, seed))
    two = network(1)
    two.load_state_dict(one.state_dict())
    other = DOT(two.parameters(), lr=0.9)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for seed in range(3, 6):
        optimizer.step(*losses(one, seed))
        other.step(*losses(two, seed))
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), two.parameters(), strict=True))


def test_the_problem_s_two_gradients_add_up_and_its_divergence_is_torch_s() -> None:
    problem = DigitsDistillation(hidden=3, teacher=4, batch=8, precision="float64")
    x, sample = problem.init(tt.Random(0)), problem.sample(tt.Random(1))
    whole = problem.gradient(x, sample)
    task, distill = problem.task_gradient(x, sample), problem.distill_gradient(x, sample)
    for name in whole:
        torch.testing.assert_close(task[name] + distill[name], whole[name], rtol=1e-10, atol=1e-12)
    soft = torch.log_softmax(problem.logits(x, problem.data[0]) / 4, dim=-1)
    want = 16 * torch.nn.functional.kl_div(soft, problem.targets, reduction="batchmean")
    assert float(problem.metrics(x)["distill loss"]) == pytest.approx(float(want), rel=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DOT(network().parameters(), delta=0.1), "momenta 0.8 and 1"),
        (lambda: dot_gains(0.05, 0.1), "momentum = 0.05"),
        (lambda: DistillationOriented(lr=-1.0), "lr = -1"),
        (lambda: DOT(network().parameters()).step(torch.ones(2), torch.ones(2)), "task_loss"),
        (lambda: QuadraticPair(curvature=0.0), "curvature = 0"),
        (lambda: DigitsDistillation(temperature=0.0), "temperature = 0"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
