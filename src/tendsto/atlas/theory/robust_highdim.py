"""Contributions to Robust and Efficient Methods for Analysis of High Dimensional Data (Yang, thesis)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import Trace
from tendsto.estimators import (
    MutualInformationScreener,
    QGaussianMixedModel,
    SparseClassifier,
    SparseRegressor,
    mutual_information,
)
from tendsto.optim import NonconvexAccelerated, ProximalConjugateGradient, ProximalGradient
from tendsto.problems import FoldedConcave, FoldedConcaveRegression
from tendsto.theory import NonconvexAcceleratedSmooth, ProximalGradientSmooth

paper = Paper(
    key="robust-highdim",
    number="P058",
    arxiv="2009.10629",
    title="Contributions to Robust and Efficient Methods for Analysis of High Dimensional Data",
    authors="Kai Yang",
    year=2024,
    family="theory",
    provides=[
        NonconvexAccelerated,
        ProximalConjugateGradient,
        FoldedConcave,
        SparseRegressor,
        SparseClassifier,
        MutualInformationScreener,
        mutual_information,
        QGaussianMixedModel,
        ProximalGradientSmooth,
        NonconvexAcceleratedSmooth,
    ],
    note=(
        "The thesis's text was not found. The accelerated method and the screening follow the source of its packages;"
        " the q-Gaussian mixed model (random intercepts, q of at least 1) and the conjugate gradients are reconstructed"
        " from their names and the field's formulas. The thesis lists the limit alpha_1 = 1 of the damping sequence; the"
        ' package starts at 0.618: variant="official".'
        " A first run of the outliers' claim with 40 data sets was undecided, 0.57 [0.47, 0.67] against 0.6: recorded are"
        " 200 on seeds that it had not used, the threshold unchanged."
    ),
)

REACHED = 1e-8
"""||G||^2 that counts as stationary: a gradient mapping of 1e-4."""


@dataclass(frozen=True)
class _Reached:
    """Iterations to the target and the value there, of the method and of proximal gradient, on one drawn data set."""

    steps: int
    features: int
    name: str

    def __call__(self, seed: float, rng: Random) -> dict[str, float]:
        problem = FoldedConcaveRegression(features=self.features, data_seed=int(seed))
        found: dict[str, float] = {}
        for name in (self.name, "proximal gradient"):
            trace = _run(problem, name, self.steps)
            hits = np.flatnonzero(trace["||G||^2"][0] <= REACHED)
            found[name] = float(trace.index[hits[0]]) if len(hits) else math.inf
            found[f"F, {name}"] = float(trace["F(b)"][0, -1])
        return {
            "ratio": found[self.name] / found["proximal gradient"],
            "excess": found[f"F, {self.name}"] / found["F, proximal gradient"] - 1,
        }


def _run(problem: FoldedConcaveRegression, name: str, steps: int) -> Trace:
    from tendsto.core.iterate import iterate

    lr = 0.99 / problem.smooth
    methods = {
        "accelerated": NonconvexAccelerated(lr=lr),
        "official start": NonconvexAccelerated(lr=lr, variant="official"),
        "conjugate": ProximalConjugateGradient(lr=lr),
        "proximal gradient": ProximalGradient(lr=lr),
        "short steps": ProximalGradient(lr=1e-4 * lr),
    }
    return iterate(methods[name], problem, steps=steps, record=steps + 1)


def _faster(lab: Lab, name: str) -> Evidence:
    steps, features = lab.pick(full=2000, smoke=60), lab.pick(full=1000, smoke=30)
    along = {"data set": lab.pick(full=range(20), smoke=range(2))}
    trace = lab.limit(_Reached(steps, features, name), along=along, name="ratio", optimum=None)
    shown = {
        label: _run(FoldedConcaveRegression(features=features), label, lab.pick(full=500, smoke=30))
        for label in ("accelerated", "official start", "conjugate", "proximal gradient")
    }
    return Evidence.every(
        Evidence(
            float(np.median(trace["ratio"])), at_most=0.5, what="median of iterations over those of proximal gradient"
        ),
        Evidence(float(trace["excess"].max()), at_most=1e-3, what="largest relative excess of F at the end"),
        traces={label: _shown(t) for label, t in shown.items()},
    )


def _shown(trace: Trace) -> Trace:
    return Trace(trace.index, {"||G||^2": np.maximum(trace["||G||^2"], 1e-28)}, trace.ends, trace.seeds)


@paper.claim(
    "Acceleration needs at most half the iterations of proximal gradient",
    paper_reports="faster than proximal gradient and coordinate descent at high correlation",
    minutes=1.5,
)
def accelerated_is_faster(lab: Lab) -> Evidence:
    return _faster(lab, "accelerated")


@accelerated_is_faster.control("no momentum: alpha = 1 throughout")
def no_momentum(lab: Lab) -> Evidence:
    return _faster(lab, "proximal gradient")


def _slope(lab: Lab, name: str) -> Evidence:
    features, steps = lab.pick(full=1000, smoke=30), lab.pick(full=400, smoke=30)
    slopes: list[float] = []
    traces: dict[str, Trace] = {}
    for seed in range(lab.pick(full=10, smoke=2)):
        trace = _run(FoldedConcaveRegression(features=features, data_seed=seed), name, steps)
        best = np.minimum.accumulate(np.maximum(trace["||G||^2"][0], 1e-26))
        k = trace.index + 1
        slopes.append(float(np.polyfit(np.log(k[10:]), np.log(best[10:]), 1)[0]))
        traces[f"data {seed}"] = Trace(k, {"min ||G||^2": best[None]}, trace.ends, trace.seeds)
    what = "steepest allowed: slope of the smallest ||G||^2 in log k, largest over data sets"
    return Evidence(max(slopes), at_most=-1.0, what=what, traces=traces)


@paper.claim(
    "The smallest gradient mapping falls like 1/N or faster on all runs",
    paper_reports="O(1/N) for nonconvex penalties",
    minutes=0.5,
)
def stationarity(lab: Lab) -> Evidence:
    return _slope(lab, "accelerated")


@stationarity.control("steps ten thousand times shorter")
def short_steps(lab: Lab) -> Evidence:
    return _slope(lab, "short steps")


@dataclass(frozen=True)
class _Recall:
    """Whether both features of y = x_1^2 + sin(3 x_2) + noise are among the best 20, by one kind of score."""

    samples: int
    features: int

    def __call__(self, seed: float, rng: Random) -> dict[str, float]:
        draw = Random(int(seed), backend="numpy")
        X = draw.normal("X", (self.samples, self.features))
        y = X[:, 0] ** 2 + np.sin(3 * X[:, 1]) + 0.3 * draw.normal("noise", (self.samples,))
        screened = MutualInformationScreener(k=20, kind="numbers").fit(X, y).ranking_[:20]
        r = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())) / X.std(axis=0)
        correlated = np.argsort(-r)[:20]
        return {
            "mutual information": float({0, 1} <= set(screened.tolist())),
            "correlation": float({0, 1} <= set(correlated.tolist())),
            "correlation, x_1": float(0 in correlated),
        }


def _screening(lab: Lab, by: str) -> Evidence:
    error = _Recall(lab.pick(full=500, smoke=100), lab.pick(full=2000, smoke=30))
    seeds = lab.pick(full=range(20), smoke=range(2))
    trace = lab.limit(error, along={"data set": seeds}, name=by, optimum=None)
    hits = [Measure.share(int(trace[name].sum()), len(seeds)) for name in (by, "correlation, x_1")]
    growing = np.cumsum(trace[by][0]) / np.arange(1, len(seeds) + 1)
    drawn = Trace(trace.index + 1, {"share recalled so far": growing[None]}, trace.ends, trace.seeds, "data set")
    return Evidence.every(
        Evidence(hits[0].value, at_least=0.95, what="share of data sets in which both features are in the best 20"),
        Evidence(hits[1].value, at_most=0.2, what="share in which correlation has x_1 in its best 20"),
        figures={f"recall by {by}": hits[0]},
        traces={by: drawn},
    )


@paper.claim(
    "Mutual information finds x_1 of x_1^2 + sin(3 x_2), which correlation misses",
    paper_reports="screening of MRI features beyond linear association",
    minutes=3,
)
def screening(lab: Lab) -> Evidence:
    return _screening(lab, "mutual information")


@screening.control("ranked by correlation")
def correlation(lab: Lab) -> Evidence:
    return _screening(lab, "correlation")


@dataclass(frozen=True)
class _Errors:
    """Squared errors of the fixed effects under a share of outliers, of tails fitted or fixed, over those of nu = inf."""

    nu: float | None

    def __call__(self, share: float, rng: Random) -> dict[str, float]:
        draw = rng.generator(f"outliers {share}")
        groups = np.repeat(np.arange(100), 5)
        X, noise = draw.normal(size=(500, 3)), draw.normal(size=500)
        noise[draw.random(500) < share] *= 10
        truth = np.array([1.0, -2.0, 0.5])
        y = X @ truth + draw.normal(size=100)[groups] + noise
        errors = [
            float(((QGaussianMixedModel(nu=nu).fit(X, y, groups).coef_ - truth) ** 2).sum())
            for nu in (self.nu, math.inf)
        ]
        return {"squared error": errors[0], "normal": errors[1]}


def _robust(lab: Lab, nu: float | None) -> Evidence:
    shares = lab.pick(full=[0.0, 0.01, 0.02, 0.05, 0.1], smoke=[0.0, 0.05])
    seeds = lab.pick(full=range(1000, 1200), smoke=range(4))
    trace = lab.limit(_Errors(nu), along={"share of outliers": shares}, seeds=seeds, name="squared error", optimum=None)
    at = shares.index(0.05)
    ratios = np.sqrt(trace["squared error"].mean(axis=0) / trace["normal"].mean(axis=0))
    spread = _jackknife(trace["squared error"], trace["normal"])
    parts = [
        Evidence(
            _measure(float(ratios[at]), float(spread[at]), len(seeds)),
            at_most=0.6,
            what="RMSE over the normal's, 5 % outliers",
        ),
        Evidence(
            _measure(float(ratios[0]), float(spread[0]), len(seeds)),
            at_most=1.05,
            what="RMSE over the normal's, no outliers",
        ),
    ]
    drawn = {
        name: Trace(trace.index, {"squared error": trace[key]}, trace.ends, trace.seeds, trace.along)
        for name, key in (("fitted tails" if nu is None else "fixed tails", "squared error"), ("normal", "normal"))
    }
    return Evidence.every(*parts, traces=drawn)


def _jackknife(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Standard error of the ratio of root mean squares, leaving one run out at a time."""
    n = len(first)
    left = np.sqrt((first.sum(axis=0) - first) / (second.sum(axis=0) - second))
    return np.sqrt((n - 1) / n * ((left - left.mean(axis=0)) ** 2).sum(axis=0))


def _measure(value: float, error: float, runs: int) -> Measure:
    from scipy.stats import t

    half = float(t.ppf(0.975, runs - 1)) * error
    return Measure(float(value), float(value - half), float(value + half), "x", runs)


@paper.claim(
    "Fitted q-Gaussian tails keep 5 % of outliers from moving the fixed effects",
    paper_reports="robust to misspecification; figures not found",
    minutes=1,
)
def robust(lab: Lab) -> Evidence:
    return _robust(lab, None)


@robust.control("tails fixed near the normal's, nu = 1000")
def fixed_tails(lab: Lab) -> Evidence:
    return _robust(lab, 1000.0)
