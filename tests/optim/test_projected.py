"""Projected rules against a literal reference and the official package, and the growth of weights that they are for."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from reference.projected import adamp, sgdp

import tendsto as tt
from tendsto.core.random import Random
from tendsto.core.rule import Rule

SHAPE, STEPS = (6, 40), 60
rng = np.random.default_rng(2)
start = rng.standard_normal(SHAPE)
noise = rng.standard_normal((STEPS, *SHAPE))


def by_channel(w: np.ndarray, t: int) -> np.ndarray:
    """A gradient without radial part in any channel: the loss ignores the length of each."""
    unit = w / np.linalg.norm(w, axis=1, keepdims=True)
    g = noise[t] - unit * (unit * noise[t]).sum(axis=1, keepdims=True)
    return g / np.linalg.norm(w, axis=1, keepdims=True)


def by_layer(w: np.ndarray, t: int) -> np.ndarray:
    g = noise[t] - w * (w * noise[t]).sum() / (w * w).sum()
    return g / np.linalg.norm(w)


def mixed(w: np.ndarray, t: int) -> np.ndarray:
    """Now one of these, now a gradient that sees the length."""
    return (by_channel(w, t), by_layer(w, t), noise[t] + w)[t % 3]


def ours(rule: Rule, gradient_at: object) -> np.ndarray:
    x = torch.from_numpy(start.copy())
    slots = rule.slots(x)
    for t in range(STEPS):
        x, slots = rule.update(x, torch.from_numpy(gradient_at(x.numpy(), t)), slots, t + 1)  # type: ignore[operator]
    return x.numpy()


@pytest.mark.parametrize("gradient_at", [by_channel, by_layer, mixed])
@pytest.mark.parametrize("nesterov", [False, True])
def test_it_is_the_paper_s(gradient_at: object, nesterov: bool) -> None:
    for official in (False, True):
        variant = "official" if official else "paper"
        rule = tt.optim.SGDP.rule(lr=0.05, weight_decay=0.1, nesterov=nesterov, variant=variant)
        wanted = sgdp(start, gradient_at, STEPS, 0.05, 0.9, 0.1, nesterov, official)
        np.testing.assert_allclose(ours(rule, gradient_at), wanted, rtol=1e-11, atol=1e-12)
    rule = tt.optim.AdamP.rule(lr=0.01, weight_decay=0.1, nesterov=nesterov)
    wanted = adamp(start, gradient_at, STEPS, 0.01, 0.1, nesterov)
    np.testing.assert_allclose(ours(rule, gradient_at), wanted, rtol=1e-11, atol=1e-12)


def test_the_official_code_projects_the_momentum_too() -> None:
    paper, official = (ours(tt.optim.SGDP.rule(lr=0.05, variant=v), by_channel) for v in ("paper", "official"))
    assert np.abs(paper - official).max() > 0.01
    paper, official = (
        ours(tt.optim.SGDP.rule(lr=0.05, nesterov=True, variant=v), mixed) for v in ("paper", "official")
    )
    np.testing.assert_array_equal(paper, official)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 3)
    return torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(5, 3)).double()


def trained(optimizer_of: object, steps: int = 40) -> torch.Tensor:
    net = network()
    optimizer = optimizer_of(net.parameters())  # type: ignore[operator]
    torch.manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        inputs = torch.randn(16, 1, 5, 5, dtype=torch.float64)
        torch.nn.functional.cross_entropy(net(inputs), inputs.mean((1, 2, 3)).gt(0).long()).backward()
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


@pytest.mark.parametrize("nesterov", [False, True])
def test_they_equal_the_official_package(nesterov: bool) -> None:
    peer = pytest.importorskip("adamp", reason="pip install 'tendsto[peers]'")
    settings = {"lr": 0.05, "weight_decay": 0.01, "nesterov": nesterov}
    torch.testing.assert_close(
        trained(lambda p: tt.optim.SGDP(p, momentum=0.9, variant="official", **settings)),
        trained(lambda p: peer.SGDP(p, momentum=0.9, **settings)),
        rtol=1e-9,
        atol=1e-10,
    )
    settings["lr"] = 0.003
    torch.testing.assert_close(
        trained(lambda p: tt.optim.AdamP(p, **settings)),
        trained(lambda p: peer.AdamP(p, **settings)),
        rtol=1e-8,
        atol=1e-9,
    )


def test_the_wrapper_equals_the_rule() -> None:
    torch.testing.assert_close(
        trained(lambda p: tt.optim.Projected(torch.optim.AdamW(p, lr=0.003, weight_decay=0.1))),
        trained(lambda p: tt.optim.AdamP(p, lr=0.003, weight_decay=0.1)),
        rtol=1e-7,
        atol=1e-9,
    )
    plain = trained(lambda p: tt.optim.AdamW(p, lr=0.003, weight_decay=0.1))
    assert (plain - trained(lambda p: tt.optim.AdamP(p, lr=0.003, weight_decay=0.1))).abs().max() > 1e-3


def test_with_projection_the_squared_norm_grows_by_the_squared_move_and_no_more() -> None:
    def growth(rule: Rule) -> float:
        w = Random(5).normal("w", (1, 64), torch.float64)
        w, moved, slots = w / w.norm(), 0.0, rule.slots(w)
        for t in range(300):
            z = Random(5, t).normal("z", (1, 64), torch.float64)
            new, slots = rule.update(w, (z - w * (z * w).sum() / (w * w).sum()) / w.norm(), slots, t + 1)
            shifted, length = float(((new - w) ** 2).sum()), float((w * w).sum())
            w, moved = new, moved + shifted
            if t:
                assert float((w * w).sum()) - length >= shifted * (1 - 1e-9)
        return (float((w * w).sum()) - 1) / moved

    heavy_ball = tt.optim.SGDRule(lr=1e-3, momentum=0.9)
    assert growth(tt.optim.Projected.rule(heavy_ball, norm_eps=0.0)) == pytest.approx(1, abs=1e-10)
    assert growth(heavy_ball) > 10


def test_the_test_needs_the_right_direction() -> None:
    w = torch.from_numpy(start)
    assert [bool(t) for t in tt.optim.scale_invariance(w, torch.from_numpy(by_channel(start, 0)))] == [True, True]
    assert [bool(t) for t in tt.optim.scale_invariance(w, torch.from_numpy(by_layer(start, 0)))] == [False, True]
    assert [bool(t) for t in tt.optim.scale_invariance(w, w)] == [False, False]


def test_lanes_equal_runs_alone() -> None:
    problem = tt.problems.DigitsCNN(channels=2, batch=8, precision="float64")
    for rule in (tt.optim.AdamP.rule(delta=3.0, weight_decay=0.1), tt.optim.SGDP.rule(delta=3.0, variant="official")):
        lanes = tt.iterate(rule, problem, steps=6, seeds=2)
        alone = tt.iterate(rule, problem, steps=6, seeds=2, lanes=False)
        np.testing.assert_allclose(lanes["train loss"], alone["train loss"], rtol=1e-10)
        other = tt.iterate(tt.core.spec.replace(rule, delta=0.0), problem, steps=6, seeds=2)
        assert np.abs(lanes["train loss"] - other["train loss"]).max() > 1e-6


def test_its_own_schedule_and_copies() -> None:
    net = network()
    optimizer = tt.optim.SGDP(net.parameters(), 0.1, weight_decay=0.5)
    assert {len(g["params"]) for g in optimizer.param_groups} == {3, 5}
    again = copy.deepcopy(optimizer)
    assert [g["lr"] for g in again.param_groups] == [0.1, 0.1]


def test_bad_settings_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"momentum = 1.0 never forgets"):
        tt.optim.SGDP([torch.nn.Parameter(torch.ones(2, 2))], momentum=1.0)
    with pytest.raises(ValueError, match=r"variant = 'code' is unknown"):
        tt.optim.SGDP.rule(variant="code")
    with pytest.raises(ValueError, match=r"delta = -1"):
        tt.optim.AdamP.rule(delta=-1.0)
