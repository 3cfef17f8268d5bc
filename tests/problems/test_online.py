"""Streams: the regret against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import online

from tendsto.core.iterate import iterate
from tendsto.core.random import Random
from tendsto.optim import OnlineAdam, SGDRule
from tendsto.problems import AdamCounterexample, OnlineLogistic

ROUNDS = 12


def test_regret_of_logistic_losses_is_its_definition():
    problem = OnlineLogistic(radius=0.3)
    trace = problem.regret(iterate(OnlineAdam(), problem, steps=ROUNDS, seeds=[0, 4]))
    for run, seed in enumerate(trace.seeds):
        rows = [problem.data[problem.sample(Random(seed, t))][0].tolist() for t in range(1, ROUNDS + 1)]
        for total in (1, 5, ROUNDS):
            least = online.least_logistic(rows[:total], 0.3, tolerance=1e-7)
            want = trace["info.total loss"][run, total] - least
            assert trace["regret"][run, total] == pytest.approx(want, abs=1e-6)
            assert trace["average regret"][run, total] == pytest.approx(want / total, abs=1e-6)
    assert (trace["regret"][:, 0] == 0).all()


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_regret_of_alternating_losses_is_its_definition(shift):
    problem = AdamCounterexample(large=2.5, radius=2.0, shift=shift)
    trace = problem.regret(iterate(OnlineAdam(), problem, steps=30))
    grid = np.linspace(-2, 2, 401)
    for total in range(1, 31):
        paid = [sum(online.alternating(t + shift, 2.5, [x])[0] for t in range(1, total + 1)) for x in grid]
        want = trace["info.total loss"][0, total] - min(paid)
        assert trace["regret"][0, total] == pytest.approx(want, abs=1e-12)


def test_the_best_point_is_certified():
    problem = OnlineLogistic(radius=0.7)
    x = problem.solution()
    gradient = problem.gradient(x)
    # By convexity no point of the box is lower than this much below.
    assert float((gradient * x + 0.7 * gradient.abs()).sum()) < 1e-7
    assert float(problem.criterion(x)) == pytest.approx(problem.optimum(), rel=1e-12)


def test_a_stream_does_not_depend_on_who_asks():
    problem = OnlineLogistic()
    rng = Random(5, 9)
    assert torch.equal(problem.sample(rng), problem.sample(rng.fork("oracle").fork("sample")))
    rows = torch.stack([problem.sample(Random(5, t)) for t in range(1, 200)])
    assert len(torch.unique(rows)) > 100


def test_a_drawn_shift_is_kept_by_a_run_and_varies_between_runs():
    problem = AdamCounterexample()
    firsts = set()
    for seed in range(20):
        slopes = [float(problem.sample(Random(seed, t))) for t in range(1, 10)]
        assert slopes[:3] == slopes[3:6] == slopes[6:]
        firsts.add(slopes.index(3.0))
    assert firsts == {0, 1, 2}


def test_regret_needs_the_total_loss():
    problem = AdamCounterexample()
    trace = iterate(SGDRule(), problem, steps=5)
    with pytest.raises(ValueError, match="total loss"):
        problem.regret(trace)


@pytest.mark.parametrize(
    ("cls", "wrong"), [(OnlineLogistic, {"radius": 0.0}), (AdamCounterexample, {"large": 2.0})], ids=str
)
def test_it_refuses(cls, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cls(**wrong)
