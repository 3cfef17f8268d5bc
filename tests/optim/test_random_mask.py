"""The random mask against its literal transcription, and as dense as it says."""

from __future__ import annotations

import math

import pytest
import torch
from reference import random_mask

from tendsto.core.random import Random
from tendsto.optim import AdamW, CautiousRule, RandomMaskRule, SGDRule

STEPS, SIZE = 60, 40
START = Random(2).normal("x", (SIZE,), torch.float64)
GRADIENTS = Random(2).normal("g", (STEPS, SIZE), torch.float64)


def test_it_equals_its_reference():
    rule = RandomMaskRule(AdamW.rule(lr=0.1, weight_decay=0.2), draws=5).for_tensor("w", START)

    def draw(t):
        return (Random(5, t).integers("mask/w", 2**31, (SIZE,)) / 2**31).tolist()

    want = random_mask.trajectory(START.tolist(), GRADIENTS.tolist(), draw, 0.1, 0.9, 0.999, 1e-8, 0.2)
    x, slots = START, rule.slots(START)
    for t, gradient in enumerate(GRADIENTS):
        x, slots = rule.update(x, gradient, slots, t + 1)
        assert x.tolist() == pytest.approx(want[t], rel=1e-12, abs=1e-12)


def test_it_is_as_dense_as_the_cautious_mask_and_elsewhere():
    n = 10_000
    gradient = torch.ones(n, dtype=torch.float64)
    momentum = torch.where(torch.arange(n) < 3 * n // 10, 2.0, -3.0).to(torch.float64)
    base, x = SGDRule(lr=1.0, momentum=1.0), torch.zeros(n, dtype=torch.float64)

    def moved(rule, step=2):
        return rule.update(x, gradient, {"momentum": momentum}, step)[0] != 0

    cautious = moved(CautiousRule(base))
    density = float(cautious.double().mean())
    assert density == 0.3
    masks = {
        "plain": moved(RandomMaskRule(base)),
        "another step": moved(RandomMaskRule(base), 3),
        "other draws": moved(RandomMaskRule(base, draws=1)),
        "another tensor": moved(RandomMaskRule(base).for_tensor("w", x)),
    }
    band = 5 * math.sqrt(density * (1 - density) / n)
    for mask in masks.values():
        assert abs(float(mask.double().mean()) - density) < band
        assert abs(float(mask[cautious].double().mean()) - density) < band / math.sqrt(density)
    names = list(masks)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = float((masks[first] & masks[second]).double().mean())
            assert abs(both - density**2) < band, f"{first} and {second} are not independent"


def test_the_expected_move_is_that_of_the_base():
    rule, runs = RandomMaskRule(SGDRule(lr=1.0, momentum=1.0)), 1000
    gradient, slots = torch.ones(4, dtype=torch.float64), {"momentum": torch.tensor([1.0, -3.0, 0.5, 2.0]).double()}
    x = torch.zeros(4, dtype=torch.float64)
    mean = sum(rule.update(x, gradient, slots, t)[0] for t in range(1, runs + 1)) / runs
    expected = SGDRule(lr=1.0, momentum=1.0).update(x, gradient, slots, 1)[0]
    # A share of 3/4 moves, scaled by 4/3: the standard deviation of an entry is its size times sqrt(1/3).
    assert mean.tolist() == pytest.approx(expected.tolist(), abs=5 * 3 * math.sqrt(1 / 3 / runs))
