"""EXAdam against its literal reference, its closed form and another library, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.exadam import exadam

import tendsto as tt

STEPS, SHAPE = 120, (5, 4)
rng = np.random.default_rng(1)
start = rng.standard_normal(SHAPE)
gradients = [rng.standard_normal(SHAPE) * 10.0 ** rng.uniform(-5, 1) for _ in range(STEPS)]


def ours(rule: tt.optim.EXAdamRule, steps: list[np.ndarray] = gradients, factor: float = 1.0) -> np.ndarray:
    x = torch.from_numpy(start.copy())
    slots = rule.slots(x)
    for step, gradient in enumerate(steps, start=1):
        x, slots = rule.update(x, factor * torch.from_numpy(gradient), slots, step)
    return x.numpy()


@pytest.mark.parametrize(("variant", "version"), [("v1", 1), ("v2", 2)])
def test_it_is_the_paper_s(variant: str, version: int) -> None:
    rule = tt.optim.EXAdamRule(lr=0.01, weight_decay=0.1, variant=variant)
    wanted = exadam(start, gradients, 0.01, 0.9, 0.999, 1e-8, 0.1, version)
    np.testing.assert_allclose(ours(rule), wanted, rtol=1e-12, atol=1e-13)


def test_the_versions_differ() -> None:
    assert np.abs(ours(tt.optim.EXAdamRule(lr=0.01)) - ours(tt.optim.EXAdamRule(lr=0.01, variant="v1"))).max() > 0.1


def test_it_equals_pytorch_optimizer_s() -> None:
    peer = pytest.importorskip("pytorch_optimizer", reason="pip install 'tendsto[peers]'")
    found = []
    for cls in (peer.EXAdam, tt.optim.EXAdam):
        parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
        optimizer = cls([parameter], lr=0.01, weight_decay=0.1)
        for gradient in gradients:
            parameter.grad = torch.from_numpy(gradient.copy())
            optimizer.step()
        found.append(parameter.detach().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_under_a_constant_gradient_its_steps_are_the_closed_form(variant: str) -> None:
    rule = tt.optim.EXAdamRule(lr=0.5, eps=1e-30, variant=variant)
    x, gradient = torch.zeros(3, dtype=torch.float64), torch.tensor([1e-3, -2.0, 70.0], dtype=torch.float64)
    slots = rule.slots(x)
    for step in range(1, 60):
        new, slots = rule.update(x, gradient, slots, step)
        gain = tt.optim.exadam_gain(step, variant=variant)
        np.testing.assert_allclose((x - new).numpy(), 0.5 * gain * gradient.sign().numpy(), rtol=1e-12)
        x = new


def test_the_multipliers_are_known() -> None:
    gains = [tt.optim.exadam_gain(t) for t in (1, 2, 10, 100, 10**6)]
    assert [round(g, 1) for g in gains] == [16.0, 9.3, 4.3, 3.8, 2.0]
    gains = [tt.optim.exadam_gain(t, variant="v1") for t in (1, 10, 100, 1000, 10_000)]
    assert [round(g, 1) for g in gains] == [11.1, 6.7, 10.1, 10.4, 9.9]


def test_eps_is_seen_at_its_root() -> None:
    def change(rule: tt.optim.EXAdamRule | tt.optim.AdamRule) -> float:
        return float(np.abs(ours(rule) - ours(rule, factor=1e-3)).max())  # type: ignore[arg-type]

    assert change(tt.optim.AdamRule(lr=0.01, eps=1e-14)) < 1e-5
    assert change(tt.optim.EXAdamRule(lr=0.01, eps=1e-14)) > 1e-3


def test_bad_settings_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"variant = 'v3' is unknown: use 'v2' or 'v1'"):
        tt.optim.EXAdamRule(variant="v3")
    with pytest.raises(ValueError, match=r"step = 0 is none"):
        tt.optim.exadam_gain(0)
    with pytest.raises(ValueError, match=r"betas = \(0.9, 1.0\)"):
        tt.optim.exadam_gain(1, betas=(0.9, 1.0))
