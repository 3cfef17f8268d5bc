"""High-dimensional Location Estimation via Norm Concentration for Subgamma Vectors (Gupta, Lee and Price, 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import Trace
from tendsto.probability.noise import GridNoise, LaplaceNoise, MixtureNoise
from tendsto.probability.noise_vector import ProductNoise, VectorMixtureNoise
from tendsto.probability.norm_concentration import subgamma_norm_bound
from tendsto.probability.robust_centre import initial_location
from tendsto.probability.smoothed_location import SmoothedLocation, location_radius, smoothed_newton

paper = Paper(
    key="smoothed-location",
    number="P066",
    arxiv="2302.02497",
    title="High-dimensional Location Estimation via Norm Concentration for Subgamma Vectors",
    authors="Shivam Gupta, Jasper C.H. Lee, Eric Price",
    year=2023,
    family="probability",
    provides=[
        SmoothedLocation,
        smoothed_newton,
        subgamma_norm_bound,
        MixtureNoise,
        LaplaceNoise,
        GridNoise,
        ProductNoise,
        VectorMixtureNoise,
    ],
    note=(
        "The noise is 0.8 N(0, 1) + 0.2 N(0, 0.02^2), of variance 0.80 and smoothed information I_r; 40,000 replications."
        " The algorithm, the bound in several dimensions and the norm bound are recalled; the last term of the norm"
        " bound, of lower order, is left out, and a proved elementary bound stands beside it: the smaller is returned."
        " The first estimate matches the median; from the mean, one step is far from enough at small r. That the norm"
        " bound is within a factor 4 is no claim of the paper: with a constant 4 on the deviation it cannot be, for"
        " the whole bound at a failure probability of 0.1 is already above 4 typical norms."
    ),
)

SPIKE = MixtureNoise((0.8, 0.2), (0.0, 0.0), (1.0, 0.02))
DELTAS = (0.1, 0.01, 0.001)


@dataclass(frozen=True)
class _Accuracy:
    """n MSE I_r of the estimator and of the mean, and upper quantiles of the error in units of the first-order radius.

    The location is 0. A limit of 1 is the error of N(0, 1/(n I_r)).
    """

    r: float
    replications: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        draws = rng.generator("samples")
        samples = SPIKE.sample((self.replications, int(n)), draws)
        first = initial_location(samples, SPIKE, "median", 0.05)
        information = float(SPIKE.information(self.r).value)
        found: dict[str, float] = {}
        for name, error in {
            "smoothed": np.abs(smoothed_newton(samples, SPIKE, self.r, first, draws)),
            "mean": np.abs(samples.mean(axis=1)),
        }.items():
            found[name] = float(n * np.mean(error**2) * information)
            for delta in (0.05, 0.01):
                radius = location_radius(information, int(n), delta, slack=0.0)
                found[f"{name}, {100 - 100 * delta:g} %"] = float(np.quantile(error, 1 - delta)) / radius
        return found


def _accuracy(lab: Lab, r: float, along: list[int]) -> Trace:
    error = _Accuracy(r, lab.pick(full=4000, smoke=50))
    return lab.limit(error, along={"n": along}, seeds=lab.pick(full=10, smoke=2), optimum=1.0)


def _one(trace: Trace, values: Any, label: str) -> Trace:
    return Trace(trace.index, {label: values}, trace.ends, trace.seeds, trace.along)


def _efficiency(lab: Lab, estimator: str) -> Evidence:
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    figures: dict[str, Any] = {}
    small, large = lab.pick(full=(100, 400), smoke=(20, 40))
    for r in (0.05, 0.1, 0.2):
        trace = _accuracy(lab, r, [small, large])
        ratio = trace[estimator]
        parts.append(
            Evidence(
                Measure.mean(ratio[:, 1]), at_least=0.97, at_most=1.06, what=f"n MSE I_r at n = {large}, r = {r:g}"
            )
        )
        if r > 0.05:
            parts.append(Evidence(Measure.mean(ratio[:, 0]), at_most=1.15, what=f"the same at n = {small}, r = {r:g}"))
        for level in ("95 %", "99 %"):
            at = trace[f"{estimator}, {level}"][:, 1]
            what = f"{level} quantile of the error over √(2 log(2/δ) / (n I_r)) at n = {large}, r = {r:g}"
            parts.append(Evidence(Measure.mean(at), at_most=1.1, what=what))
        traces[f"r = {r:g}"] = _one(trace, ratio, "n MSE I_r")
        figures[f"MSE of the mean over that of the estimator, n = {large}, r = {r:g}"] = Measure.mean(
            trace["mean"][:, 1] / trace["smoothed"][:, 1]
        )
    return Evidence.every(*parts, figures=figures, traces=traces)


@paper.claim(
    "At n = 400 the smoothed estimator has the error of N(0, 1/(n I_r))",
    paper_reports="within 1 + η of √(2 log(2/δ) / (n I_r)), with probability 1 - δ",
)
def efficiency(lab: Lab) -> Evidence:
    return _efficiency(lab, "smoothed")


@efficiency.control("the sample mean, without score and step")
def sample_mean(lab: Lab) -> Evidence:
    return _efficiency(lab, "mean")


def _too_sharp(lab: Lab, r: float) -> Evidence:
    along = lab.pick(full=[20, 50, 100, 400], smoke=[20, 40])
    trace = _accuracy(lab, r, along)
    wide = _accuracy(lab, 0.4, along[:2])["smoothed"][:, 0]
    ratio = trace["smoothed"]
    sample = SPIKE.sample(20, np.random.default_rng(0))

    def refused(width: float) -> int:
        fitted = SmoothedLocation(SPIKE, smoothing=width, initial="median").fit(sample)
        return sum(a.answer == "fails" for a in fitted.assumptions_)

    return Evidence.every(
        Evidence(Measure.mean(ratio[:, 0]), at_least=5.0, what=f"n MSE I_r at n = 20, r = {r:g}"),
        Evidence(Measure.mean(wide), at_least=0.92, at_most=1.08, what="n MSE I_r at n = 20, r = 0.4"),
        *(
            Evidence(
                Measure.ratio(ratio[:, i + 1] / ratio[:, i]),
                at_most=1.0,
                what=f"n MSE I_r at n = {along[i + 1]} over that at n = {along[i]}",
            )
            for i in range(len(along) - 1)
        ),
        Evidence(
            refused(r), at_least=1, what=f"assumptions that fail at n = 20, r = {r:g}, so that the radius is refused"
        ),
        Evidence(refused(0.4), at_most=0, what="assumptions that fail at n = 20, r = 0.4"),
        figures={
            f"{level} quantile over √(2 log(2/δ) / (n I_r)), n = {n}": Measure.mean(trace[f"smoothed, {level}"][:, i])
            for i, n in enumerate(along)
            for level in ("95 %", "99 %")
        },
        traces={f"r = {r:g}": _one(trace, ratio, "n MSE I_r")},
    )


@paper.claim("With too little smoothing for n the guarantee fails, and is refused")
def too_little_smoothing(lab: Lab) -> Evidence:
    return _too_sharp(lab, 0.05)


@too_little_smoothing.control("as much smoothing as n asks for, r = 0.4")
def enough_smoothing(lab: Lab) -> Evidence:
    return _too_sharp(lab, 0.4)


ROTATION = np.linalg.qr(np.random.default_rng(66).standard_normal((20, 20)))[0]
VECTOR = ProductNoise([SPIKE] * 4 + [MixtureNoise([1.0], [0.0], [1.0])] * 16, ROTATION)


@dataclass(frozen=True)
class _VectorAccuracy:
    """In R^20, r = 0.1: the 95 % quantile of the error's norm, its bound, and the squared error over the mean's.

    The last relative to what the information predicts, ``Tr I_R^{-1} / Tr Σ``. estimator: "smoothed" or "median".
    """

    estimator: str
    replications: int
    r: float = 0.1

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        draws, errors, means = rng.generator("samples"), [], []
        for _ in range(0, self.replications, 50):
            samples = VECTOR.sample((50, int(n)), draws)
            if self.estimator == "median":
                found = np.median(samples, axis=1)
            else:
                first = initial_location(samples, VECTOR, "median-of-means", 0.05)
                found = smoothed_newton(samples, VECTOR, self.r, first, draws)
            errors.append(np.linalg.norm(found, axis=1))
            means.append(np.linalg.norm(samples.mean(axis=1), axis=1))
        error, mean = np.concatenate(errors), np.concatenate(means)
        information = np.asarray(VECTOR.information(self.r).value)
        predicted = np.trace(np.linalg.inv(information)) / np.trace(VECTOR.covariance)
        return {
            "95 % quantile of the error": float(np.quantile(error, 0.95)),
            "bound": location_radius(information, int(n), 0.05, slack=0.1),
            "squared error over the mean's, over the predicted": float(
                np.mean(error**2) / np.mean(mean**2) / predicted
            ),
            "predicted": float(predicted),
        }


def _high_dimension(lab: Lab, estimator: str) -> Evidence:
    along = lab.pick(full=[400, 1600], smoke=[40, 80])
    error = _VectorAccuracy(estimator, lab.pick(full=600, smoke=50))
    trace = lab.limit(error, along={"n": along}, seeds=lab.pick(full=5, smoke=2))
    quantile, bound = trace["95 % quantile of the error"], trace["bound"]
    gain = trace["squared error over the mean's, over the predicted"]
    parts = [
        Evidence(Measure.mean(quantile[:, i] / bound[:, i]), at_most=1.0, what=f"95 % quantile over its bound, n = {n}")
        for i, n in enumerate(along)
    ]
    parts += [
        Evidence(
            Measure.mean(gain[:, i]),
            at_least=0.9,
            at_most=1.1,
            what=f"squared error over the mean's, over the predicted ratio, n = {n}",
        )
        for i, n in enumerate(along)
    ]
    label = "Euclidean error, 95 % quantile"
    return Evidence.every(
        *parts,
        figures={"Tr I_R^-1 / Tr Σ": float(trace["predicted"][0, 0])},
        traces={"measured": _one(trace, quantile, label), "bound": _one(trace, bound, label)},
    )


@paper.claim(
    "In 20 dimensions the error obeys the bound and shows the predicted gain",
    paper_reports="(1 + η) √(Tr I_R^-1 / n) + 5 √(|I_R^-1| log(4/δ) / n)",
    minutes=2,
)
def high_dimension(lab: Lab) -> Evidence:
    return _high_dimension(lab, "smoothed")


@high_dimension.control("the coordinatewise median in its place")
def coordinate_median(lab: Lab) -> Evidence:
    return _high_dimension(lab, "median")


@dataclass(frozen=True)
class _Norms:
    """The norm bound over the empirical quantile, for averages of N vectors A (ξ - 1), A = diag(i^{-1/2}).

    law: "exponential" coordinates ξ, under which one vector is (1.545 A², 2)-subgamma, or "cauchy" ones, which no
    subgamma condition covers; averages of both have a known law, so that N costs nothing.
    """

    d: int
    law: str
    replications: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        draws, scale = rng.generator("norms"), np.arange(1, self.d + 1) ** -0.5
        shape = (self.replications, self.d)
        if self.law == "exponential":
            average = draws.standard_gamma(n, shape) / n - 1
        else:
            average = draws.standard_cauchy(shape)
        norms = np.linalg.norm(average * scale, axis=1)
        covariance = np.diag(1.545 * scale**2 / n)
        return {
            f"δ = {delta:g}": subgamma_norm_bound(covariance, 2 / n, delta).value / float(np.quantile(norms, 1 - delta))
            for delta in DELTAS
        }


def _norms(lab: Lab, law: str) -> dict[int, Trace]:
    dimensions = lab.pick(full=(5, 50, 500), smoke=(5, 20))
    along = lab.pick(full=[1, 100, 10_000], smoke=[1, 100])
    return {
        d: lab.limit(
            _Norms(d, law, lab.pick(full=20_000, smoke=500)),
            along={"N": along},
            seeds=lab.pick(full=5, smoke=2),
            optimum=None,
        )
        for d in dimensions
    }


def _pictures(traces: dict[int, Trace]) -> dict[str, Trace]:
    return {f"d = {d}": _one(trace, trace["δ = 0.01"], "bound over the 99 % quantile") for d, trace in traces.items()}


def _winners(traces: dict[int, Trace]) -> dict[str, str]:
    """Which of the two bounds is the smaller, at δ = 0.01."""
    found: dict[str, str] = {}
    for d, trace in traces.items():
        for n in trace.index:
            covariance = np.diag(1.545 / np.arange(1, d + 1) / n)
            found[f"smaller bound, d = {d}, N = {n:g}, δ = 0.01"] = subgamma_norm_bound(covariance, 2 / n, 0.01).winner
    return found


def _below(lab: Lab, law: str) -> Evidence:
    traces = _norms(lab, law)
    parts = [
        Evidence(
            Measure.mean(np.min([trace[f"δ = {delta:g}"][:, i] for delta in DELTAS], axis=0)),
            at_least=1.0,
            what=f"least of bound over quantile, δ from 0.1 to 0.001, d = {d}, N = {n:g}",
        )
        for d, trace in traces.items()
        for i, n in enumerate(trace.index)
    ]
    return Evidence.every(*parts, figures=_winners(traces), traces=_pictures(traces))


@paper.claim(
    "Norms of averages of subgamma vectors stay below the bound",
    paper_reports="√(Tr Σ) + 4 √(|Σ| log(2/δ)) + 16 C log(2/δ) + lower order (recalled)",
)
def norm_bound(lab: Lab) -> Evidence:
    return _below(lab, "exponential")


@norm_bound.control("Cauchy coordinates, which no subgamma condition covers")
def cauchy(lab: Lab) -> Evidence:
    return _below(lab, "cauchy")


def _tight(lab: Lab, which: int) -> Evidence:
    traces = _norms(lab, "exponential")
    parts = [
        Evidence(
            Measure.mean(np.max([trace[f"δ = {delta:g}"][:, which] for delta in DELTAS], axis=0)),
            at_most=4.0,
            what=f"largest of bound over quantile, δ from 0.1 to 0.001, d = {d}, N = {trace.index[which]:g}",
        )
        for d, trace in traces.items()
    ]
    return Evidence.every(*parts, traces=_pictures(traces))


@paper.claim("For averages of 10,000 vectors the norm bound is within a factor 4")
def norm_bound_tight(lab: Lab) -> Evidence:
    return _tight(lab, -1)


@norm_bound_tight.control("a single vector, where the term in C is the largest")
def single_vector(lab: Lab) -> Evidence:
    return _tight(lab, 0)
