"""GD doesn't make the cut: Three ways that non-differentiability affects neural network training (Kumar, 2024)."""

from __future__ import annotations

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.method import Method
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.trace import Trace
from tendsto.monitor.kinks import StepDiagnosis, diagnose_step
from tendsto.optim.averaged import DecreasingSGD
from tendsto.optim.gradient_descent import GradientDescent
from tendsto.optim.proximal_gradient import StochasticProximalGradient
from tendsto.problems.absolute_value import AbsoluteValue
from tendsto.problems.autograd_penalty import AutogradPenalty
from tendsto.problems.sparse_regression import SparseRegression
from tendsto.theory.step_cycle import StepCycle, step_cycle

paper = Paper(
    key="ngdm",
    number="P010",
    arxiv="2401.08426",
    title="GD doesn't make the cut: Three ways that non-differentiability affects neural network training",
    authors="Siddharth Krishna Kumar",
    year=2024,
    family="theory",
    provides=[diagnose_step, StepDiagnosis, step_cycle, StepCycle, AutogradPenalty, SparseRegression, AbsoluteValue],
    note=(
        "The paradox of the penalty is one of constant steps: with steps that decrease, or the proximal map, it is gone,"
        " which a claim here measures, as the title says more. Early versions say that the edge of stability cannot be"
        " spoken of for Lipschitz convex functions, later ones that it occurs there: on Huber's function training"
        " oscillates for ever, as the later say, and lr times the sharpness is 0 and not 2, as the earlier do. The LASSO"
        " takes 5,000 steps here; the later versions' remarks on RMSProp are not measured. Exact laws are derived. The rate"
        " of decreasing steps was first asked of t = 100 to 10,000 and failed with a slope of -1.15: by then 92 % of the"
        " starts had met 0 exactly, where autograd's subgradient 0 keeps them. That is rounding (in extended precision it"
        " comes later), so the window now ends before it, at t = 1000; the threshold is the same. A run from t = 10 gave"
        " -0.70, as starts are still on their way to the kink until t = 25, and the window begins at 100 again."
    ),
)

LR = 0.01
TINY = 1e-300


def _norms(lab: Lab, method: Method, penalties: tuple[float, ...], *, prox: bool) -> tuple[dict[float, Trace], int]:
    """Runs from 10 starts by penalty, and how many steps they took."""
    steps, seeds = lab.pick(full=5000, smoke=20), lab.pick(full=10, smoke=2)
    found: dict[float, Trace] = {}
    for penalty in penalties:
        base = SparseRegression(penalty=penalty)
        problem = base if prox else AutogradPenalty(base)
        found[penalty] = lab.iterate(method, problem, steps=steps, seeds=seeds, record=60)
    return found, steps


def _drawn(traces: dict[float, Trace]) -> dict[str, Trace]:
    """The smallest and the usual large penalty, as a picture can hold."""
    return {
        f"penalty {p:g}": Trace(t.index, {"||w||_1": t["||w||_1"]}, t.ends, t.seeds)
        for p, t in traces.items()
        if p in (1.0, 100.0)
    }


def _paradox(lab: Lab, method: Method, *, prox: bool) -> Evidence:
    traces, steps = _norms(lab, method, (1.0, 10.0, 30.0, 100.0, 300.0), prox=prox)
    last = {p: t["||w||_1"][:, -1] for p, t in traces.items()}
    large = np.array([last[p].mean() for p in last if p >= 10])
    # Where the norm is 0 no power of the penalty describes it.
    slope = np.polyfit(np.log([p for p in last if p >= 10]), np.log(large), 1)[0] if (large > 0).all() else np.nan
    zeros = max(float(t["zeros"][:, -1].max()) for p, t in traces.items() if p >= 10)
    return Evidence.every(
        Evidence(
            Measure.mean(last[100.0] / np.maximum(last[1.0], TINY)),
            at_least=5,
            what=f"||w||_1 after {steps} steps at penalty 100 over that at penalty 1",
        ),
        Evidence(zeros, at_most=0, what="most entries that are exactly 0, penalties from 10 on"),
        Evidence(float(slope), at_least=0.8, at_most=1.1, what="slope of log ||w||_1 in log penalty from 10 on"),
        figures={f"mean ||w||_1 at penalty {p:g}": float(v.mean()) for p, v in last.items()}
        | {"penalty from which 0 is the solution": SparseRegression().largest_penalty()},
        traces=_drawn(traces),
    )


@paper.claim(
    "An L1 penalty through autograd makes weights larger, and none of them 0",
    paper_reports="the L1 norm grows with the penalty, and nothing is pruned",
    minutes=2,
)
def paradox_of_the_penalty(lab: Lab) -> Evidence:
    return _paradox(lab, GradientDescent(lr=LR), prox=False)


@paradox_of_the_penalty.control("the penalty through its proximal map")
def proximal_map(lab: Lab) -> Evidence:
    return _paradox(lab, StochasticProximalGradient(lr=LR), prox=True)


def _gone(lab: Lab, method: Method) -> Evidence:
    traces, steps = _norms(lab, method, (1.0, 100.0), prox=False)
    ratio = Measure.mean(traces[100.0]["||w||_1"][:, -1] / traces[1.0]["||w||_1"][:, -1])
    what = f"||w||_1 after {steps} steps at penalty 100 over that at penalty 1"
    return Evidence(ratio, at_most=1, what=what, traces=_drawn(traces))


@paper.claim(
    "With steps lr / sqrt(t) the paradox of the penalty is gone",
    paper_reports="nothing: a boundary of the claim above",
    minutes=1,
)
def a_matter_of_constant_steps(lab: Lab) -> Evidence:
    return _gone(lab, DecreasingSGD(lr=LR, decay=0.5))


@a_matter_of_constant_steps.control("constant steps")
def constant_steps(lab: Lab) -> Evidence:
    return _gone(lab, GradientDescent(lr=LR))


PAIRS = ((0.1, 1.03), (0.3, 2.2), (0.7, -1.9), (0.05, 0.512), (1.3, 5.0))
"""Step sizes and starts."""


def _cycles(lab: Lab, decay: float) -> Evidence:
    steps = lab.pick(full=400, smoke=150)
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for lr, start in PAIRS:
        problem = AbsoluteValue(slope=2.0, start=start)
        method = DecreasingSGD(lr=lr, decay=decay)
        trace = lab.iterate(method, problem, steps=steps, record=steps + 1)
        law, last = step_cycle(lr, start, slope=2.0), trace["x"][0, -100:]
        off = max(abs(last.max() - max(law.points)), abs(last.min() - min(law.points))) / law.amplitude
        gap = abs(trace["f(x) - f*"][0, -100:].mean() / law.mean_gap - 1)
        name = f"lr {lr:g} from {start:g}"
        parts += [
            Evidence(float(off), at_most=0.01, what=f"ends of the cycle off the predicted ones, over its size, {name}"),
            Evidence(float(gap), at_most=0.01, what=f"mean gap off the predicted one, relative, {name}"),
        ]
        if lr in (0.1, 1.3):
            traces[name] = Trace(trace.index[:41], {"f(x) - f*": trace["f(x) - f*"][:, :41]}, trace.ends, trace.seeds)
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "On |x| constant steps end in the predicted cycle and not at the minimum",
    paper_reports="convergence only to a neighbourhood, and no descent",
    minutes=0.5,
)
def cycle_on_the_absolute_value(lab: Lab) -> Evidence:
    return _cycles(lab, 0.0)


@cycle_on_the_absolute_value.control("steps lr / sqrt(t)")
def no_cycle(lab: Lab) -> Evidence:
    return _cycles(lab, 0.5)


def _order(lab: Lab, decay: float) -> Evidence:
    # From about t = 2,000 on starts meet the kink exactly, in float64 alone, where the subgradient 0 keeps them.
    steps, seeds = lab.pick(full=1000, smoke=100), lab.pick(full=200, smoke=3)
    trace = lab.iterate(DecreasingSGD(lr=0.1, decay=decay), AbsoluteValue(), steps=steps, seeds=seeds, record=200)
    # The farthest start reaches the kink at t = 25 only.
    first = lab.pick(full=100, smoke=10)
    late = trace.index >= first
    mean = trace["f(x) - f*"].mean(axis=0)
    slope = float(np.polyfit(np.log(trace.index[late]), np.log(mean[late]), 1)[0])
    what = f"slope of the log of the mean gap of {seeds} starts in log t, t = {first} to {steps}"
    drawn = Trace(trace.index[1:], {"mean f(x) - f*": mean[None, 1:]}, trace.ends[:1], trace.seeds[:1])
    return Evidence(
        slope,
        at_least=-0.6,
        at_most=-0.4,
        what=what,
        traces={"steps lr / sqrt(t)" if decay else "constant steps": drawn},
    )


@paper.claim(
    "On |x| steps lr / sqrt(t) converge, at the rate 1 / sqrt(t)",
    paper_reports="decreasing steps are needed, with the rate 1 / sqrt(T) in place of 1 / T",
    minutes=0.5,
)
def slower_rate(lab: Lab) -> Evidence:
    return _order(lab, 0.5)


@slower_rate.control("constant steps")
def no_rate(lab: Lab) -> Evidence:
    return _order(lab, 0.0)


def _huber(lab: Lab, lr: float) -> Evidence:
    """Steps of `lr` on Huber's function of width 0.1, from random starts: what moves at the end, and how curved it is."""
    steps, seeds = lab.pick(full=400, smoke=150), lab.pick(full=100, smoke=3)
    trace = lab.iterate(
        GradientDescent(lr=lr), AbsoluteValue(smoothing=0.1), steps=steps, seeds=seeds, record=steps + 1
    )
    x = trace["x"]
    moves = np.abs(np.diff(x[:, -100:], axis=1)) / lr
    back = np.abs(x[:, -98:] - x[:, -100:-2]).max() / lr
    curved = lr * trace["curvature"][:, -100:]
    few = list(range(min(3, seeds)))
    drawn = Trace(trace.index[:51], {"f(x) - f*": trace["f(x) - f*"][:, :51]}, trace.ends, trace.seeds).select(few)
    return Evidence.every(
        Evidence(float(moves.min()), at_least=0.99, what="least move of a late step over lr"),
        Evidence(float(back), at_most=0.01, what="largest distance of points two late steps apart, over lr"),
        Evidence(float(curved.max()), at_most=0.01, what="largest lr times sharpness at late steps"),
        traces={f"lr {lr:g}": drawn},
    )


@paper.claim(
    "Past 2/L descent on Huber's function oscillates, its sharpness 0, not 2/lr",
    paper_reports="(early) the edge of stability is not about such functions; (later) it occurs there",
    minutes=0.5,
)
def no_edge_of_stability(lab: Lab) -> Evidence:
    return _huber(lab, 0.25)


@no_edge_of_stability.control("a step of 1.8/L")
def stable_step(lab: Lab) -> Evidence:
    return _huber(lab, 0.18)
