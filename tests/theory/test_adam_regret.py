"""Adam's regret bound: its formula, where it holds, and where it is violated."""

from __future__ import annotations

import dataclasses

import pytest
from reference import adam_regret

from tendsto.core.iterate import iterate
from tendsto.core.registry import guarantees
from tendsto.optim import OnlineAdam
from tendsto.problems import AdamCounterexample, OnlineLogistic
from tendsto.theory import AdamRegret

MADE = AdamRegret(lr=0.2, diameter=3.0, width=2.0, gradient_bound=4.0, dimension=3, beta1=0.8, beta2=0.99, decay=0.95)
HARMFUL = OnlineAdam(lr=0.5, betas=(0.0, 0.1), bias_correction=False)


def literal(g, rounds, moments, norms):
    constants = g.lr, g.beta1, g.beta2, g.decay, g.diameter, g.width, g.gradient_bound
    return adam_regret.bound(rounds, *constants, moments, norms) / rounds


def test_the_formula_is_the_theorem():
    seen = dataclasses.replace(MADE, seen=((10.0, 1.5 + 2.5 + 0.5, 7.0 + 1.0 + 2.0),))
    assert seen.bound(10) == pytest.approx(literal(MADE, 10, [1.5**2, 2.5**2, 0.5**2], [7.0, 1.0, 2.0]), rel=1e-12)
    worst = literal(MADE, 50, [16.0] * 3, [4.0 * 50**0.5] * 3)
    assert MADE.bound(50) == seen.bound(50) == pytest.approx(worst, rel=1e-12)
    assert MADE.bound(0) == float("inf")
    k = MADE.iterations(50.0)
    assert MADE.bound(k) <= 50.0 < MADE.bound(k - 1)


def test_it_holds_on_a_harmless_stream():
    problem, method = OnlineLogistic(), OnlineAdam()
    trace = problem.regret(iterate(method, problem, steps=200, seeds=2))
    g = AdamRegret.on(problem, method)
    assert g.check(trace).holds
    # What was seen is below what can be at most, so the bound is sharper.
    assert (g.started(trace).bound(trace.index[1:]) < g.bound(trace.index[1:])).all()
    # A thousandth of a thousandth of the bound is not kept: the check can fail.
    trace.values["average regret"][:, 1:] *= 1e6
    assert g.check(trace).holds is False


def test_it_is_violated_on_the_counterexample_and_amsgrad_does_not_violate_it():
    problem = AdamCounterexample(shift=0)
    for method, holds in ((HARMFUL, False), (dataclasses.replace(HARMFUL, amsgrad=True), True)):
        trace = problem.regret(iterate(method, problem, steps=6000))
        check = AdamRegret.on(problem, method).check(trace)
        assert check.holds is holds, check.sentence


def test_its_second_term_has_not_the_units_of_a_loss():
    # With losses c times larger a bound on the regret has to be c times larger; this one is not.
    scaled = dataclasses.replace(MADE, gradient_bound=10 * MADE.gradient_bound)
    assert scaled.bound(10**6) > 20 * MADE.bound(10**6)


def test_it_is_not_offered_as_a_theorem():
    assert AdamRegret not in guarantees().values()


def test_it_explains_itself():
    problem = AdamCounterexample(shift=0)
    started = AdamRegret.on(problem, HARMFUL).started(problem.regret(iterate(HARMFUL, problem, steps=5)))
    text = started.explain()
    for word in ("wrong", "does not decrease", "AMSGrad", "lr = 0.5"):
        assert word in text
    assert started.method_for() == OnlineAdam(lr=0.5, betas=(0.0, 0.1))


@pytest.mark.parametrize(
    "wrong", [{"lr": 0.0}, {"beta1": 0.999}, {"decay": 1.0}, {"width": -1.0}, {"gradient_bound": float("inf")}], ids=str
)
def test_it_refuses(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(MADE, **wrong)
