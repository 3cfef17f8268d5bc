"""Adam: A Method for Stochastic Optimization (Kingma and Ba, 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.method import Method
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.problem import Problem
from tendsto.core.race import logspace
from tendsto.core.random import Random
from tendsto.core.trace import Trace
from tendsto.optim import AdaGradRule, Adam, AdaMax, AdamRule, OnlineAdam, SGDRule
from tendsto.problems import AdamCounterexample, Logistic, OnlineLogistic, Stream
from tendsto.theory import AdamRegret

paper = Paper(
    key="adam",
    number="P009",
    arxiv="1412.6980",
    title="Adam: A Method for Stochastic Optimization",
    authors="Diederik P. Kingma, Jimmy Ba",
    year=2015,
    family="optim",
    provides=[Adam, AdamRule, AdaMax, OnlineAdam, AdamRegret],
    note=(
        "The proof of the paper's regret bound is wrong (Reddi, Kale and Kumar 2018): it needs sqrt(v)/lr not to"
        " decrease, which Adam does not ensure and AMSGrad does. The bound is kept, so that it can be seen to hold on a"
        " harmless stream (far below: it is some 60,000 times the regret) and to be violated on the counterexample. Its"
        " second term does not have the units of a loss. The comparison with its peers fails on the small network: at"
        " their best learning rates AdaGrad ends at about a third of Adam's training loss and SGD with Nesterov momentum"
        " is not told apart from Adam, though both peers are best at the largest rate of the grid and Adam inside it."
    ),
)

HARMFUL = OnlineAdam(lr=0.5, betas=(0.0, 0.1), bias_correction=False)
"""Reddi, Kale and Kumar's Adam: beta1 = 0 and beta2 = 1 / (1 + C^2) for C = 3."""


def _slope(trace: Trace) -> Measure:
    """The log-log slope of the regret over the last two decades of rounds, by least squares, one a run."""
    late = trace.index >= trace.index[-1] / 100
    slopes: list[float] = []
    for regret in trace["regret"][:, late]:
        positive = regret > 0
        x, y = np.log(trace.index[late][positive]), np.log(regret[positive])
        slopes.append(float(np.polyfit(x, y, 1)[0]) if len(x) > 2 else np.inf)
    return Measure.mean(slopes) if len(slopes) > 1 else Measure.exact(slopes[0])


def _bounded(lab: Lab, problem: Stream, method: OnlineAdam, seeds: int) -> Evidence:
    steps = lab.pick(full=20_000, smoke=60)
    trace = problem.regret(lab.iterate(method, problem, steps=steps, seeds=seeds))
    check = AdamRegret.on(problem, method).check(trace)
    return Evidence.every(
        Evidence(1 - check.slack, at_most=1.0, what="largest regret over its bound, any run and round"),
        Evidence(_slope(trace), at_most=0.6, what="log-log slope of the regret"),
        figures={"final regret": Measure.mean(trace.final("regret")), "check": check.sentence},
        traces={type(problem).__name__: trace},
    )


@paper.claim(
    "The regret stays below the theorem's bound and grows like the root of the rounds",
    paper_reports="R(T) <= O(sqrt(T)) for every stream of convex losses",
)
def regret_bound(lab: Lab) -> Evidence:
    return _bounded(lab, OnlineLogistic(radius=1.0), OnlineAdam(), lab.pick(full=5, smoke=2))


@regret_bound.control("the stream of Reddi, Kale and Kumar, on which the theorem's missing assumption fails")
def refuting_stream(lab: Lab) -> Evidence:
    return _bounded(lab, AdamCounterexample(shift=0), HARMFUL, 1)


def _astray(lab: Lab, method: OnlineAdam) -> tuple[Evidence, Trace]:
    problem = AdamCounterexample(shift=0)
    trace = problem.regret(lab.iterate(method, problem, steps=lab.pick(full=30_000, smoke=300)))
    check = AdamRegret.on(problem, method).check(trace)
    evidence = Evidence.every(
        Evidence(trace.final("average regret")[0], at_least=0.3, what="average regret"),
        Evidence(abs(trace.final("x")[0] - 1), at_most=0.05, what="distance from the worst point, x = 1"),
        Evidence(1 - check.slack, at_least=1.0, what="largest regret over the paper's bound"),
        figures={"x": trace.final("x")[0], "check": check.sentence},
    )
    return evidence, trace


@paper.claim(
    "On three alternating linear losses Adam goes to the worst point and violates its bound",
    paper_reports="nothing; Reddi, Kale and Kumar 2018 prove it, and that AMSGrad goes to the best point",
)
def counterexample(lab: Lab) -> Evidence:
    wrong, adam = _astray(lab, HARMFUL)
    _, repaired = _astray(lab, OnlineAdam(lr=0.5, betas=(0.0, 0.1), bias_correction=False, amsgrad=True))
    at = abs(repaired.final("x")[0] + 1)
    best = Evidence(at, at_most=0.05, what="AMSGrad's distance from the best point, x = -1")
    return Evidence.every(wrong, best, traces={"Adam": adam, "AMSGrad": repaired})


@counterexample.control("AMSGrad, which divides by the largest second moment so far")
def repaired(lab: Lab) -> Evidence:
    return _astray(lab, OnlineAdam(lr=0.5, betas=(0.0, 0.1), bias_correction=False, amsgrad=True))[0]


@dataclass(frozen=True)
class _Scaled(Problem):
    """A problem whose gradients are multiplied by a number; criterion and metrics stay as they are."""

    base: Problem
    factor: float

    @property
    def criterion_name(self) -> str:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.criterion_name

    def init(self, rng: Random) -> Any:
        return self.base.init(rng)

    def sample(self, rng: Random) -> Any:
        return self.base.sample(rng)

    def value(self, x: Any, sample: Any = None) -> Any:
        return self.factor * self.base.value(x, sample)  # type: ignore[reportAttributeAccessIssue]

    def criterion(self, x: Any) -> Any:
        return self.base.criterion(x)

    def metrics(self, x: Any) -> Any:
        return self.base.metrics(x)

    def optimum(self) -> float | None:
        return self.base.optimum()


def _unmoved(lab: Lab, method: Method) -> Evidence:
    """How much a trajectory changes, at most, when all gradients are multiplied by 1e-3 to 1e3."""
    problem = Logistic(batch=32)
    settings = {"steps": lab.pick(full=500, smoke=20), "seeds": lab.pick(full=5, smoke=2)}
    plain = lab.iterate(method, problem, **settings)
    factors = lab.pick(full=[1e-3, 1e-2, 1e-1, 1e1, 1e2, 1e3], smoke=[1e-3, 1e3])
    scaled = {c: lab.iterate(method, _Scaled(problem, c), **settings) for c in factors}
    name = "||x - x*||^2"
    change = {c: float(np.max(np.abs(trace[name] / plain[name] - 1))) for c, trace in scaled.items()}
    return Evidence(
        max(change.values()),
        at_most=1e-6,
        what="largest relative change of ||x - x*||^2 along the way",
        figures={"by factor": change},
        traces={"as they are": plain, **{f"times {c:g}": scaled[c] for c in (factors[0], factors[-1])}},
    )


@paper.claim(
    "Multiplying all gradients by a number does not change the path",
    paper_reports="the magnitudes of parameter updates are invariant to rescaling of the gradient",
)
def scale_invariance(lab: Lab) -> Evidence:
    return _unmoved(lab, AdamRule(lr=0.01, eps=0.0))


@scale_invariance.control("plain gradient steps in Adam's place")
def gradient_steps(lab: Lab) -> Evidence:
    return _unmoved(lab, SGDRule(lr=0.01))


PEERS = {"sgd-nesterov": SGDRule(momentum=0.9, nesterov=True), "adagrad": AdaGradRule()}


def _beats_peers(lab: Lab, name: str, method: Method) -> Evidence:
    race = lab.race(
        lab.pick(full="digits-mlp", smoke=_smaller()),
        {name: method, **PEERS},
        steps=lab.pick(full=1000, smoke=10),
        seeds=lab.pick(full=10, smoke=2),
        tune={"lr": lab.pick(full=logspace(1e-4, 1, 9), smoke=[1e-3, 1e-1])},
    )
    own = race.tuned(name).trace.final()
    parts = [
        Evidence(
            Measure.ratio(own / race.tuned(peer).trace.final()),
            at_most=1.0,
            what=f"final training loss of {name} over that of {peer}, both tuned",
        )
        for peer in PEERS
    ]
    tuned = [race.tuned(n) for n in race.names]
    return Evidence.every(
        *parts,
        figures={
            "tuned": {str(entry): entry.loss() for entry in tuned},
            "test accuracy": {entry.name: Measure.mean(entry.trace.final("test accuracy")) for entry in tuned},
            "speed-up": {peer: race.speedup(name, over=peer) for peer in PEERS},
        },
        traces={str(entry): entry.trace for entry in tuned},
    )


def _smaller() -> Problem:
    from tendsto.problems import DigitsMLP

    return DigitsMLP(hidden=4, batch=8)


@paper.claim(
    "Adam trains a small network to a lower loss than SGD with Nesterov momentum and AdaGrad",
    paper_reports="faster than AdaGrad, RMSProp, SGD with Nesterov momentum and AdaDelta on MNIST and CIFAR-10",
    minutes=3,
)
def peers(lab: Lab) -> Evidence:
    return _beats_peers(lab, "adam", AdamRule())


@peers.control("plain SGD in Adam's place: neither momentum nor adaptive steps")
def neither(lab: Lab) -> Evidence:
    return _beats_peers(lab, "sgd", SGDRule())
