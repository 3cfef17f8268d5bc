"""OnlineAdam against its literal transcription."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import online, online_adam

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.optim import OnlineAdam
from tendsto.problems import AdamCounterexample, OnlineLogistic

ROUNDS = 100
METHODS = [
    OnlineAdam(),
    OnlineAdam(amsgrad=True, decay=1.0),
    OnlineAdam(lr=0.5, betas=(0.0, 0.1), bias_correction=False),
    OnlineAdam(lr=0.5, betas=(0.5, 0.3), bias_correction=False, amsgrad=True, eps=0.0),
]


def literal(method, losses, dimension, radius):
    b1, b2 = method.betas
    options = method.decay, method.eps, method.amsgrad, method.bias_correction
    return online_adam.rounds(losses, dimension, radius, method.lr, b1, b2, *options)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_it_equals_its_reference_on_alternating_losses(method):
    losses = [lambda x, t=t: online.alternating(t, 3.0, x) for t in range(1, ROUNDS + 1)]
    want = literal(method, losses, 1, 1.0)
    trace = iterate(method, AdamCounterexample(shift=0), steps=ROUNDS, record=ROUNDS + 1)
    assert trace["x"][0] == pytest.approx(np.array(want.points)[:, 0], rel=1e-12, abs=1e-12)
    assert trace["info.total loss"][0, 1:] == pytest.approx(np.cumsum(want.losses), rel=1e-12, abs=1e-12)
    assert trace["info.roots"][0, -1] == pytest.approx(want.roots, rel=1e-12)
    assert trace["info.norms"][0, -1] == pytest.approx(want.norms, rel=1e-12)


@pytest.mark.parametrize("method", METHODS[:2], ids=str)
def test_it_equals_its_reference_on_logistic_losses(method):
    problem, seed = OnlineLogistic(radius=0.3), 3
    rows = [problem.data[problem.sample(Random(seed, t))][0].tolist() for t in range(1, ROUNDS + 1)]
    want = literal(method, [lambda x, row=row: online.logistic(row, x) for row in rows], 30, 0.3)
    trace = iterate(method, problem, steps=ROUNDS, seeds=[seed])
    assert trace["info.total loss"][0, -1] == pytest.approx(sum(want.losses), rel=1e-12)
    assert trace["info.roots"][0, -1] == pytest.approx(want.roots, rel=1e-12)
    assert trace["info.norms"][0, -1] == pytest.approx(want.norms, rel=1e-12)
    final = problem.criterion(torch.tensor(want.points[-1], dtype=torch.float64))
    assert trace.final()[0] == pytest.approx(float(final), rel=1e-12)
    assert max(abs(v) for point in want.points for v in point) == 0.3  # the box is reached


@pytest.mark.parametrize(
    "wrong", [{"lr": -1.0}, {"betas": (0.9, 1.0)}, {"decay": 0.0}, {"decay": 1.5}, {"eps": float("nan")}], ids=str
)
def test_it_refuses(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OnlineAdam(**wrong)
