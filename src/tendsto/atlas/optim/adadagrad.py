"""AdAdaGrad: Adaptive Batch Size Schemes for Adaptive Gradient Methods (Lau, Liu and Kolar, 2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tendsto.atlas.curve import curve
from tendsto.core.measure import Measure
from tendsto.core.method import Method
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import Array, Trace
from tendsto.optim import (
    AdaGradNorm,
    AdaGradNormRule,
    AugmentedInnerProductTest,
    CoordinateNormTest,
    GradientDescent,
    GrowingBatch,
    GrowingBatchSampler,
    InnerProductTest,
    NormTest,
    SGDRule,
)
from tendsto.problems import Softmax
from tendsto.theory import AdaGradNormSmooth, SGDNormTestSmooth

paper = Paper(
    key="adadagrad",
    number="P006",
    arxiv="2402.11215",
    title="AdAdaGrad: Adaptive Batch Size Schemes for Adaptive Gradient Methods",
    authors="Tim Tsz-Kit Lau, Han Liu, Mladen Kolar",
    year=2024,
    family="optim",
    provides=[
        NormTest,
        InnerProductTest,
        AugmentedInnerProductTest,
        CoordinateNormTest,
        GrowingBatchSampler,
        AdaGradNorm,
        AdaGradNormRule,
        GrowingBatch,
    ],
    note=(
        "The problem here has 40 percent of its labels randomised, so that the gradient's noise does not vanish at the"
        " optimum: on clean data constant batches have the rate of growing ones. Steps with growing batches cost more,"
        " so fewer steps is not less work; the gradients that each used are among the figures. The authors' code takes"
        " the inner-product tests tensor by tensor, pools the variances of micro-batches with a bias, and sums"
        ' AdaGrad-Norm by rows; here all are of the whole gradient, as in the text, and variant="official" of the tests'
        " and of AdaGrad-Norm does as the code. The two bounds are derived, with constants, which the paper's theorems of"
        " order do not have."
    ),
)


@dataclass(frozen=True)
class _Measured(Softmax):
    """The problem, with the norm of the exact gradient among its metrics."""

    l2: float = 0.0
    random_labels: float = 0.4

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {**super().metrics(x), "||grad f||^2": (self.gradient(x) ** 2).sum()}


RULE = AdaGradNormRule(lr=1.0, initial=1e-4)
SQUARE = "||grad f||^2"


def _slopes(trace: Trace, *, first: float) -> Measure:
    """The log-log slope of ||grad f||^2 from step `first` on, one a run."""
    late = trace.index >= first
    fits = [np.polyfit(np.log(trace.index[late]), np.log(run[late]), 1)[0] for run in trace[SQUARE]]
    return Measure.mean(fits)


def _constant(lab: Lab, batch: int) -> Trace:
    steps, seeds = lab.pick(full=4000, smoke=15), lab.pick(full=5, smoke=2)
    return lab.iterate(RULE, _Measured(batch=batch), steps=steps, seeds=seeds)


def _growing(lab: Lab, eta: float) -> Trace:
    method = GrowingBatch(RULE, NormTest(eta=eta, largest=lab.pick(full=4000, smoke=100)), initial=8)
    return lab.iterate(method, _Measured(), steps=lab.pick(full=400, smoke=15), seeds=lab.pick(full=5, smoke=2))


def _fast(lab: Lab, traces: dict[str, Trace]) -> list[Evidence]:
    first = lab.pick(full=20, smoke=5)
    return [
        Evidence(_slopes(trace, first=first), at_most=-0.9, what=f"log-log slope of ||grad f||^2, {name}")
        for name, trace in traces.items()
    ]


@paper.claim(
    "With the norm test AdaGrad-Norm's squared gradients fall like 1/k or faster",
    paper_reports="min ||grad F||^2 = O(1/K) with the test, for smooth nonconvex functions",
    minutes=3,
)
def fast_rate(lab: Lab) -> Evidence:
    growing = {f"norm test, eta {eta}": _growing(lab, eta) for eta in (0.25, 0.5)}
    constant = {f"constant batch {batch}": _constant(lab, batch) for batch in (8, 64)}
    first = lab.pick(full=20, smoke=5)
    slow = [
        Evidence(_slopes(trace, first=first), at_least=-0.8, what=f"log-log slope of ||grad f||^2, {name}")
        for name, trace in constant.items()
    ]
    sizes = {name: trace["info.batch size"][:, 1:] for name, trace in growing.items()}
    grown = [
        Evidence(float(size[:, -1].min()), at_least=400, what=f"last batch size, {name}, smallest of the runs")
        for name, size in sizes.items()
    ]
    shrinks = float(min(np.diff(size, axis=1).min() for size in sizes.values()))
    return Evidence.every(
        *_fast(lab, growing),
        *slow,
        *grown,
        Evidence(shrinks, at_least=0, what="least change of a batch size from one record to the next"),
        figures={
            "term gradients used": {name: trace["info.terms"][:, -1].mean() for name, trace in growing.items()}
            | {f"constant batch {batch}": float(batch * lab.pick(full=4000, smoke=15)) for batch in (8, 64)},
            "last ||grad f||^2": {
                name: float(trace[SQUARE][:, -1].mean()) for name, trace in {**growing, **constant}.items()
            },
        },
        traces={name: _only_square(trace) for name, trace in {**growing, **constant}.items()},
    )


def _only_square(trace: Trace) -> Trace:
    """The trace of ||grad f||^2 alone, for the picture."""
    return Trace(trace.index, {SQUARE: trace[SQUARE]}, trace.ends, trace.seeds, trace.along)


@fast_rate.control("constant batches of 8 and of 64 in the place of those that the test makes grow")
def constant_batches(lab: Lab) -> Evidence:
    return Evidence.every(*_fast(lab, {f"constant batch {batch}": _constant(lab, batch) for batch in (8, 64)}))


def _ratio(squares: Array, bound: Array) -> float:
    """The largest ratio of a measured quantity to its bound; inf where something is not finite."""
    ratio = float((squares / bound).max()) if np.isfinite(squares).all() else math.inf
    return min(ratio, 1e300)


def _bound(index: Array, bound: Array) -> Trace:
    """A bound as a curve, for the picture."""
    return curve(SQUARE, "iteration", index, bound)


def _self_tuned(lab: Lab, method: Method, theorem: AdaGradNormSmooth, name: str) -> Evidence:
    problem, steps = _Measured(l2=1e-3), lab.pick(full=2000, smoke=50)
    trace = lab.iterate(method, problem, steps=steps, record=steps + 1)
    least = np.minimum.accumulate(trace[SQUARE], axis=1)
    bound = theorem.bound(trace.index)
    return Evidence(
        _ratio(least, bound),
        at_most=1.0,
        what="smallest ||grad f||^2 so far over its bound, the largest of all k",
        traces={name: _only_square(trace), **({"bound": _bound(trace.index, bound)} if name == "AdaGrad-Norm" else {})},
    )


def _theorem() -> AdaGradNormSmooth:
    constants = _Measured(l2=1e-3).constants()
    assert constants.smooth is not None
    assert constants.gap is not None
    return AdaGradNormSmooth(smooth=constants.smooth, gap=constants.gap, step_length=1.0)


@paper.claim(
    "With exact gradients AdaGrad-Norm stays below its bound at every step",
    paper_reports="O(1/K) without a restriction of the step size; the constants here are derived",
)
def exact_bound(lab: Lab) -> Evidence:
    theorem = _theorem()
    return _self_tuned(lab, AdaGradNormRule(**theorem.settings()), theorem, "AdaGrad-Norm")


@exact_bound.control(
    "no sum: steps stay lr / sqrt(s_0), with the lr = 1 and s_0 = 1e-4 that AdaGrad-Norm tunes itself from"
)
def without_sum(lab: Lab) -> Evidence:
    return _self_tuned(lab, GradientDescent(lr=RULE.lr / RULE.initial**0.5), _theorem(), "no sum")


ETA = 0.5


def _averaged(lab: Lab, method: Method, problem: Softmax, step_size: float, name: str) -> Evidence:
    steps, seeds = lab.pick(full=2000, smoke=10), lab.pick(full=5, smoke=2)
    trace = lab.iterate(method, problem, steps=steps, seeds=seeds, record=steps + 1)
    constants = problem.constants()
    theorem = SGDNormTestSmooth(smooth=constants.smooth or 0.0, gap=constants.gap, eta=ETA, step_size=step_size)
    # Of K gradients, at x_0 to x_{K-1}: the theorem bounds the least of them, its proof their average.
    average = np.cumsum(trace[SQUARE], axis=1) / (trace.index + 1)
    bound = theorem.bound(trace.index)
    worst = (average / bound).max(axis=1)
    return Evidence(
        Measure.mean(worst),
        at_most=1.0,
        what="average of ||grad f||^2 over its bound, the largest of all k",
        traces={name: _only_square(trace), **({"bound": _bound(trace.index, bound)} if name == "norm test" else {})},
    )


def _step_size() -> float:
    return SGDNormTestSmooth(smooth=_Measured(l2=1e-3).constants().smooth or 0.0, eta=ETA).step_size


@paper.claim(
    "SGD on batches that pass the exact norm test stays below the bound of gradient descent",
    paper_reports="the test gives expected strong growth, E||g||^2 <= (1 + eta^2) ||grad F||^2; the bound is derived",
    minutes=2,
)
def norm_test_bound(lab: Lab) -> Evidence:
    lr = _step_size()
    method = GrowingBatch(SGDRule(lr=lr), NormTest(eta=ETA), initial=2, exact=True)
    return _averaged(lab, method, _Measured(l2=1e-3), lr, "norm test")


@norm_test_bound.control("batches of 2 throughout, the same steps")
def no_test(lab: Lab) -> Evidence:
    lr = _step_size()
    return _averaged(lab, SGDRule(lr=lr), _Measured(l2=1e-3, batch=2), lr, "batches of 2")


def _points(lab: Lab) -> dict[str, Tensor]:
    """The start, and where AdaGrad-Norm with exact gradients is after some steps."""
    problem = _Measured()
    x = problem.init(Random(0))
    found = {"start": x}
    slots = RULE.slots(x)
    for step in range(1, lab.pick(full=101, smoke=11)):
        x, slots = RULE.update(x, problem.gradient(x), slots, step)
        if step in (10, 100):
            found[f"step {step}"] = x
    return found


def _meaning(lab: Lab, share: float) -> tuple[list[Evidence], Trace]:
    """Of batches of a share of the size asked for: what is measured, and that against the size asked for."""
    problem, parts, found = _Measured(), list[Evidence](), dict[int, float]()
    for name, x in _points(lab).items():
        each = problem.sample_gradients(x).reshape(problem.size(), -1).numpy()
        exact = each.mean(axis=0)
        for eta in (0.25, 0.5):
            asked = math.ceil(NormTest(eta=eta).wanted(torch.from_numpy(each)))
            size = math.ceil(share * asked)
            draw = Random(0, backend="numpy").fork(f"{name} {eta}").generator("batches")
            counts = draw.multinomial(size, np.full(len(each), 1 / len(each)), lab.pick(full=2000, smoke=100))
            noise = ((counts @ each / size - exact) ** 2).sum(axis=1) / (exact @ exact)
            what = f"E||g - grad f||^2 over eta^2 ||grad f||^2, {name}, eta {eta}, batch {size}"
            parts.append(Evidence(Measure.mean(noise / eta**2), at_most=1.1, what=what))
            found[asked] = parts[-1].measure.value
    sizes = sorted(found)
    drawn = curve(
        "E||g - grad f||^2 / (eta^2 ||grad f||^2)", "batch size asked for", sizes, [found[size] for size in sizes]
    )
    return parts, drawn


@paper.claim(
    "A batch of the size that the norm test asks for passes the test, and one of half the size does not",
    paper_reports="the approximate test stands for E||g - grad F||^2 <= eta^2 ||grad F||^2",
)
def meaning(lab: Lab) -> Evidence:
    parts, drawn = _meaning(lab, 1.0)
    halves = [
        Evidence(part.measure, at_least=1.0, what=f"with half the size: {part.what}") for part in _meaning(lab, 0.5)[0]
    ]
    return Evidence.every(*parts, *halves, traces={"the size asked for": drawn})


@meaning.control("batches of half the size")
def half_the_size(lab: Lab) -> Evidence:
    parts, drawn = _meaning(lab, 0.5)
    return Evidence.every(*parts, traces={"half of it": drawn})
