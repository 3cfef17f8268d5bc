"""Figure: what a picture shows, as data. The page draws it with switches, `svg` as one still picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tendsto.core.trace import Array, Trace

if TYPE_CHECKING:
    from tendsto.core.guarantee import Guarantee

MOST_POINTS = 300
MOST_NUMBERS = 90_000
"""How many numbers a figure may hold, so that a page stays well under 2 MB."""
MOST_QUANTITIES = 12

LABELS = {"calls": "oracle calls", "bytes": "bytes sent", "iteration": "iterations"}


@dataclass(frozen=True)
class Axis:
    """What can be shown along one axis.

    log: how it is shown at first. note: what a reader must know about it. limits: its range, where the data does not
    set it.
    """

    key: str
    label: str
    log: bool = False
    note: str = ""
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Curve:
    """A curve: y at each point, NaN where there is none; its band; the single runs behind it.

    geometric: what is drawn instead on a log axis, where all runs of all series are positive. There the arithmetic mean
    is that of the worst run, and its interval often reaches below 0.
    """

    y: Array
    low: Array | None = None
    high: Array | None = None
    runs: Array | None = None
    geometric: Curve | None = None


@dataclass(frozen=True)
class Series:
    """One method: positions by x-axis, a curve by quantity, thin curves laid over (a bound, a fitted law), its end."""

    name: str
    x: Mapping[str, Array]
    curves: Mapping[str, Curve]
    over: Mapping[str, Mapping[str, Array]] = field(default_factory=dict[str, Mapping[str, Array]])
    end: str = ""


@dataclass(frozen=True)
class Figure:
    """Series over switchable axes.

    runs: how many runs a mean is over, 0 where there are no means. levels: horizontal lines by quantity, as (label,
    value). marked: whether points are drawn. note: what it shows, and what was left out.
    """

    key: str
    title: str
    x: Sequence[Axis]
    y: Sequence[Axis]
    series: Sequence[Series]
    runs: int = 0
    levels: Mapping[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    marked: bool = False
    note: str = ""

    def data(self) -> dict[str, Any]:
        """Return the figure as plain data for the page; numbers to six digits, null where there is none."""
        return {
            "key": self.key,
            "title": self.title,
            "x": [asdict(axis) for axis in self.x],
            "y": [asdict(axis) for axis in self.y],
            "runs": self.runs,
            "levels": {k: [label, number(value)] for k, (label, value) in self.levels.items()},
            "marked": self.marked,
            "series": [
                {
                    "name": s.name,
                    "x": {k: numbers(v) for k, v in s.x.items()},
                    "y": {k: _curve(c) for k, c in s.curves.items()},
                    "over": {k: {n: numbers(v) for n, v in o.items()} for k, o in s.over.items()},
                    "end": s.end,
                }
                for s in self.series
            ],
        }


def number(value: float) -> float | None:
    """Return a number to six digits, None where it is not finite.

    >>> number(1 / 3), number(float("inf"))
    (0.333333, None)
    """
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(values: npt.ArrayLike) -> list[float | None]:
    """Return numbers to six digits, None where they are not finite."""
    return [number(v) for v in np.asarray(values, np.float64).tolist()]


def _curve(curve: Curve) -> dict[str, Any]:
    found: dict[str, Any] = {"y": numbers(curve.y)}
    if curve.low is not None and curve.high is not None:
        found |= {"low": numbers(curve.low), "high": numbers(curve.high)}
    if curve.geometric is not None:
        found["geometric"] = _curve(curve.geometric)
    if curve.runs is not None:
        found["runs"] = [numbers(run) for run in curve.runs]
    return found


_READABLE = 1e150
"""Beyond it squares overflow, and nobody reads off a value: a curve ends there, as where its run diverged."""


def student_band(values: Array, *, confidence: float = 0.95) -> Curve:
    """Return the mean over runs at each point, with Student's interval where there are two runs or more.

    values: (runs, points), NaN after the end of a run. The mean stops where the first run ends: going on with those
    that are left would show the survivors only.

    >>> student_band(np.array([[1.0, 2.0], [3.0, np.nan]])).y.tolist()
    [2.0, nan]
    """
    from scipy.stats import t

    shown = np.where(np.abs(values) < _READABLE, values, np.nan)
    mean = shown.mean(axis=0)
    runs = values.shape[0]
    if runs == 1:
        return Curve(mean)
    half = float(t.ppf(0.5 + confidence / 2, runs - 1)) * shown.std(axis=0, ddof=1) / math.sqrt(runs)
    return Curve(mean, mean - half, mean + half)


def summarised(values: Mapping[str, Array]) -> dict[str, Curve]:
    """Return curves of runs (runs, points), by name: arithmetic means, and geometric ones where all are positive."""
    seen = [v[np.isfinite(v)] for v in values.values()]
    positive = all((v > 0).all() for v in seen) and any(v.shape[0] > 1 for v in values.values())
    return {n: replace(student_band(v), geometric=_geometric(v) if positive else None) for n, v in values.items()}


def _geometric(values: Array) -> Curve:
    logs = student_band(np.log(np.where(np.abs(values) < _READABLE, values, np.nan)))
    with np.errstate(over="ignore"):
        low, high = (None if e is None else np.minimum(np.exp(e), _READABLE**2) for e in (logs.low, logs.high))
    return Curve(np.exp(logs.y), low, high)


def band_words(runs: int, *, geometric: bool) -> str:
    """Return what lines and bands are, in words.

    >>> band_words(5, geometric=False)
    'Lines are means over 5 seeds, bands 95 % Student intervals of the mean.'
    """
    if runs == 0:
        return ""
    if runs == 1:
        return "One run each, so no bands."
    mean = "geometric mean" if geometric else "mean"
    return f"Lines are {mean}s over {runs} seeds, bands 95 % Student intervals of the {mean}."


def gap_label(trace: Trace) -> str:
    """Return the name of what converges to 0 where the optimum is known, else of the criterion."""
    return trace.criterion if not trace.optimum else f"{trace.criterion} − optimum"


def trace_figure(
    traces: Mapping[str, Trace],
    *,
    key: str = "curves",
    title: str = "Convergence",
    target: float | None = None,
    guarantees: Mapping[str, Guarantee] | None = None,
    laws: Mapping[str, Array] | None = None,
) -> Figure:
    """Return a figure of every recorded quantity of some traces, against every axis that they share.

    The criterion is shown less its optimum where that is known. target: a level of the criterion, drawn as a line.
    guarantees: bounds to lay over, by the name of a trace. laws: fitted values of the criterion's gap, (points,), by
    name.

    Raises:
        ValueError: no traces, or traces along different indices.

    >>> trace = Trace(np.arange(3.0), {"loss": np.array([[4.0, 2.0, 1.0]])}, (), (0,))
    >>> [axis.label for axis in trace_figure({"sgd": trace}).y]
    ['loss']
    """
    listed = list(traces.values())
    if len({t.along for t in listed}) != 1:
        raise ValueError(f"traces along {sorted({t.along for t in listed})} were given: give some along one index")
    first, runs = listed[0], max(t.runs for t in listed)
    quantities = [q for q in dict.fromkeys(q for t in listed for q in t.values) if _recorded(listed, q)]
    quantities = sorted(quantities, key=lambda q: q.startswith("info."))[:MOST_QUANTITIES]
    points = min(MOST_POINTS, max(40, MOST_NUMBERS // (len(listed) * (6 * len(quantities) + 3))))
    with_runs = runs > 1 and sum(t.runs for t in listed) * points * len(quantities) <= MOST_NUMBERS
    at = {name: _chosen(len(t.index), points) for name, t in traces.items()}
    curves = {
        q: summarised({name: t.gap(q)[:, at[name]] for name, t in traces.items() if q in t.values}) for q in quantities
    }
    series = [
        Series(
            name,
            {t.along: t.index[at[name]], **{n: _mean(v)[at[name]] for n, v in t.axes.items()}},
            {
                q: replace(found[name], runs=t.gap(q)[:, at[name]] if with_runs and t.runs > 1 else None)
                for q, found in curves.items()
                if name in found
            },
            _over(t, at[name], (guarantees or {}).get(name), (laws or {}).get(name)),
            ended(t),
        )
        for name, t in traces.items()
    ]
    y = [Axis(q, gap_label(first) if q == first.criterion else q.removeprefix("info.")) for q in quantities]
    shown = max(len(s.x[first.along]) for s in series)
    longest = max(len(t.index) for t in listed)
    note = "" if shown == longest else f"{shown} of {longest} recorded points are shown."
    if runs > 1 and not with_runs:
        note += " Single runs are left out: there are too many for one page."
    levels: dict[str, tuple[str, float]] = {}
    if target is not None and math.isfinite(target):
        levels[first.criterion] = ("target", target - (first.optimum or 0.0))
    return Figure(
        key,
        title,
        _axes(listed),
        [Axis(a.key, a.label, wants_log([s.curves[a.key].y for s in series if a.key in s.curves])) for a in y],
        series,
        runs,
        levels,
        marked=shown <= 12,
        note=note.strip(),
    )


def wants_log(curves: Sequence[Array]) -> bool:
    """Whether curves are best shown on a log axis: none is negative, and they span a factor of 10 or more."""
    values = np.concatenate([np.asarray(c, np.float64).ravel() for c in curves])
    values = values[np.isfinite(values)]
    above = values[values > 0]
    return bool(values.size and values.min() >= 0 and above.size and above.max() >= 10 * above.min())


def _recorded(traces: Sequence[Trace], name: str) -> bool:
    return any(name in t.values and np.isfinite(t.values[name]).any() for t in traces)


def _axes(traces: Sequence[Trace]) -> list[Axis]:
    first = traces[0]
    shared = [name for name in first.axes if all(name in t.axes for t in traces)]
    growth = first.along != "iteration" and first.index[0] > 0 and first.index[-1] >= 8 * first.index[0]
    axes = [Axis(first.along, LABELS.get(first.along, first.along), log=bool(growth))]
    return axes + [Axis(n, LABELS.get(n, n), note=seconds_note(traces) if n == "seconds" else "") for n in shared]


def seconds_note(traces: Sequence[Trace]) -> str:
    """Return the sentence that must stand beside seconds of runs that shared a batch, or nothing."""
    lanes = [int(t.meta.get("lanes", 1)) for t in traces]
    if max(lanes) <= 1:
        return ""
    return (
        f"Runs shared batches of up to {max(lanes)}: seconds are the batch's, divided equally among its runs, "
        "not what a run alone would take."
    )


def _chosen(size: int, points: int) -> npt.NDArray[np.int64]:
    """Return at most `points` positions of `size`, half evenly and half logarithmically spaced, ends included."""
    if size <= points:
        return np.arange(size)
    even = np.linspace(0, size - 1, points // 2)
    return np.unique(np.concatenate([even, np.geomspace(1, size - 1, points // 2)]).round().astype(np.int64))


def _over(
    trace: Trace, at: npt.NDArray[np.int64], guarantee: Guarantee | None, law: Array | None
) -> dict[str, dict[str, Array]]:
    """Return what is laid over the curves of a trace: by quantity, by name."""
    over: dict[str, dict[str, Array]] = {}
    if guarantee is not None:
        quantity = trace.criterion if guarantee.measure == "gap" else guarantee.measure
        bound = np.asarray(guarantee.started(trace).bound(trace.index[at]), np.float64)
        over.setdefault(quantity, {})[f"bound: {type(guarantee).__name__}"] = bound
    if law is not None:
        over.setdefault(trace.criterion, {})["fitted law"] = np.asarray(law, np.float64)[at]
    return over


def _mean(values: Array) -> Array:
    """Return the mean over the runs that recorded a point, NaN where none did."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def ended(trace: Trace) -> str:
    """Return how many runs did not end by their budget, and when the first did, or nothing."""
    words: list[str] = []
    for kind in ("diverged", "failed"):
        at = [end.at for end in trace.ends if end.kind == kind]
        if at:
            known = [a for a in at if a is not None]
            first = f", the first at {trace.along} {min(known):g}" if known else ""
            words.append(f"{len(at)} of {trace.runs} runs {kind}{first}")
    return "; ".join(words)
