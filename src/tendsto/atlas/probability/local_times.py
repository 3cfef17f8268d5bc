"""Convergence of local times of stochastic processes associated with resistance forms (Noda, 2023)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.trace import End, Trace
from tendsto.probability.distance import dkw_band, kolmogorov
from tendsto.probability.local_times import (
    StarLimit,
    gaussian_field,
    inverse_laplace_functional,
    local_time_cdf,
    local_time_survival,
    simulate_local_times,
)
from tendsto.probability.metric_entropy import LocalTimeLimit, covering_number, metric_entropy_condition
from tendsto.probability.network_models import (
    critical_tree,
    gasket,
    gasket_places,
    path,
    star,
    uniform_spanning_tree,
)
from tendsto.probability.resistance_network import ResistanceNetwork
from tendsto.probability.star_mesh import exact_resistance

paper = Paper(
    key="local-times",
    number="P063",
    arxiv="2305.13224",
    title="Convergence of local times of stochastic processes associated with resistance forms",
    authors="Ryoichiro Noda",
    year=2023,
    family="probability",
    provides=[
        ResistanceNetwork,
        exact_resistance,
        path,
        star,
        gasket,
        critical_tree,
        uniform_spanning_tree,
        simulate_local_times,
        gaussian_field,
        local_time_cdf,
        inverse_laplace_functional,
        StarLimit,
        covering_number,
        metric_entropy_condition,
        LocalTimeLimit,
    ],
    note=(
        "Theorems without numerics; the form of the metric entropy condition is recalled, and the star counterexample is"
        " derived. The condition suffices and is not necessary: stars with legs (log N)^-2 violate it, and their local"
        " times converge all the same. On gaskets convergence is measured as that of exact Laplace functionals, level by"
        " level; of hypotheses on whole sequences the networks themselves decide none, so that covering bounds are given."
    ),
)

SEEDS = 5


# --- the gasket


def _cut(network: ResistanceNetwork) -> ResistanceNetwork:
    """The network without the edge at the first corner that comes first: the others still connect it."""
    gone = int(np.flatnonzero((network.edges == 0).any(axis=1))[0])
    keep = np.arange(len(network.edges)) != gone
    return ResistanceNetwork(network.edges[keep], network.conductances[keep])


@dataclass(frozen=True)
class _Corner:
    """Corner resistance of the gasket, its relative error against (2/3)(5/3)^n, and whether a fraction differs."""

    cut: bool
    exact_to: int

    def __call__(self, level: float, rng: Random) -> dict[str, float]:
        n = int(level)
        network = _cut(gasket(n)) if self.cut else gasket(n)
        formula = Fraction(2, 3) * Fraction(5, 3) ** n
        value = network.resistance(0, 1)
        return {
            "corner resistance": value,
            "error": abs(value / float(formula) - 1),
            "differs": float(n <= self.exact_to and exact_resistance(network, 0, 1) != formula),
        }


def _corner(lab: Lab, cut: bool) -> Evidence:
    levels, exact_to = lab.pick(full=(range(8), 5), smoke=(range(3), 2))
    trace = lab.limit(_Corner(cut, exact_to), along={"level": levels}, name="corner resistance", optimum=None)
    return Evidence.every(
        Evidence(float(trace["differs"].sum()), at_most=0, what=f"levels up to {exact_to} where the fraction differs"),
        Evidence(float(trace["error"].max()), at_most=1e-12, what="largest relative error in floats"),
        traces={"a corner edge cut" if cut else "gasket": _only(trace, "corner resistance", None)},
    )


@paper.claim(
    "The gasket's corner resistance is exactly (2/3)(5/3)^n",
    paper_reports="self-similar fractals are among the examples",
    minutes=0.5,
)
def gasket_corner(lab: Lab) -> Evidence:
    return _corner(lab, cut=False)


@gasket_corner.control("an edge at the corner cut")
def corner_cut(lab: Lab) -> Evidence:
    return _corner(lab, cut=True)


FUNCTIONS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: np.ones_like(x),
    lambda x, y: x,
    lambda x, y: 4 * y**2,
    lambda x, y: 2 * np.abs(x - y),
    lambda x, y: 1 + np.cos(3 * math.pi * (1 - x - y)),
)
"""Continuous and non-negative on the triangle with corners (0, 0), (1, 0), (0, 1)."""


def _functionals(level: int, factor: float) -> Any:
    """``E_ρ exp(-∫ θ dL)`` until another corner is hit, with conductances factor^n and measure 3^-n a vertex."""
    places, edges = gasket_places(level)
    network = ResistanceNetwork(edges, np.full(len(edges), factor**level), measure=np.full(len(places), 3.0**-level))
    x, y = (places / 2.0**level).T
    return np.array([network.laplace_functional(f(x, y) * network.measure, [1, 2])[0] for f in FUNCTIONS])


@dataclass(frozen=True)
class _Step:
    """Largest difference, over the functions, between the functionals of one level and the next."""

    factor: float

    def __call__(self, level: float, rng: Random) -> float:
        n = int(level)
        return float(np.abs(_functionals(n + 1, self.factor) - _functionals(n, self.factor)).max())


def _cauchy(lab: Lab, factor: float) -> Evidence:
    levels = lab.pick(full=range(3, 8), smoke=range(1, 4))
    trace = lab.limit(_Step(factor), along={"level": levels}, name="difference between levels")
    steps = trace["difference between levels"][0]
    networks = [gasket(n, scaled=True) for n in (1, 2, 3)]
    theorem = LocalTimeLimit(networks, covering=(3.0, math.log(3) / math.log(5 / 3)), converges=True)
    return Evidence(
        float((steps[:-1] / steps[1:]).min()),
        at_least=1.5,
        what="least factor by which the difference falls from level to level",
        figures={"hypotheses": [str(a) for a in theorem.assumptions()]},
        traces={f"conductances {factor:.4g}^n": trace},
    )


@paper.claim(
    "With resistances scaled by (3/5)^n, local times on gaskets converge in law",
    paper_reports="joint convergence of walks and local times on self-similar fractals",
    minutes=0.5,
)
def gasket_limit(lab: Lab) -> Evidence:
    return _cauchy(lab, 5 / 3)


@gasket_limit.control("resistances scaled like the graph distance, by 2^-n")
def graph_distance(lab: Lab) -> Evidence:
    return _cauchy(lab, 2.0)


# --- stars


@dataclass(frozen=True)
class _Tips:
    """Kolmogorov distance of the largest tip's local time, every tip drawn, from the law of N independent tips."""

    scale: float
    runs: int
    normal: bool

    def __call__(self, conductance: float, rng: Random) -> float:
        from scipy.stats import norm

        law, resistance = StarLimit(1.0, self.scale), 1 / conductance
        sample = law.largest_tip_sample(1.0, resistance, self.runs, rng)
        legs = round(math.exp(law.log_legs(resistance)))

        def cdf(b: Any) -> Any:
            if self.normal:
                return norm.cdf(b, 1.0, math.sqrt(2 * resistance)) ** legs
            return np.exp(legs * np.log1p(-local_time_survival(1.0, resistance, b)))

        return kolmogorov(sample, cdf)


def _tips(lab: Lab, normal: bool) -> Evidence:
    runs, seeds = lab.pick(full=(2000, SEEDS), smoke=(50, 2))
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for scale, legs in ((0.25, (5, 10, 20)), (0.77, (5, 7, 10))):
        trace = lab.limit(
            _Tips(scale, runs, normal), along={"leg conductance": legs}, seeds=seeds, name="Kolmogorov distance"
        )
        traces[f"c = {scale:g}"] = trace
        what = f"distance from the law of N tips at leg conductance {legs[-1]:g}, c = {scale:g}"
        parts.append(Evidence(Measure.mean(trace["Kolmogorov distance"][:, -1]), at_most=dkw_band(runs), what=what))
    return Evidence.every(*parts, traces=traces)


@paper.claim(
    "The largest tip of a star has the law of N compound Poisson variables",
    paper_reports="derived here, for the counterexample",
    minutes=1,
)
def star_law(lab: Lab) -> Evidence:
    return _tips(lab, normal=False)


@star_law.control("normal tips of the same mean and variance")
def normal_tips(lab: Lab) -> Evidence:
    return _tips(lab, normal=True)


@dataclass(frozen=True)
class _Largest:
    """Mean of the largest tip's local time when the root's is 1, by its exact law, and its distance from `target`."""

    power: float
    scale: float
    target: float

    def __call__(self, conductance: float, rng: Random) -> dict[str, float]:
        mean = StarLimit(self.power, self.scale).largest_tip_mean(1.0, 1 / conductance)
        return {"distance from the limit": abs(mean - self.target), "mean of the largest tip": mean}


def _limit(lab: Lab, power: float) -> Evidence:
    legs = lab.pick(full=(5, 10, 20, 40, 80), smoke=(5, 10))
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for scale in (0.25, 0.77):
        target = StarLimit(1.0, scale).largest_tip_limit(1.0)
        trace = lab.limit(
            _Largest(power, scale, target), along={"leg conductance": legs}, name="distance from the limit"
        )
        gaps = trace["distance from the limit"][0]
        what = f"largest ratio of successive distances from (1 + √c)², c = {scale:g}"
        above = float(trace["mean of the largest tip"].min()) - 1
        parts += [
            Evidence(float((gaps[1:] / gaps[:-1]).max()), at_most=1.0, what=what),
            Evidence(above, at_least=0.5, what=f"least excess of the mean over the root's local time, c = {scale:g}"),
        ]
        traces[f"c = {scale:g}"] = _only(trace, "distance from the limit", 0.0)
    said = [str(a) for a in StarLimit(power, 0.25).assumptions()]
    return Evidence.every(*parts, traces=traces, figures={"hypotheses": said})


@paper.claim(
    "Where entropy fails (ε log N = c) the largest tip tends to (√ℓ + √c)², not ℓ",
    paper_reports="the condition is a hypothesis; the counterexample is derived here",
    minutes=0.5,
)
def star_limit(lab: Lab) -> Evidence:
    return _limit(lab, power=1.0)


@star_limit.control("shorter legs, ε (log N)² = c: the largest tip tends to ℓ")
def shorter_legs(lab: Lab) -> Evidence:
    return _limit(lab, power=2.0)


def _vanishing(lab: Lab, power: float, scale: float) -> Evidence:
    legs = lab.pick(full=(5, 10, 20, 50, 100, 200, 500, 1000), smoke=(5, 50))
    trace = lab.limit(_Largest(power, scale, 1.0), along={"leg conductance": legs}, name="distance from the limit")
    gaps = trace["distance from the limit"][0]
    said = [str(a) for a in StarLimit(power, scale).assumptions()]
    return Evidence.every(
        Evidence(float((gaps[1:] / gaps[:-1]).max()), at_most=1.0, what="largest ratio of successive excesses over ℓ"),
        Evidence(
            float(gaps[-1] / gaps[0]), at_most=0.5, what=f"excess at ε = 1/{legs[-1]:g} over that at 1/{legs[0]:g}"
        ),
        traces={f"{scale:g} (log N)^-{power:g}": _only(trace, "distance from the limit", 0.0)},
        figures={"hypotheses": said},
    )


@paper.claim(
    "With legs ε = 1/(log N)² the largest tip tends to the root's local time",
    paper_reports="derived here; the entropy condition is sufficient, not necessary",
    minutes=0.5,
)
def star_vanishes(lab: Lab) -> Evidence:
    return _vanishing(lab, 2.0, 1.0)


@star_vanishes.control("legs ε = 0.25 / log N")
def legs_too_long(lab: Lab) -> Evidence:
    return _vanishing(lab, 1.0, 0.25)


# --- the isomorphism

LEVEL = 2.0


def _isomorphism(lab: Lab, field: bool) -> Evidence:
    from scipy.stats import ks_2samp

    vertices, runs, seeds = lab.pick(full=(200, 20_000, SEEDS), smoke=(20, 50, 2))
    network = critical_tree(vertices, Random(0, backend="numpy"))
    places = np.linspace(0, vertices - 1, 6, dtype=int)[1:]
    at_vertices, at_maximum = [], []
    sides: dict[str, list[Any]] = {"local times": [], "Gaussian field": []}
    levels = np.linspace(0.02, 0.98, 49)
    for seed in range(seeds):
        rng = Random(seed, backend="numpy")
        left = simulate_local_times(network, LEVEL, runs, rng.fork("walk"))
        if field:
            left += gaussian_field(network, runs, rng.fork("left")) ** 2 / 2
        right = (gaussian_field(network, runs, rng.fork("right")) + math.sqrt(2 * LEVEL)) ** 2 / 2
        at_vertices.append(max(ks_2samp(left[:, x], right[:, x]).statistic for x in places))
        at_maximum.append(ks_2samp(left.max(axis=1), right.max(axis=1)).statistic)
        for name, side in zip(sides, (left, right), strict=True):
            sides[name].append(np.quantile(side.max(axis=1), levels))
    ends = tuple(End("budget", float(levels[-1])) for _ in range(seeds))
    traces = {
        name: Trace(levels, {"quantile of the maximum": np.array(rows)}, ends, tuple(range(seeds)), "probability")
        for name, rows in sides.items()
    }
    return Evidence.every(
        Evidence(Measure.mean(at_vertices), at_most=0.02, what="largest distance of both sides' laws at 5 vertices"),
        Evidence(Measure.mean(at_maximum), at_most=0.02, what="distance of the laws of the maximum over vertices"),
        traces=traces,
    )


@paper.claim(
    "On a random tree L + G²/2 and (G + √(2u))²/2 have one law",
    paper_reports="the isomorphism theorem behind the Gaussian side, cited",
    minutes=2,
)
def isomorphism(lab: Lab) -> Evidence:
    return _isomorphism(lab, field=True)


@isomorphism.control("local times alone, without the field")
def without_field(lab: Lab) -> Evidence:
    return _isomorphism(lab, field=False)


def _only(trace: Trace, name: str, optimum: float | None) -> Trace:
    """The trace of one quantity."""
    return Trace(trace.index, {name: trace[name]}, trace.ends, trace.seeds, trace.along, optimum=optimum)
