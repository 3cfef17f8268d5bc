"""Random Scaling and Momentum for Non-smooth Non-convex Optimization (Zhang and Cutkosky, 2024)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.measure import Measure
from tendsto.core.method import Info
from tendsto.core.oracle import Oracle
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.problem import Problem
from tendsto.core.race import Entry, logspace
from tendsto.core.random import Random
from tendsto.core.rule import Rule, Scalars
from tendsto.core.trace import Array, End, Trace
from tendsto.core.tree import join, split
from tendsto.optim import (
    RSGDM,
    OnlineToNonconvex,
    RandomScaling,
    RandomScalingRule,
    SGDRule,
    lemma_residual,
    random_scale,
    stationarity,
)
from tendsto.problems import DigitsMLP
from tendsto.problems.once import once_property

paper = Paper(
    key="random-scaling",
    number="P111",
    arxiv="2405.09742",
    title="Random Scaling and Momentum for Non-smooth Non-convex Optimization",
    authors="Qinzi Zhang, Ashok Cutkosky",
    year=2024,
    family="optim",
    provides=[RandomScaling, RandomScalingRule, RSGDM, OnlineToNonconvex, lemma_residual, stationarity, random_scale],
    note=(
        "One number a step scales the whole model, and the momentum does not see it. The orders of the tuned settings are"
        " the paper's, their constants derived here. The rate was first measured from 1,000 steps on, seeds 0 to 4: slope"
        " -0.42 [-0.44, -0.41], and -0.31 for the control, whose floor does not show before 10,000 steps; so it is measured"
        " from there, on fresh seeds."
    ),
)


def _functions() -> dict[str, tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]]:
    rng = Random(0)
    first, second = rng.normal("first", (16, 20), torch.float64), rng.normal("second", (16,), torch.float64)
    shift = rng.normal("shift", (16,), torch.float64)
    # A point, a step that crosses what bends there, and the function.
    x, move = rng.normal("x", (20,), torch.float64), rng.normal("move", (20,), torch.float64)
    return {
        "|x|": (_numbers(0.5), _numbers(-2.0), lambda x: x.abs().sum()),
        "sin": (_numbers(0.3), _numbers(1.7), lambda x: torch.sin(x).sum()),
        "ReLU network": (x, move, lambda x: second @ torch.relu(first @ x + shift)),
    }


def _numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _lemma(lab: Lab, law: str) -> Evidence:
    chunks, size = lab.pick(full=(40, 100_000), smoke=(2, 500))
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    scales = [random_scale(law, torch.arange(size), torch.tensor(chunk)) for chunk in range(chunks)]
    for name, (x, move, value) in _functions().items():
        found = torch.cat([lemma_residual(value, x, move, s) for s in scales]).numpy()
        error = found.std(ddof=1) / len(found) ** 0.5
        what = f"|mean| of F(x + s D) - F(x) - <grad F(x + s D), D> over its standard error, {name}"
        parts.append(Evidence(abs(found.mean()) / error, at_most=4.0, what=what, figures={name: Measure.mean(found)}))
        at = size * np.arange(1.0, chunks + 1)
        running = np.cumsum(found.reshape(chunks, -1).sum(axis=1)) / at
        traces[name] = Trace(at, {"mean residual": running[None]}, (End("budget", at[-1]),), (0,), "draws")
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "For s ~ Exp(1), F(x + s D) - F(x) is <grad F(x + s D), D> in the mean, smooth or not",
    paper_reports="an identity, its Lemma 3.1",
)
def lemma(lab: Lab) -> Evidence:
    return _lemma(lab, "exponential")


@lemma.control("s uniform on (0, 2), of the same mean")
def uniform_scale(lab: Lab) -> Evidence:
    return _lemma(lab, "uniform")


@dataclass(frozen=True)
class _ReLU(DigitsMLP):
    """The digits network with ReLU in the place of tanh."""

    def logits(self, x: dict[str, Tensor], images: Tensor) -> Tensor:
        linear = torch.nn.functional.linear
        hidden = linear(images, x["hidden.weight"], x["hidden.bias"]).relu()
        return linear(hidden, x["output.weight"], x["output.bias"])


@dataclass(frozen=True)
class _Accounting(OnlineToNonconvex):
    """The conversion, adding up f(x_n) - f(x_{n-1}) - <grad f(x_n), D_n>, f the loss of the minibatch of step n.

    The minibatch is independent of s_n and D_n, so that the lemma holds for it as for the whole loss.
    """

    asks = ("gradient", "value")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {**super().init(oracle, rng), "residual": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        new, info = super().step(state, oracle, rng)
        before, gradient = (
            oracle.value(split(state["point"], like=state["x"])),
            oracle.gradient(split(new["point"], like=state["x"])),
        )
        change = info["value"] - before - (join(gradient) * state["move"]).sum()
        residual = state["residual"] + change
        return {**new, "residual": residual}, {**info, "residual": residual}


def _accounts(lab: Lab, law: str) -> Evidence:
    trace = lab.iterate(
        _Accounting(lr=0.1, beta=0.9, law=law),
        _ReLU(hidden=lab.pick(full=32, smoke=4), batch=lab.pick(full=64, smoke=8)),
        steps=lab.pick(full=1500, smoke=10),
        seeds=lab.pick(full=20, smoke=3),
        record=30,
    )
    residual = trace.final("info.residual")
    error = residual.std(ddof=1) / len(residual) ** 0.5
    return Evidence(
        abs(residual.mean()) / error,
        at_most=3.0,
        what="|mean| over runs of the sum of f(x_n) - f(x_{n-1}) - <grad f(x_n), D_n>, over its standard error",
        figures={"mean of the sum": Measure.mean(residual), "final loss": Measure.mean(trace.final())},
        traces={f"scale: {law}": Trace(trace.index, {"residual": trace["info.residual"]}, trace.ends, trace.seeds)},
    )


@paper.claim(
    "Along training, gradients after scaled steps account for the whole change of the loss",
    paper_reports="the identity that its analysis rests on",
)
def accounts(lab: Lab) -> Evidence:
    return _accounts(lab, "exponential")


@accounts.control("s = 1, plain SGD with momentum")
def unscaled(lab: Lab) -> Evidence:
    return _accounts(lab, "none")


@dataclass(frozen=True)
class _Facets(Problem):
    """|x|_1 less the largest of 12 affine functions with coefficients below 0.9, so bounded below; d = 10.

    Piecewise linear and not convex. Gradients have noise of variance 1. Its gradients are at most 6 and mostly 3 to 4
    long, and it falls by about 10 from its starts.
    """

    criterion_name = "F"

    @once_property
    def pieces(self) -> tuple[Tensor, Tensor]:
        rng = Random(0)
        return 1.8 * rng.uniform("slopes", (12, 10), torch.float64) - 0.9, rng.normal("levels", (12,), torch.float64)

    def init(self, rng: Random) -> Tensor:
        return rng.normal("x", (10,), torch.float64)

    def sample(self, rng: Random) -> Tensor:
        return rng.normal("xi", (10,), torch.float64) / 10**0.5

    def criterion(self, x: Tensor) -> Tensor:
        slopes, levels = self.pieces
        return x.abs().sum() - (slopes @ x + levels).max()

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.criterion(x) + (0.0 if sample is None else (sample * x).sum())


def _rate(lab: Lab, tuned_for: int | None) -> Evidence:
    budgets = lab.pick(full=[10_000, 100_000], smoke=[20, 40])
    runs = [
        lab.iterate(
            OnlineToNonconvex.tuned(tuned_for or steps, gap=10.0, gradient=5.0),
            _Facets(),
            steps=steps,
            seeds=lab.pick(full=range(5, 10), smoke=[0, 1]),
            record=10,
        )
        for steps in budgets
    ]
    found = np.stack([run.final("info.average stationarity") for run in runs], axis=1)
    slopes = [np.polyfit(np.log(budgets), np.log(row), 1)[0] for row in found]
    at = np.array(budgets, float)
    trace = Trace(
        at,
        {"average |grad F|_c, c = 1": found},
        tuple(run.ends[0] for run in runs[:1] for _ in found),
        runs[0].seeds,
        "steps",
    )
    return Evidence(
        Measure.mean(slopes),
        at_most=-0.2,
        what="log-log slope of the average stationarity over the number of steps",
        figures={"by steps": {str(n): Measure.mean(column) for n, column in zip(budgets, found.T, strict=True)}},
        traces={"tuned for each" if tuned_for is None else f"tuned for {tuned_for}": trace},
    )


@paper.claim(
    "Tuned for N steps on a piecewise linear function, its stationarity falls about as N^(-2/7)",
    paper_reports="(c, eps)-stationary points in O(c^(1/2) eps^(-7/2)) steps, which is optimal",
    minutes=5,
)
def rate(lab: Lab) -> Evidence:
    return _rate(lab, None)


@rate.control("at every number of steps the settings for 1,000")
def untuned(lab: Lab) -> Evidence:
    return _rate(lab, lab.pick(full=1000, smoke=20))


@dataclass(frozen=True)
class _Centred(RandomScalingRule):
    """A scale of mean 0: Exp(1) less 1."""

    def scalars(self, step: Any) -> Scalars:
        found = super().scalars(step)
        return {**found, "scale": found["scale"] - 1}


def _harmless(lab: Lab, rule: Rule) -> Evidence:
    race = lab.race(
        lab.pick(full="digits-mlp", smoke=DigitsMLP(hidden=4, batch=8)),
        {"sgdm": SGDRule(momentum=0.9), "scaled": rule},
        steps=lab.pick(full=400, smoke=5),
        seeds=lab.pick(full=10, smoke=2),
        tune={"lr": lab.pick(full=logspace(1e-3, 1, 7), smoke=[1e-2, 1e-1])},
        record=20,
    )
    best = {name: max(race.settings(name), key=lambda e: float(_accuracy(e).mean())) for name in race.names}
    return Evidence(
        Measure.mean(_accuracy(best["scaled"]) - _accuracy(best["sgdm"])),
        at_least=-0.005,
        what="best test accuracy over lr, less that without scaling",
        figures={
            "test accuracy by lr": {
                name: {f"{e.settings['lr']:g}": Measure.mean(_accuracy(e)) for e in race.settings(name)}
                for name in race.names
            },
        },
        traces={str(entry): entry.trace for entry in best.values()},
    )


def _accuracy(entry: Entry) -> Array:
    """The final test accuracy of each run, 0 where it diverged."""
    return np.nan_to_num(entry.trace.final("test accuracy"), nan=0.0, posinf=0.0, neginf=0.0)


@paper.claim(
    "With both swept, random scaling costs SGD at most half a point of accuracy",
    paper_reports="curves that coincide with those of SGD with momentum, ResNet-18 on CIFAR-10",
    minutes=2,
)
def harmless(lab: Lab) -> Evidence:
    return _harmless(lab, RandomScalingRule(SGDRule(momentum=0.9)))


@harmless.control("a scale of mean 0, Exp(1) less 1")
def centred(lab: Lab) -> Evidence:
    return _harmless(lab, _Centred(SGDRule(momentum=0.9)))
