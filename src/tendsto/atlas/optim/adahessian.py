"""AdaHessian: An Adaptive Second Order Optimizer for Machine Learning (Yao et al., 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tendsto.atlas.curve import curve
from tendsto.core.measure import Measure
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.problem import Problem
from tendsto.core.race import Entry, Race, logspace
from tendsto.core.random import Random
from tendsto.core.trace import Array, Trace
from tendsto.core.tree import tree_map
from tendsto.optim import SGD, AdaHessian, AdaHessianMethod, Adam, hutchinson_diagonal
from tendsto.optim.adahessian import block_average
from tendsto.problems import CoupledQuadratic, DigitsMLP, ScaledLogistic
from tendsto.theory import AdaHessianExact

paper = Paper(
    key="adahessian",
    number="P021",
    arxiv="2006.00719",
    title="ADAHESSIAN: An Adaptive Second Order Optimizer for Machine Learning",
    authors="Zhewei Yao, Amir Gholami, Sheng Shen, Mustafa Mustafa, Kurt Keutzer, Michael W. Mahoney",
    year=2020,
    family="optim",
    provides=[AdaHessian, AdaHessianMethod, hutchinson_diagonal, AdaHessianExact],
    note=(
        "Paper and official code average a block differently: the code takes absolute values first, which does not tend"
        ' to the mean curvature where signs differ in a block; variant="paper" averages signed values. The code\'s weight'
        " decay is decoupled though called an L2 penalty, as here. The theorem is on exact diagonals without averages;"
        " nothing is proved of the method as it is used."
    ),
)


@paper.claim("Hutchinson's estimate of the diagonal is unbiased, and with random signs has the least variance")
def unbiased(lab: Lab) -> Evidence:
    return _estimates(lab, "rademacher")


@unbiased.control("normal numbers in the place of signs, against the same closed form")
def gaussian(lab: Lab) -> Evidence:
    return _estimates(lab, "normal")


def _estimates(lab: Lab, distribution: str) -> Evidence:
    n, d = lab.pick(full=20_000, smoke=200), lab.pick(full=50, smoke=5)
    problem = CoupledQuadratic(dimension=d, smallest=0.1, largest=10.0, coupling=0.05)
    hessian, x = problem.hessian(), torch.zeros(d, dtype=torch.float64)

    def estimate(seed: Any) -> Any:
        return hutchinson_diagonal(Oracle(problem, Random(0)), x, Random(seed), distribution=distribution)

    drawn = torch.func.vmap(estimate)(torch.arange(n)).numpy()
    diagonal = hessian.diagonal().numpy()
    variance = (hessian**2).sum(dim=1).numpy() - diagonal**2
    off = np.abs(drawn.mean(axis=0) - diagonal) / np.sqrt(variance / n)
    wrong = np.abs(drawn.var(axis=0, ddof=1) / variance - 1)
    # Twenty batches of draws; in each the error of the mean of the first k, all coordinates together.
    count = np.arange(n // 20) + 1
    means = drawn.reshape(20, len(count), d).cumsum(axis=1) / count[:, None]
    apart, what = np.linalg.norm(means - diagonal, axis=2), "||mean of the estimates - diagonal||"
    names = {"rademacher": "random signs", "normal": "normal numbers"}
    traces = {names[distribution]: curve(what, "draws", count, apart)}
    if distribution == "rademacher":
        traces["closed form"] = curve(what, "draws", count, np.sqrt(variance.sum() / count))
    return Evidence.every(
        Evidence(float(off.max()), at_most=4.0, what="largest error of the mean, in standard errors"),
        Evidence(float(wrong.max()), at_most=0.05, what="largest relative error of a variance against the closed form"),
        figures={"draws": n, "dimension": d},
        traces=traces,
    )


@dataclass(frozen=True)
class _Inverted(AdaHessianMethod):
    """The curvature multiplies where it should divide."""

    def _estimate(self, oracle: Oracle, x: Any, rng: Random) -> Any:
        return tree_map(lambda _, d: 1 / d, super()._estimate(oracle, x, rng))


FLOOR = 1e-9
"""Below this share of the initial gap a decrease is rounding."""


def _descent(lab: Lab, made: type[AdaHessianMethod]) -> Evidence:
    steps, seeds = lab.pick(full=100, smoke=8), lab.pick(full=5, smoke=1)
    size = lab.pick(full=20, smoke=3)
    problems: dict[str, Problem] = {
        "quadratic": CoupledQuadratic(dimension=size, smallest=1.0, largest=100.0),
        "logistic": ScaledLogistic(dimension=size, terms=lab.pick(full=200, smoke=20), spread=1.0, l2=0.1),
    }
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for name, problem in problems.items():
        constants = problem.constants()
        for power in lab.pick(full=(0.0, 0.5, 1.0), smoke=(1.0,)):
            theorem = AdaHessianExact(
                smooth=constants.smooth or 0.0, strongly_convex=constants.strongly_convex or 0.0, hessian_power=power
            )
            settings = theorem.settings()
            trace = lab.iterate(made(**settings), problem, steps=steps, seeds=seeds, record=steps + 1)
            what = f"least decrease of a step over the promised one, {name}, power {power:g}"
            parts.append(Evidence(_least(theorem, trace), at_least=1.0, what=what))
            if name == "quadratic":
                traces[f"power {power:g}"] = trace
    return Evidence.every(*parts, traces=traces)


def _least(theorem: AdaHessianExact, trace: Trace) -> float:
    """The least ratio of measured and promised decrease over all steps of all runs that are more than rounding."""
    gap, squared = trace.gap(), trace["||grad f||^2"][:, :-1]
    promised = theorem.decrease(squared)
    counts = np.isfinite(gap[:, :-1]) & (promised > FLOOR * gap[:, :1] / len(trace.index))
    with np.errstate(invalid="ignore"):
        ratio = (gap[:, :-1] - gap[:, 1:]) / promised
    # A run that diverged has no number where it did: its decrease counts as infinitely negative.
    return float(np.where(np.isnan(ratio), -np.inf, ratio)[counts].min()) + 1e-9


@paper.claim(
    "With the exact diagonal every step lowers the loss as the theorem promises",
    paper_reports="a linear rate on smooth strongly convex functions, Newton-like for power 1",
)
def descends(lab: Lab) -> Evidence:
    return _descent(lab, AdaHessianMethod)


@descends.control("the curvature inverted: it multiplies the gradient instead of dividing it")
def inverted(lab: Lab) -> Evidence:
    return _descent(lab, _Inverted)


@dataclass(frozen=True)
class _Exchanged(AdaHessianMethod):
    """Each coordinate gets the curvature of another, in the reverse order."""

    def _estimate(self, oracle: Oracle, x: Any, rng: Random) -> Any:
        return tree_map(lambda _, d: d.flip(0), super()._estimate(oracle, x, rng))


DEFAULT = 0.15
LRS = [0.05, 0.15, 0.5, 1.0]
ADAM_LRS = [1e-3, 3e-3, 1e-2, 3e-2, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0, 3.0]


def _hits(trace: Trace, budget: int) -> Array:
    """The step at which each run's gap is a thousandth of its first; the budget where it never is, a lower bound."""
    reached = trace.gap() <= 1e-3 * trace.gap()[:, :1]
    first = trace.index[reached.argmax(axis=1)]
    return np.where(reached.any(axis=1), first, float(budget))


def _scaled(lab: Lab, ours: Method) -> Evidence:
    steps = lab.pick(full=3000, smoke=12)
    small = {"dimension": 4, "terms": 20}
    problems: dict[str, Problem] = {
        "quadratic": lab.pick(full=CoupledQuadratic(noise=0.05), smoke=CoupledQuadratic(dimension=4, noise=0.05)),
        "logistic": ScaledLogistic(**lab.pick(full={}, smoke=small)),
    }
    methods: dict[str, tuple[Method, list[float]]] = {
        "adahessian": (ours, LRS),
        "adam": (Adam.rule(), ADAM_LRS),
        "sgd": (SGD.rule(momentum=0.9), logspace(1e-4, 1.0, 9)),
    }
    parts: list[Evidence] = []
    figures: dict[str, Any] = {}
    traces: dict[str, Trace] = {}
    for where, problem in problems.items():
        hits: dict[str, dict[float, Array]] = {}
        for name, (method, lrs) in methods.items():
            race = lab.race(
                problem,
                {name: method},
                steps=steps,
                seeds=lab.pick(full=5, smoke=2),
                tune={"lr": lrs},
                record=lab.pick(full=1000, smoke=steps + 1),
            )
            hits[name] = {e.settings["lr"]: _hits(e.trace, steps) for e in race.entries}
            if where == "quadratic":
                traces[name] = _best(race, steps).trace
        best = min(hits["adam"].values(), key=lambda h: float(h.mean()))
        parts += [
            Evidence(
                Measure.ratio(best / hits["adahessian"][DEFAULT]),
                at_least=1.0,
                what=f"steps of Adam at its best learning rate over those of AdaHessian at its default, {where}",
            ),
            Evidence(_varies(hits["adahessian"]), at_most=4.0, what=f"AdaHessian's steps, most over least, {where}"),
            Evidence(_varies(hits["adam"]), at_least=10.0, what=f"Adam's steps at the same rates, {where}"),
            Evidence(
                float(sum((h < steps).sum() for h in hits["sgd"].values())),
                at_most=0.0,
                what=f"runs of SGD with momentum that get there, at any learning rate, {where}",
            ),
        ]
        figures[f"mean steps, {where}"] = {
            name: {f"{lr:g}": float(h.mean()) for lr, h in found.items()} for name, found in hits.items()
        }
    return Evidence.every(*parts, figures={**figures, "budget": steps}, traces=traces)


def _best(race: Race, steps: int) -> Entry:
    return min(race.entries, key=lambda entry: float(_hits(entry.trace, steps).mean()))


def _varies(hits: dict[float, Array]) -> float:
    means = [float(hits[lr].mean()) for lr in LRS]
    return max(means) / min(means)


@paper.claim(
    "Curvature takes up the scales of a badly scaled problem: the default learning rate beats a tuned Adam",
    paper_reports="robust to its learning rate and to the scale of problems, where Adam has to be tuned",
    minutes=3,
)
def badly_scaled(lab: Lab) -> Evidence:
    return _scaled(lab, AdaHessianMethod())


@badly_scaled.control("each coordinate given the curvature of another")
def exchanged(lab: Lab) -> Evidence:
    return _scaled(lab, _Exchanged())


def _averaged(lab: Lab, block: str) -> Evidence:
    hidden = lab.pick(full=64, smoke=4)
    problem = DigitsMLP(hidden=hidden, batch=lab.pick(full=64, smoke=8))
    oracle = Oracle(problem, Random(0))
    x = oracle.init()
    draws = lab.pick(full=200, smoke=5)
    name, width = next((n, leaf.shape[1]) for n, leaf in x.items() if leaf.ndim == 2)

    def estimate(seed: Any) -> Any:
        return hutchinson_diagonal(oracle, x, Random(seed))[name].abs()

    each = torch.stack([estimate(seed) for seed in range(draws)]).double()
    means = torch.stack([block_average(d, block) for d in each])
    drop = float(each.var(dim=0).mean() / means.var(dim=0).mean())
    race = lab.race(
        problem,
        {"averaged": AdaHessianMethod(block=block), "single": AdaHessianMethod(block="none")},
        steps=lab.pick(full=300, smoke=3),
        seeds=lab.pick(full=8, smoke=2),
        tune={"lr": lab.pick(full=[0.01, 0.03, 0.1, 0.3], smoke=[0.1])},
    )
    finals = race.tuned("averaged").trace.final() / race.tuned("single").trace.final()
    return Evidence.every(
        Evidence(drop, at_least=width / 2, what=f"drop of the variance of curvatures in rows of {width}"),
        Evidence(
            Measure.ratio(finals), at_most=1.1, what="final training loss over that without averaging, both tuned"
        ),
        figures={"tuned": {str(race.tuned(n)): race.tuned(n).loss() for n in race.names}},
        traces={str(race.tuned(n)): race.tuned(n).trace for n in race.names},
    )


@paper.claim(
    "Averaging curvature over a row takes the noise out of it, and costs no accuracy",
    paper_reports="spatial averaging smooths out the variation of the stochastic diagonal",
    minutes=2,
)
def averaging(lab: Lab) -> Evidence:
    return _averaged(lab, "row")


@averaging.control("no averaging")
def unaveraged(lab: Lab) -> Evidence:
    return _averaged(lab, "none")
