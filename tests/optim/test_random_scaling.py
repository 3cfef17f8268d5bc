"""Random scaling against its reference and torch, and its draws: one a step, the run's own, kept by state_dict."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from reference.random_scaling import randomised_adamw, rsgdm

import tendsto as tt
from tendsto.core import spec
from tendsto.core.rule import Rule
from tendsto.optim import random_scale

STEPS, SHAPE = 50, (5, 4)
rng = np.random.default_rng(3)
start = rng.standard_normal(SHAPE)
gradients = [rng.standard_normal(SHAPE) for _ in range(STEPS)]
SCALES = [random_scale("exponential", 11, t) for t in range(1, STEPS + 1)]


def ours(rule: Rule) -> np.ndarray:
    x = torch.from_numpy(start.copy())
    slots = rule.slots(x)
    for step, gradient in enumerate(gradients, start=1):
        x, slots = rule.update(x, torch.from_numpy(gradient), slots, step)
    return x.numpy()


def stepped(optimizer_of: object, reload: bool = False) -> np.ndarray:
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = optimizer_of([parameter])  # type: ignore[operator]
    for step, gradient in enumerate(gradients):
        if reload and step == STEPS // 2:
            saved = copy.deepcopy(optimizer.state_dict())
            optimizer = optimizer_of([parameter])  # type: ignore[operator]
            optimizer.load_state_dict(saved)
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    return parameter.detach().numpy()


def close(a: np.ndarray, b: np.ndarray, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def test_it_is_the_paper_s() -> None:
    close(ours(tt.optim.RSGDM.rule(lr=0.1, momentum=0.8, seed=11)), rsgdm(start, gradients, SCALES, 0.1, 0.8))
    rule = tt.optim.RandomScaling.rule(tt.optim.AdamW.rule(lr=0.01, weight_decay=0.5), seed=11)
    close(ours(rule), randomised_adamw(start, gradients, SCALES, 0.01, 0.9, 0.999, 1e-8, 0.5))


def test_both_torch_forms_draw_the_same() -> None:
    wanted = ours(tt.optim.RSGDM.rule(lr=0.1, seed=11))
    close(stepped(lambda p: tt.optim.RSGDM(p, lr=0.1, seed=11)), wanted)
    close(stepped(lambda p: tt.optim.RandomScaling(torch.optim.SGD(p, lr=0.1, momentum=0.9), seed=11)), wanted)
    rule = tt.optim.RandomScaling.rule(tt.optim.AdamW.rule(lr=0.01, weight_decay=0.5), seed=11)
    wrapped = stepped(lambda p: tt.optim.RandomScaling(torch.optim.AdamW(p, lr=0.01, weight_decay=0.5), seed=11))
    close(wrapped, ours(rule), rtol=1e-9)


def test_without_scaling_it_is_torch_s_sgd() -> None:
    close(
        stepped(lambda p: tt.optim.RSGDM(p, lr=0.1, momentum=0.8, weight_decay=0.1, law="none")),
        stepped(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, weight_decay=0.1)),
    )


def test_state_dict_resumes_the_same_scales_whatever_the_new_seed() -> None:
    for make in (
        lambda p, seed: tt.optim.RSGDM(p, lr=0.1, seed=seed),
        lambda p, seed: tt.optim.RandomScaling(torch.optim.SGD(p, lr=0.1, momentum=0.9), seed=seed),
    ):
        seeds = iter([11, 5])
        resumed = stepped(lambda p, make=make, seeds=seeds: make(p, next(seeds)), reload=True)
        close(resumed, stepped(lambda p, make=make: make(p, 11)))


def test_a_tensor_that_missed_a_gradient_still_shares_the_scale_in_a_wrapper() -> None:
    a, b = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    optimizer = tt.optim.RandomScaling(torch.optim.SGD([{"params": [a]}, {"params": [b]}], lr=1.0), seed=2)
    for step in range(3):
        a.grad = torch.ones(1, dtype=torch.float64)
        b.grad = torch.ones(1, dtype=torch.float64) if step == 2 else None
        before = a.item()
        optimizer.step()
    assert b.item() == pytest.approx(a.item() - before, rel=1e-12)
    assert -b.item() == pytest.approx(random_scale("exponential", 2, 3), rel=1e-12)


@pytest.mark.parametrize("law", ["exponential", "uniform"])
def test_scales_have_mean_one_and_their_law(law: str) -> None:
    drawn = random_scale(law, torch.arange(20_000), torch.tensor(4))
    variance = 1.0 if law == "exponential" else 1 / 3
    assert float(drawn.mean()) == pytest.approx(1, abs=4 * (variance / 20_000) ** 0.5)
    assert float(drawn.var()) == pytest.approx(variance, rel=0.1)
    assert float(drawn[7]) == pytest.approx(random_scale(law, 7, 4), rel=1e-14)


def test_each_run_has_its_own_scales_and_lanes_equal_runs_alone() -> None:
    problem = tt.problems.DigitsMLP(hidden=4, batch=8, precision="float64")
    nested = tt.optim.Cautious.rule(tt.optim.RandomScaling.rule(tt.optim.AdamW.rule(lr=0.01)))
    for rule in (tt.optim.RSGDM.rule(lr=0.1), nested):
        lanes = tt.iterate(rule, problem, steps=8, seeds=3)
        alone = tt.iterate(rule, problem, steps=8, seeds=3, lanes=False)
        np.testing.assert_allclose(lanes["train loss"], alone["train loss"], rtol=1e-10)
        fixed = tt.iterate(spec.replace(rule, seed=99), problem, steps=8, seeds=3)
        np.testing.assert_array_equal(fixed["train loss"], lanes["train loss"])

    quadratic = tt.problems.Quadratic(dimension=1, largest=1.0, start="flattest")
    steps = tt.iterate(tt.optim.RSGDM.rule(lr=0.1, momentum=0.0), quadratic, steps=1, seeds=3)
    ratios = np.sqrt(steps["f(x) - f*"][:, 1] / steps["f(x) - f*"][:, 0])
    scales = [random_scale("exponential", torch.tensor(seed), 1).item() for seed in range(3)]
    np.testing.assert_allclose(ratios, np.abs(1 - 0.1 * np.array(scales)), rtol=1e-12)


def test_bad_settings_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"law = 'normal' is unknown"):
        tt.optim.RSGDM.rule(law="normal")
