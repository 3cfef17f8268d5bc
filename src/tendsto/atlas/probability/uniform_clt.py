"""Uniform approximation in classical weak convergence theory (Bengs and Holzmann, 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.probability.lattice_means import LatticeMeans
from tendsto.probability.rounded_normal import RoundedNormal
from tendsto.probability.uniform_clt import UniformCLT, certify_uniform_clt, lindeberg, sup_kolmogorov
from tendsto.probability.uniform_family import BernoulliMeans, PoissonMeans

paper = Paper(
    key="uniform-clt",
    number="P060",
    arxiv="1903.09864",
    title="Uniform approximation in classical weak convergence theory",
    authors="Viktor Bengs, Hajo Holzmann",
    year=2019,
    family="probability",
    provides=[
        BernoulliMeans,
        PoissonMeans,
        LatticeMeans,
        UniformCLT,
        sup_kolmogorov,
        lindeberg,
        certify_uniform_clt,
        RoundedNormal,
    ],
    note=(
        "A paper of theorems without rates or numerics: examples, counterexamples and constants are derived here, and the"
        " exact hypotheses are inferred from the standard theory. Suprema over the parameter are proven enclosures"
        " (branch and bound in interval arithmetic), not maxima over a grid; the third and fourth claim look at a grid"
        " of means, where a maximum is a lower bound."
    ),
)

SIZES = (100, 400, 1600, 6400)


@dataclass(frozen=True)
class _Supremum:
    """Enclosure of sup_p KS(n, p) of Bernoulli means over p from `low` to 1/2, and the Lindeberg supremum."""

    low: float

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        family = BernoulliMeans(self.low, 0.5)
        found = certify_uniform_clt(family, int(n))
        return {
            "Kolmogorov distance": found.low,
            "upper end": found.high,
            "Lindeberg sum": lindeberg(family, int(n), 0.5).value,
        }


@dataclass(frozen=True)
class _AtOne:
    """KS(n, p) of Bernoulli means at one p."""

    p: float

    def __call__(self, n: float, rng: Random) -> float:
        return BernoulliMeans(self.p / 2, 0.5).kolmogorov(int(n), self.p)


def _curve(trace: Any, name: str) -> Any:
    """A trace of one quantity, under the name by which curves are drawn together."""
    return type(trace)(
        trace.index, {"Kolmogorov distance": trace[name]}, trace.ends, trace.seeds, trace.along, optimum=0.0
    )


def _slope(sizes: Any, low: Any, high: Any) -> Measure:
    """Least-squares slope of log sup against log n, over all values within the enclosures."""
    x = np.log(sizes) - np.log(sizes).mean()
    weight = x / (x @ x)
    ends = np.log(low), np.log(high)
    least, most = (
        float(np.minimum(weight * ends[0], weight * ends[1]).sum()),
        float(np.maximum(weight * ends[0], weight * ends[1]).sum()),
    )
    return Measure((least + most) / 2, least, most)


def _uniform(lab: Lab, low: float) -> Evidence:
    sizes = lab.pick(full=SIZES, smoke=(16, 64))
    trace = lab.limit(_Supremum(low), along={"n": sizes}, name="Kolmogorov distance")
    lower, upper = trace["Kolmogorov distance"][0], trace["upper end"][0]
    parts = [
        Evidence(
            Measure((a + b) / 2 * math.sqrt(n), a * math.sqrt(n), b * math.sqrt(n)),
            at_least=0.98 * 0.842,
            at_most=1.02 * 0.842,
            what=f"enclosure of √n times the supremum over p of the distance, n = {n}",
        )
        for n, a, b in zip(sizes, lower, upper, strict=True)
        if n >= 400 or lab.scale == "smoke"
    ]
    parts.append(Evidence(_slope(sizes, lower, upper), at_least=-0.505, at_most=-0.495, what="slope in log n"))
    family = BernoulliMeans(max(low, 0.1), 0.5)
    envelope = np.array([UniformCLT(family).bound(n) for n in sizes])
    share = float((upper / envelope).max())
    parts.append(
        Evidence(share, at_most=1.0, what="largest supremum over the Berry-Esseen envelope of p in [0.1, 1/2]")
    )
    curve = _curve(trace, "Kolmogorov distance")
    bound = type(curve)(
        curve.index, {"Kolmogorov distance": envelope[None]}, curve.ends, curve.seeds, curve.along, optimum=0.0
    )
    return Evidence.every(*parts, traces={f"p from {low:g} to 1/2": curve, "Berry-Esseen envelope": bound})


@paper.claim(
    "With p in [0.1, 1/2], Bernoulli means are normal uniformly, at rate 1/√n",
    paper_reports="the uniform Lindeberg-Feller theorem, without a rate",
    minutes=0.5,
)
def uniform(lab: Lab) -> Evidence:
    return _uniform(lab, 0.1)


@uniform.control("p in (0, 1/2]: the uniform Lindeberg condition fails")
def to_zero(lab: Lab) -> Evidence:
    return _uniform(lab, 0.0)


def _pointwise(lab: Lab, low: float) -> Evidence:
    trace = lab.limit(_Supremum(low), along={"n": lab.pick(full=SIZES, smoke=(16, 64))}, name="Kolmogorov distance")
    fixed = _AtOne(0.01 if low == 0 else 0.1)
    sizes = lab.pick(full=(*SIZES, 102_400), smoke=(16, 64))
    one = lab.limit(fixed, along={"n": sizes}, name="Kolmogorov distance")
    along = one["Kolmogorov distance"][0]
    smallest = float(trace["Kolmogorov distance"].min())
    parts = [
        Evidence(smallest, at_least=0.53, what="least over n of the proven supremum over p of the distance"),
        Evidence(float(trace["Lindeberg sum"].min()), at_least=0.9, what="least Lindeberg supremum at eps = 1/2"),
        Evidence(float(along[-1]), at_most=0.015, what=f"distance at p = {fixed.p:g}, n = {sizes[-1]}"),
        Evidence(float(np.diff(along).max()), at_most=0.0, what="largest rise of that distance along n"),
    ]
    traces = {"supremum over p": _curve(trace, "Kolmogorov distance"), f"p = {fixed.p:g}": one}
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "With p in (0, 1/2] means are normal in the limit at each p, not uniformly",
    paper_reports="the uniform Lindeberg condition is a hypothesis; the counterexample p = c/n is derived here",
    minutes=0.5,
)
def pointwise_only(lab: Lab) -> Evidence:
    return _pointwise(lab, 0.0)


@pointwise_only.control("p in [0.1, 1/2]: the hypothesis restored")
def away_from_zero(lab: Lab) -> Evidence:
    return _pointwise(lab, 0.1)


@dataclass(frozen=True)
class _Images:
    """Distances of rounded normals, and of their images under sin(2πx²), from their limits.

    tight: the largest over a grid of means in [0, 1]; otherwise at the mean n².
    """

    tight: bool
    means: int = 101

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        size = int(n)
        family = RoundedNormal(0.0, 1.0 if self.tight else math.inf)
        means = np.linspace(0, 1, self.means).tolist() if self.tight else [float(size**2)]
        return {
            "image": max(family.image_kolmogorov(size, t) for t in means),
            "input": max(family.kolmogorov(size, t) for t in means),
        }


MESHES = (10, 20, 40, 80, 160)


def _images(lab: Lab, tight: bool) -> Any:
    meshes = lab.pick(full=MESHES, smoke=(4, 8))
    return lab.limit(_Images(tight, lab.pick(full=101, smoke=5)), along={"n": meshes}, name="image")


def _apart(lab: Lab, tight: bool) -> Evidence:
    trace = _images(lab, tight)
    inputs = float((trace["input"][0] * trace.index).max())
    return Evidence.every(
        Evidence(float(trace["image"].min()), at_least=0.2, what="least distance of the image from its limit"),
        Evidence(inputs, at_most=0.2, what="largest n times the distance of the rounded normal from its limit"),
        traces={"image": _curve(trace, "image"), "rounded normal": _curve(trace, "input")},
    )


@paper.claim(
    "Without tight limits a continuous map breaks uniform convergence",
    paper_reports="the uniform continuous mapping theorem asks for tightness or uniform continuity",
    minutes=0.5,
)
def mapping_breaks(lab: Lab) -> Evidence:
    return _apart(lab, tight=False)


@mapping_breaks.control("means in [0, 1]: the limits are tight")
def tight_means(lab: Lab) -> Evidence:
    return _apart(lab, tight=True)


def _close(lab: Lab, tight: bool) -> Evidence:
    trace = _images(lab, tight)
    last = float(trace["image"][0, -1])
    what = f"distance of the image from its limit, n = {int(trace.index[-1])}"
    return Evidence(last, at_most=0.015, what=what, traces={"image": _curve(trace, "image")})


@paper.claim(
    "With means in [0, 1] images under the same map converge uniformly",
    paper_reports="the uniform continuous mapping theorem",
    minutes=0.5,
)
def mapping_keeps(lab: Lab) -> Evidence:
    return _close(lab, tight=True)


@mapping_keeps.control("the mean n²: the limits are not tight")
def running_away(lab: Lab) -> Evidence:
    return _close(lab, tight=False)
