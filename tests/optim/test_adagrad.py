"""AdaGrad against its literal transcription and torch's."""

from __future__ import annotations

import pytest
import torch
from reference import adagrad

from tendsto.core.random import Random
from tendsto.optim import AdaGrad, AdaGradRule

STEPS, SIZE = 100, 6
START = Random(1).normal("x", (SIZE,), torch.float64)
GRADIENTS = Random(1).normal("g", (STEPS, SIZE), torch.float64)


@pytest.mark.parametrize("settings", [{}, {"lr": 0.3, "eps": 1e-3, "weight_decay": 0.1}], ids=str)
def test_rule_optimizer_reference_and_torch_agree(settings):
    rule = AdaGradRule(**settings)
    want = adagrad.trajectory(START.tolist(), GRADIENTS.tolist(), rule.lr, rule.eps, rule.weight_decay)
    x, slots = START, rule.slots(START)
    ours, theirs = (torch.nn.Parameter(START.clone()) for _ in range(2))
    optimizers = [AdaGrad([ours], **settings), torch.optim.Adagrad([theirs], **settings)]
    optimizers[1].param_groups[0].update(lr=rule.lr, eps=rule.eps)
    for t, gradient in enumerate(GRADIENTS):
        x, slots = rule.update(x, gradient, slots, t + 1)
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
        for found in (x, ours, theirs):
            assert found.tolist() == pytest.approx(want[t], rel=1e-12, abs=1e-12)


def test_it_refuses_a_negative_setting():
    with pytest.raises(ValueError, match="eps = -1"):
        AdaGradRule(eps=-1.0)
