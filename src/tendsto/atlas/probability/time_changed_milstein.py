"""A Milstein-type method for highly non-linear non-autonomous time-changed SDEs (Liu, Wu and Zuo, 2023)."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Lab, Paper
from tendsto.core.random import Random
from tendsto.core.rate import fit_rate
from tendsto.core.trace import Trace
from tendsto.probability.clock import InverseStable, InverseTemperedStable, stable_increments
from tendsto.probability.strong_order import MilsteinOrder
from tendsto.probability.time_changed import TimeChangedNoise, Truncation, solve_time_changed

paper = Paper(
    key="time-changed-milstein",
    number="P076",
    arxiv="2308.13999",
    title="A Milstein-type method for highly non-linear non-autonomous time-changed stochastic differential equations",
    authors="Wei Liu, Ruoxue Wu, Ruchun Zuo",
    year=2023,
    family="probability",
    provides=[solve_time_changed, TimeChangedNoise, Truncation, InverseStable, InverseTemperedStable, MilsteinOrder],
    note=(
        "Throughout dX = f dE + g dB_E with f = x - 2x^5, g = 0.7 x^2, X_0 = 1, T = 0.5 and a 0.8-stable clock; errors are"
        " root mean squares over 1,000 paths a seed against the same scheme on the finest mesh, the clock and the"
        " Brownian path shared. h(Δ) = 12 Δ^(-1/4) cuts almost nothing off; with 3, so that h(1) = φ(1), truncation acts"
        " on 4 % of the coarsest steps and is part of the error: that order is among the figures. The hypotheses and the"
        " order are recalled, not read; the partial step and the random drift times are not the paper's. Orders are"
        " fitted as powers of the steps per unit time. The rough drift needs a reference on 2^-13, where its fastest"
        " wave is seen; on 2^-12 it is a constant."
    ),
)

STEPS = [32, 64, 128, 256, 512]
"""Steps per unit time: factors 128 to 8 of the mesh 2^-12."""
SMOKE_STEPS = [4, 8, 16, 32, 64]
HORIZON, BETA = 0.5, 0.8
WAVES = np.arange(13)


def _drift(t: Any, x: Any) -> Any:
    return x - 2 * x**5


def _rough_drift(t: Any, x: Any) -> Any:
    """With Σ 2^{-k/2} cos(2π 2^k t), k ≤ 12, added: Hölder of exponent 1/2 down to the mesh 2^-12."""
    waves = np.cos(2 * math.pi * 2.0**WAVES * np.asarray(t)[..., None])
    return _drift(t, x) + (2.0 ** (-WAVES / 2) * waves).sum(axis=-1)


def _spread(t: Any, x: Any) -> Any:
    return 0.7 * x**2


def _slope(t: Any, x: Any) -> Any:
    return 1.4 * x


@dataclass(frozen=True)
class _Errors:
    """Root-mean-square error at T of each scheme with n steps per unit time, and the share of steps truncated."""

    paths: int
    finest: int
    rough: bool = False
    partial_step: bool = True
    scale: float = 12.0

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        noise, ends = _reference(self, rng)
        found: dict[str, float] = {}
        for scheme, end in ends.items():
            solution = self.solve(scheme, noise, 1 / n)
            found[scheme] = float(np.sqrt(np.mean((solution.x - end) ** 2)))
        times = rng.generator("drift times")
        moved = self.solve("truncated-milstein", noise, 1 / n, random_times=times)
        found["random times"] = float(np.sqrt(np.mean((moved.x - ends["truncated-milstein"]) ** 2)))
        found["truncated steps"] = self.solve("truncated-milstein", noise, 1 / n).truncated
        return found

    def solve(self, scheme: Any, noise: TimeChangedNoise, dt: float, **settings: Any) -> Any:
        return solve_time_changed(
            _rough_drift if self.rough else _drift,
            _spread,
            1.0,
            noise,
            dt,
            dg=_slope,
            scheme=scheme,
            truncation=Truncation(growth=3.0, power=5.0, scale=self.scale),
            partial_step=self.partial_step,
            **settings,
        )


@functools.lru_cache(maxsize=1)
def _reference(errors: _Errors, rng: Random) -> tuple[TimeChangedNoise, dict[str, Any]]:
    """The noise of a seed, and where each scheme ends on the finest mesh: the same for every n."""
    mesh = 1 / errors.finest
    noise = TimeChangedNoise.sample(InverseStable(BETA), HORIZON, mesh, errors.paths, rng.generator("noise"))
    schemes = ("truncated-milstein",) if errors.rough else ("truncated-milstein", "truncated-euler")
    return noise, {scheme: errors.solve(scheme, noise, mesh).x for scheme in schemes}


def _walk(lab: Lab, **settings: Any) -> Trace:
    finest = lab.pick(full=2**13 if settings.get("rough") else 2**12, smoke=128)
    errors = _Errors(paths=lab.pick(full=1000, smoke=30), finest=finest, **settings)
    steps = lab.pick(full=STEPS, smoke=SMOKE_STEPS)
    return lab.limit(errors, along={"steps per unit time": steps}, seeds=lab.pick(full=10, smoke=2))


def _one(trace: Trace, name: str, label: str = "root-mean-square error") -> Trace:
    return Trace(trace.index, {label: trace[name]}, trace.ends, trace.seeds, trace.along, optimum=0.0)


def _order(trace: Trace, name: str) -> Measure:
    """The order in the mesh, the law known to be a power."""
    rate = fit_rate(trace.index, trace[name], families=["power"])
    return Measure(rate.order, *rate.interval, runs=rate.runs)


def _orders(lab: Lab, scheme: str) -> Evidence:
    trace = _walk(lab)
    active = _walk(lab, scale=3.0)
    ratio = trace[scheme][:, -1] / trace["truncated-euler"][:, -1]
    return Evidence.every(
        Evidence(_order(trace, scheme), at_least=0.9, what="strong order of truncated Milstein"),
        Evidence(_order(trace, "truncated-euler"), at_least=0.4, at_most=0.75, what="strong order of truncated Euler"),
        Evidence(Measure.ratio(ratio), at_most=0.25, what="error of Milstein over that of Euler on the finest mesh"),
        figures={
            "law told among all": str(_one(trace, scheme).rate()),
            "order by the theorem": MilsteinOrder((0, 1, 0, 0, 0, -2), (0, 0, 0.7)).order(),
            "steps truncated on the coarsest mesh": Measure.mean(trace["truncated steps"][:, 0]),
            "order of Milstein with h(1) = φ(1)": _order(active, scheme),
            "steps truncated then, coarsest mesh": Measure.mean(active["truncated steps"][:, 0]),
        },
        traces={"Milstein": _one(trace, scheme), "Euler": _one(trace, "truncated-euler")},
    )


@paper.claim(
    "Truncated Milstein has strong order near 1, truncated Euler near 1/2",
    paper_reports="strong order min(η_f, η_g, 1), up to an arbitrarily small loss",
    minutes=2,
)
def order(lab: Lab) -> Evidence:
    return _orders(lab, "truncated-milstein")


@order.control("the Milstein term left out")
def no_milstein_term(lab: Lab) -> Evidence:
    return _orders(lab, "truncated-euler")


def _rounded(lab: Lab, *, partial_step: bool) -> Evidence:
    trace = _walk(lab, partial_step=partial_step)
    names = {"Milstein": "truncated-milstein", "Euler": "truncated-euler"}
    return Evidence.every(
        *(
            Evidence(_order(trace, scheme), at_most=0.6, what=f"strong order of truncated {name}")
            for name, scheme in names.items()
        ),
        traces={name: _one(trace, scheme) for name, scheme in names.items()},
    )


@paper.claim("Stopping at the last mesh point before E holds both schemes to order 1/2")
def clock_rounding(lab: Lab) -> Evidence:
    return _rounded(lab, partial_step=False)


@clock_rounding.control("a partial step up to E")
def partial_step(lab: Lab) -> Evidence:
    return _rounded(lab, partial_step=True)


def _roughness(lab: Lab, *, rough: bool) -> Evidence:
    trace = _walk(lab, rough=rough)
    gains = trace["truncated-milstein"] / trace["random times"]
    return Evidence.every(
        Evidence(_order(trace, "truncated-milstein"), at_least=0.42, at_most=0.65, what="strong order of Milstein"),
        *(
            Evidence(Measure.ratio(gains[:, i]), at_least=2.5, what=f"error over that with random times at Δ = 1/{n:g}")
            for i, n in enumerate(trace.index)
        ),
        figures={
            "order by the theorem": MilsteinOrder(
                (0, 1, 0, 0, 0, -2), (0, 0, 0.7), time_drift=0.5 if rough else 1.0
            ).order(),
            "order with random times": _order(trace, "random times"),
        },
        traces={"drift at mesh points": _one(trace, "truncated-milstein"), "random times": _one(trace, "random times")},
    )


@paper.claim(
    "A drift rough in time caps the order at 1/2; random drift times help",
    paper_reports="the order is capped by the Hölder exponents in time",
    minutes=2,
)
def rough_drift(lab: Lab) -> Evidence:
    return _roughness(lab, rough=True)


@rough_drift.control("the drift smooth in time")
def smooth_drift(lab: Lab) -> Evidence:
    return _roughness(lab, rough=False)


@dataclass(frozen=True)
class _BlowUp:
    """Paths that are not finite at T, out of `paths`, with coefficients that vary in time and n steps per unit time."""

    paths: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        noise = TimeChangedNoise.sample(InverseStable(BETA), HORIZON, 2**-6, self.paths, rng.generator("noise"))

        def level(t: Any) -> Any:
            return 0.7 + 0.2 * np.sin(2 * math.pi * t)

        def lost(scheme: Any) -> float:
            solution = solve_time_changed(
                lambda t, x: (1 + 0.5 * np.cos(2 * math.pi * t)) * x - 2 * x**5,
                lambda t, x: level(t) * x**2,
                1.0,
                noise,
                1 / n,
                dg=lambda t, x: 2 * level(t) * x,
                scheme=scheme,
                truncation=Truncation(growth=3.0, power=5.0, scale=12.0),
            )
            return float((~solution.finite).sum())

        return {scheme: lost(scheme) for scheme in ("milstein", "truncated-milstein")}


def _divergence(lab: Lab, plain: str) -> Evidence:
    paths = lab.pick(full=10_000, smoke=500)
    steps = lab.pick(full=[8, 16, 32], smoke=[8, 16])
    trace = lab.limit(_BlowUp(paths), along={"steps per unit time": steps}, seeds=lab.pick(full=5, smoke=2))
    of = f"of {paths * trace.runs:,} paths lost"
    kept = trace["truncated-milstein"].sum()
    label = "paths that are not finite"
    return Evidence.every(
        *(
            Evidence(trace[plain][:, i].sum(), at_least=1, what=f"{of} by plain Milstein at Δ = 1/{n}")
            for i, n in enumerate(steps)
        ),
        Evidence(kept, at_most=0, what="paths lost by truncated Milstein, all steps together"),
        traces={"plain": _one(trace, plain, label), "truncated": _one(trace, "truncated-milstein", label)},
    )


@paper.claim("On coarse steps plain Milstein loses paths to overflow, truncated none")
def divergence(lab: Lab) -> Evidence:
    return _divergence(lab, "milstein")


@divergence.control("the coefficients truncated in both")
def both_truncated(lab: Lab) -> Evidence:
    return _divergence(lab, "truncated-milstein")


@dataclass(frozen=True)
class _Started:
    """Share of paths lost when started at 0.8 and 1.25 times x* = (1/Δ + 1/2)^{1/4}, where |x + Δ f(x)| = |x|.

    Of paths with at least 16 steps, so that those that grow have the time to overflow.
    """

    paths: int
    scheme: str

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        clock = InverseStable(BETA)
        noise = TimeChangedNoise.sample(clock, HORIZON, 1 / n, self.paths, rng.generator("noise"))
        found: dict[str, float] = {}
        for name, factor in (("outside", 1.25), ("inside", 0.8)):
            solution = solve_time_changed(
                _drift,
                _spread,
                factor * (n + 0.5) ** 0.25,
                noise,
                1 / n,
                dg=_slope,
                scheme=self.scheme,  # type: ignore[arg-type]
                truncation=Truncation(growth=3.0, power=5.0, scale=12.0),
            )
            found[name] = float((~solution.finite[noise.counts >= 16]).mean())
        return found


def _threshold(lab: Lab, scheme: str) -> Evidence:
    error = _Started(lab.pick(full=10_000, smoke=500), scheme)
    steps = lab.pick(full=[32, 64, 128, 256], smoke=[32, 64])
    trace = lab.limit(error, along={"steps per unit time": steps}, seeds=lab.pick(full=5, smoke=2))
    label = "share of paths that are not finite"
    return Evidence.every(
        *(
            Evidence(Measure.mean(trace["outside"][:, i]), at_least=0.98, what=f"share lost from 1.25 x*, Δ = 1/{n}")
            for i, n in enumerate(steps)
        ),
        *(
            Evidence(Measure.mean(trace["inside"][:, i]), at_most=0.02, what=f"share lost from 0.8 x*, Δ = 1/{n}")
            for i, n in enumerate(steps)
        ),
        traces={
            "started at 1.25 x*": _one(trace, "outside", label),
            "started at 0.8 x*": _one(trace, "inside", label),
        },
    )


@paper.claim("Plain Milstein blows up once |x| passes (1/Δ + 1/2)^(1/4), not before")
def blow_up_radius(lab: Lab) -> Evidence:
    return _threshold(lab, "milstein")


@blow_up_radius.control("the coefficients truncated")
def truncated_start(lab: Lab) -> Evidence:
    return _threshold(lab, "truncated-milstein")


@dataclass(frozen=True)
class _Size:
    """Root mean square of X_T under f = x + fifth x^5, by the truncated scheme with n steps per unit time."""

    paths: int
    fifth: float

    def __call__(self, n: float, rng: Random) -> float:
        clock = InverseStable(BETA)
        noise = TimeChangedNoise.sample(clock, HORIZON, 2**-9, self.paths, rng.generator("noise"))
        cut = Truncation(growth=3.0, power=5.0, scale=12.0)
        x = solve_time_changed(
            lambda t, x: x + self.fifth * x**5, _spread, 1.0, noise, 1 / n, dg=_slope, truncation=cut
        ).x
        return float(np.sqrt(np.mean(x**2)))


def _moments_grow(lab: Lab, fifth: float) -> Evidence:
    steps = lab.pick(full=STEPS, smoke=[8, 32])
    error = _Size(lab.pick(full=2000, smoke=100), fifth)
    trace = lab.limit(error, along={"steps per unit time": steps}, seeds=lab.pick(full=5, smoke=2), name="size")
    theorem = MilsteinOrder((0, 1, 0, 0, 0, fifth), (0, 0, 0.7))
    failing = [a for a in theorem.assumptions() if a.answer == "fails"]
    growth = Measure.ratio(trace["size"][:, -1] / trace["size"][:, 0])
    return Evidence.every(
        Evidence(growth, at_least=1.5, what="root mean square of X_T on the finest mesh over that on the coarsest"),
        Evidence(len(failing), at_least=1, what="hypotheses of the theorem that fail, so that it is refused"),
        figures={a.name: str(a) for a in theorem.assumptions()},
        traces={f"f = x {'+' if fifth > 0 else '-'} 2x^5": _one(trace, "size", "root mean square of X_T")},
    )


@paper.claim("Without Khasminskii's condition the moments grow as the mesh shrinks")
def no_khasminskii(lab: Lab) -> Evidence:
    return _moments_grow(lab, 2.0)


@no_khasminskii.control("the condition holds")
def khasminskii(lab: Lab) -> Evidence:
    return _moments_grow(lab, -2.0)


@dataclass(frozen=True)
class _WrongScale(InverseStable):
    """The stable clock with increments scaled by δ instead of δ^{1/β}."""

    def increments(self, length: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> Any:
        return length * stable_increments(self.beta, 1.0, shape, rng)


@dataclass(frozen=True)
class _Moments:
    """Sample means of E_T^k, k = 1, 2, 3, over n paths, and how far the first is from the exact one."""

    clock: InverseStable | InverseTemperedStable
    mesh: float

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        sample = self.clock.sample(HORIZON, self.mesh, int(n), rng.generator("clock"))
        error = abs(sample.mean() / self.clock.moment(1, HORIZON) - 1)
        return {"relative error of the mean": float(error)} | {f"E^{k}": float(np.mean(sample**k)) for k in (1, 2, 3)}


def _clocks(lab: Lab, stable: InverseStable) -> Evidence:
    paths = lab.pick(full=[500, 2000, 8000], smoke=[50, 200])
    mesh = lab.pick(full=2**-12, smoke=2**-6)
    parts: list[Evidence] = []
    traces: dict[str, Trace] = {}
    for name, clock in (("stable", stable), ("tempered stable", InverseTemperedStable(BETA, 2.0))):
        trace = lab.limit(_Moments(clock, mesh), along={"paths": paths}, seeds=lab.pick(full=5, smoke=2))
        label = "relative error of the mean"
        traces[name] = _one(trace, label, label)
        mean, size = trace["E^1"][:, -1].mean(), paths[-1] * trace.runs
        off = abs(mean / clock.moment(1, HORIZON) - 1)
        parts.append(Evidence(off, at_most=0.02, what=f"relative error of E[E_T], {name}, {size:,} paths"))
        for k in (1, 2, 3):
            exact = clock.moment(k, HORIZON)
            error = math.sqrt((clock.moment(2 * k, HORIZON) - exact**2) / size)
            distance = abs(trace[f"E^{k}"][:, -1].mean() - exact) / error
            parts.append(Evidence(distance, at_most=3.0, what=f"standard errors off E[E_T^{k}], {name}"))
    return Evidence.every(*parts, traces=traces)


@paper.claim("Simulated clocks have their exact moments, Mittag-Leffler if stable", minutes=2)
def clocks(lab: Lab) -> Evidence:
    return _clocks(lab, InverseStable(BETA))


@clocks.control("stable increments scaled by δ instead of δ^(1/β)")
def wrong_scale(lab: Lab) -> Evidence:
    return _clocks(lab, _WrongScale(BETA))
