"""Revisiting the Last-Iterate Convergence of Stochastic Gradient Methods (Liu and Zhou, 2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.atlas.curve import curve
from tendsto.core.iterate import iterate
from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import Trace
from tendsto.optim import MirrorDescent, SGDRule
from tendsto.problems import AbsoluteRegression, HeavyTails, Lasso, Logistic, WorstGD, WorstLastIterate
from tendsto.theory import LastIterateLipschitz, LastIterateSmooth, last_iterate_bound

paper = Paper(
    key="last-iterate",
    number="P084",
    arxiv="2312.08531",
    title="Revisiting the Last-Iterate Convergence of Stochastic Gradient Methods",
    authors="Zijian Liu, Zhengyuan Zhou",
    year=2024,
    family="theory",
    provides=[MirrorDescent, LastIterateLipschitz, LastIterateSmooth, last_iterate_bound],
    note=(
        "The master inequality is that of the paper's expectation theorems, recalled and derived again, in the Euclidean"
        " case. The constants of the high-probability theorems were not found, so only the growth of the quantile is"
        " measured. The bound is loose: with M = 2G it exceeds G D / sqrt(T) by a factor of about ten for linear decay."
    ),
)

USUAL = ("inverse-sqrt", "constant")
SCHEDULES = (*USUAL, "linear-decay")


@dataclass(frozen=True)
class _ScaledGap:
    """gap sqrt(T) after T steps on the worst function for T; of the best point visited if asked, else of the last."""

    schedule: str
    best: bool = False

    def __call__(self, horizon: float, rng: Random) -> float:
        problem, steps = WorstLastIterate(horizon=int(horizon)), int(horizon)
        method = MirrorDescent(lr=1.0, schedule=self.schedule, horizon=steps, through="project")
        gap = iterate(method, problem, steps=steps, record=steps + 1 if self.best else 2).gap()[0]
        return float(gap.min() if self.best else gap[-1]) * math.sqrt(horizon)


def _scaled(lab: Lab, schedule: str, *, best: bool = False) -> tuple[np.ndarray[Any, Any], Trace]:
    along = {"T": [2**i for i in lab.pick(full=range(4, 11), smoke=range(2, 5))]}
    trace = lab.limit(_ScaledGap(schedule, best), along=along, name="gap sqrt(T)")
    return trace["gap sqrt(T)"][0], trace


def _growth(lab: Lab, *, best: bool) -> Evidence:
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for schedule in USUAL:
        values, traces[schedule] = _scaled(lab, schedule, best=best)
        rises = np.diff(values)
        doublings = np.arange(len(values))
        r = np.corrcoef(doublings, values)[0, 1] if values.std() > 0 else 0.0
        parts += [
            Evidence(rises.min(), at_least=0.025, what=f"least rise of gap sqrt(T) per doubling, {schedule}"),
            Evidence(rises.max(), at_most=0.04, what=f"largest rise of gap sqrt(T) per doubling, {schedule}"),
            Evidence(r * r, at_least=0.99, what=f"R^2 of gap sqrt(T) against log T, {schedule}"),
        ]
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "With steps 1/sqrt(t) or 1/sqrt(T) the last iterate pays a factor log T on the worst function",
    paper_reports="the rate log T / sqrt(T) for these steps, and a matching lower bound cited",
    minutes=0.5,
)
def pays_a_logarithm(lab: Lab) -> Evidence:
    return _growth(lab, best=False)


@pays_a_logarithm.control("the best point visited instead of the last")
def best_point(lab: Lab) -> Evidence:
    return _growth(lab, best=True)


def _flat(lab: Lab, schedule: str) -> Evidence:
    values, trace = _scaled(lab, schedule)
    slope = float(np.polyfit(np.arange(len(values)), values, 1)[0])
    what = f"|slope| of gap sqrt(T) per doubling of T, {schedule}"
    return Evidence(abs(slope), at_most=0.003, what=what, traces={schedule: trace})


@paper.claim(
    "Linearly decaying steps take the logarithm away: gap sqrt(T) is flat in T",
    paper_reports="1/sqrt(T) without a logarithm for known T",
    minutes=0.5,
)
def linear_decay_is_flat(lab: Lab) -> Evidence:
    return _flat(lab, "linear-decay")


@linear_decay_is_flat.control("constant steps 1/sqrt(T)")
def constant_steps(lab: Lab) -> Evidence:
    return _flat(lab, "constant")


def _instances(lab: Lab, horizon: int) -> list[tuple[str, Any, Any, int, dict[str, Any]]]:
    """Name, theorem, problem, seeds and how the method goes through the problem's set or regulariser."""
    rough, smooth, composite = AbsoluteRegression(), Logistic(l2=0.01), Lasso()
    worst = WorstGD(horizon=horizon, step_size=0.5)
    many = lab.pick(full=2000, smoke=10)
    found: list[tuple[str, Any, Any, int, dict[str, Any]]] = []
    for schedule in SCHEDULES:
        shared: dict[str, Any] = {"schedule": schedule, "horizon": horizon}
        g = rough.constants().known()["lipschitz"]
        # One term of norm at most G is drawn, so the noise has at most its second moment.
        lipschitz = LastIterateLipschitz(lipschitz=g, noise_max=g * g, distance=1.0, **shared)
        found.append((f"absolute regression, {schedule}", lipschitz, rough, many, {"through": "project"}))
        for name, problem, through in (
            ("logistic", smooth, None),
            ("lasso", composite, "prox"),
            ("huber", worst, None),
        ):
            known = problem.constants().known()
            theorem = LastIterateSmooth(smooth=known["smooth"], distance=known["distance"], noise_max=0.0, **shared)
            found.append((f"{name}, {schedule}", theorem, problem, 1, {"through": through}))
    return found


def _bounded(lab: Lab, share: float) -> Evidence:
    horizon = lab.pick(full=1000, smoke=20)
    parts: list[Evidence] = []
    worst: dict[str, Any] = {}
    traces: dict[str, Trace] = {}
    for name, theorem, problem, seeds, through in _instances(lab, horizon):
        method = MirrorDescent(**theorem.settings(), **through)
        trace = lab.iterate(method, problem, steps=horizon, seeds=seeds, record=20)
        ratio = trace.gap()[:, -1] / (share * theorem.bound(horizon))
        measured = Measure.mean(ratio) if seeds > 1 else Measure.exact(float(ratio[0]))
        parts.append(Evidence(measured, at_most=1.0, what=f"gap of the last point over its bound, {name}"))
        # The theorem holds at every step: the worst of the schedules is drawn there, from 1e-4 on, a curve a problem.
        kind = name.partition(",")[0].removeprefix("absolute ")
        over = trace.gap()[:, 1:].mean(axis=0) / (share * theorem.bound(trace.index[1:]))
        worst[kind] = np.maximum(over, worst.get(kind, 1e-4))
        traces[kind] = curve("gap over its bound (from 1e-4), worst schedule", "step", trace.index[1:], worst[kind])
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "One inequality bounds the last iterate, for all three schedules",
    paper_reports="Theorems 3.1 and 3.2",
    minutes=1,
)
def one_bound(lab: Lab) -> Evidence:
    return _bounded(lab, 1.0)


@one_bound.control("a quarter of the bound")
def quarter(lab: Lab) -> Evidence:
    return _bounded(lab, 0.25)


def _quantiles(lab: Lab, tail: float) -> Evidence:
    size, batches = lab.pick(full=20_000, smoke=1000), lab.pick(full=10, smoke=2)
    problem, steps = HeavyTails(tail=tail), 100
    quantiles = np.empty((batches, 3))
    for i in range(batches):
        seeds = range(i * size, (i + 1) * size)
        gap = lab.iterate(SGDRule(lr=0.05), problem, steps=steps, seeds=seeds, record=2).gap()[:, -1]
        quantiles[i] = np.quantile(gap, [0.9, 0.99, 0.999])
    ratio = (quantiles[:, 2] - quantiles[:, 1]) / (quantiles[:, 1] - quantiles[:, 0])
    drawn = curve("quantile of the gap", "1/delta", [10, 100, 1000], quantiles)
    what = "rise of the quantile from delta = 1/100 to 1/1000 over that from 1/10 to 1/100"
    return Evidence(Measure.mean(ratio), at_most=1.1, what=what, traces={f"tail {tail:g}": drawn})


@paper.claim(
    "With light tails the 1 - delta quantile of the last gap is at most linear in log(1/delta)",
    paper_reports="sigma^2 (1 + log(1/delta)) in place of sigma^2",
    minutes=3,
)
def light_tails(lab: Lab) -> Evidence:
    return _quantiles(lab, math.inf)


@light_tails.control("noise of infinite variance, tail index 1.7")
def heavy_tails(lab: Lab) -> Evidence:
    return _quantiles(lab, 1.7)
