"""Fluctuations of the connectivity threshold and largest nearest-neighbour link (Penrose and Yang, 2025)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import Trace
from tendsto.probability import (
    ConnectivityThreshold,
    Disc,
    LimitLaw,
    Torus,
    dkw_band,
    kolmogorov,
    radius_for_connectivity,
)

paper = Paper(
    key="connectivity",
    number="P073",
    arxiv="2406.00647",
    doi="10.1214/25-aap2210",
    title="Fluctuations of the connectivity threshold and largest nearest-neighbour link",
    authors="Mathew D. Penrose, Xiaochuan Yang",
    year=2025,
    family="probability",
    provides=[ConnectivityThreshold, LimitLaw, radius_for_connectivity],
    note=(
        "The abstract prints the log log term of the centring with the opposite sign, under which the centred median"
        ' diverges; variant="paper" offers that version. The limit is reached logarithmically slowly and predicts'
        " nothing at any n that can be simulated: the finite-n law does. The sampling of two claims was enlarged after"
        " first runs were undecided (finite-n-law twice, 0.75 [0.53, 1.08] and 0.84 [0.64, 1.11] for k = 2 against 1, and"
        " its n = 10,000 replaced by 4,000 for the ratio; pairs once, 0.46 [0.41, 0.51] against 0.5), thresholds"
        " unchanged; what is recorded is one run of the final design on seeds that none of those had used."
    ),
)

FRESH = [101, 102, 103, 104, 105]
"""Seeds of the one confirming run: the design was settled on others, 0 to 4."""


@dataclass(frozen=True)
class _LinkDistance:
    """Kolmogorov distance between the largest k-th-neighbour link on the disc and its Poisson prediction.

    "torus law" is the same with the boundary left out of the prediction. repetitions: by n.
    """

    k: int
    repetitions: Mapping[int, int]

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        law, without = ConnectivityThreshold(Disc(), self.k), ConnectivityThreshold(Torus(), self.k)
        links = law.sample_largest_link(int(n), self.repetitions[int(n)], rng.generator("points"))
        return {
            "finite-n law": kolmogorov(links, lambda r: law.finite_n_cdf(n, r)),
            "torus law": kolmogorov(links, lambda r: without.finite_n_cdf(n, r)),
        }


BANDS = {1000: 400, 10_000: 150}
"""Where the finite-n law is held against a sample: at n, within the 95 % band of so many replications."""

REPETITIONS = {250: 4000, 1000: 4000, 4000: 4000, 10_000: 300}
"""A sample of m is about 0.87 / sqrt(m) from its own law, and the bias is some hundredths: where distances at two n are
compared, the samples are as large as the time allows, and equally large."""


def _poisson(lab: Lab, law: str) -> Evidence:
    repetitions = lab.pick(full=REPETITIONS, smoke={50: 20, 100: 20})
    bands = lab.pick(full=BANDS, smoke={100: 20})
    along = list(repetitions)
    compared = [i for i, n in enumerate(along) if repetitions[n] == max(repetitions.values())]
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for k in (2, 3):
        error = _LinkDistance(k, repetitions)
        trace = lab.limit(error, along={"n": along}, seeds=lab.pick(full=FRESH, smoke=2))
        distance = trace[law]
        drawn = {"Kolmogorov distance": distance[:, compared]}
        traces[f"k = {k}"] = Trace(trace.index[compared], drawn, trace.ends, trace.seeds, "n", optimum=0.0)
        parts += [
            Evidence(
                Measure.mean(distance[:, along.index(n)]),
                at_most=dkw_band(replications),
                what=f"Kolmogorov distance at n = {n}, k = {k}, under the band of {replications} replications",
            )
            for n, replications in bands.items()
        ]
        first, last = compared[0], compared[-1]
        what = f"distance at n = {along[last]} over that at n = {along[first]}, k = {k}"
        parts.append(Evidence(Measure.ratio(distance[:, last] / distance[:, first]), at_most=1.0, what=what))
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "The Poisson law predicts the largest k-th link at finite n, with a bias that shrinks with n",
    paper_reports="the Poisson approximation behind the limit theorem",
    minutes=3,
)
def finite_n_law(lab: Lab) -> Evidence:
    return _poisson(lab, "finite-n law")


@finite_n_law.control("the boundary left out of the prediction")
def no_boundary(lab: Lab) -> Evidence:
    return _poisson(lab, "torus law")


@dataclass(frozen=True)
class _MedianError:
    """Distance of the centred median from its limit, at n = 10^exponent on the disc."""

    k: int
    variant: Literal["corrected", "paper"]

    def __call__(self, exponent: float, rng: Random) -> float:
        law = ConnectivityThreshold(Disc(), self.k)
        return abs(law.median(exponent * math.log(10), self.variant) - float(law.limit.quantile(0.5)))


def _centring(lab: Lab, variant: Literal["corrected", "paper"]) -> Evidence:
    exponents = lab.pick(full=[3, 4, 6, 12, 24, 48, 96, 192], smoke=[3, 6, 192])
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for k in (1, 2, 3):
        trace = traces[f"k = {k}"] = lab.limit(_MedianError(k, variant), along={"log10 n": exponents})
        error = trace["error"][0]
        parts += [
            Evidence(error[-1], at_most=0.2, what=f"distance of the median from its limit at n = 10^192, k = {k}"),
            Evidence(np.diff(error).max(), at_most=0.0, what=f"largest rise of that distance along the way, k = {k}"),
        ]
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "Centred with + (4 - 2k - 2/d) log log n, the median tends to that of the limit law",
    paper_reports="the abstract prints the opposite sign",
)
def centring_sign(lab: Lab) -> Evidence:
    return _centring(lab, "corrected")


@centring_sign.control("the sign as the abstract prints it")
def printed_sign(lab: Lab) -> Evidence:
    return _centring(lab, "paper")


@dataclass(frozen=True)
class _TorusLaws:
    """How often T = U on the torus, and how far T is from the Gumbel-type law and from the pair-corrected one.

    repetitions: of each n, but so many fewer that their points together are no more than `points`.
    """

    repetitions: int
    points: int = 4_000_000

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        law = ConnectivityThreshold(Torus())
        repetitions = min(self.repetitions, self.points // int(n))
        sample = law.sample(int(n), repetitions, rng.generator("points"))
        threshold = np.asarray(sample.threshold)
        return {
            "T differs from U": float(np.mean(threshold != sample.largest_link)),
            "uncorrected law": kolmogorov(threshold, lambda r: law.limit.cdf(law.centred(n, r))),
            "corrected law": kolmogorov(threshold, lambda r: law.corrected_cdf(n, r)),
        }


def _torus(lab: Lab, law: str) -> Evidence:
    along: Sequence[int] = lab.pick(full=[250, 1000, 10_000], smoke=[50, 100])
    held = lab.pick(full=[1000, 10_000], smoke=[100])
    error = _TorusLaws(lab.pick(full=1600, smoke=20))
    trace = lab.limit(error, along={"n": along}, seeds=lab.pick(full=FRESH, smoke=2))
    share = 1 - trace["T differs from U"]
    rises = [
        Evidence(
            Measure.mean(share[:, i + 1] - share[:, i]),
            at_least=0.0,
            what=f"share of T = U at n = {along[i + 1]} less that at n = {along[i]}",
        )
        for i in range(len(along) - 1)
    ]
    halves = [
        Evidence(
            Measure.ratio(trace[law][:, along.index(n)] / trace["uncorrected law"][:, along.index(n)]),
            at_most=0.5,
            what=f"Kolmogorov distance of T over that to the uncorrected law, n = {n}",
        )
        for n in held
    ]
    values = {"Kolmogorov distance": trace[law], "T differs from U": trace["T differs from U"]}
    drawn = Trace(trace.index, values, trace.ends, trace.seeds, "n")
    figures = {f"share of T = U, n = {n}": Measure.mean(share[:, i]) for i, n in enumerate(along)}
    figures |= {f"{law}, n = {n}": Measure.mean(trace[law][:, i]) for i, n in enumerate(along)}
    return Evidence.every(*rises, *halves, figures=figures, traces={law: drawn})


@paper.claim(
    "On the torus T = U ever more often, and counting isolated pairs halves T's distance",
    paper_reports="P(T = U) tends to 1; the pairs are derived here",
    minutes=3,
)
def pairs(lab: Lab) -> Evidence:
    return _torus(lab, "corrected law")


@pairs.control("isolated pairs not counted")
def points_alone(lab: Lab) -> Evidence:
    return _torus(lab, "uncorrected law")
