"""The figures that only a race has: tuning curves and the performance profile."""

from __future__ import annotations

import math

import numpy as np

from tendsto.core.race import Entry, Race
from tendsto.core.trace import Array
from tendsto.report.figure import LABELS, Axis, Curve, Figure, Series, student_band, wants_log
from tendsto.report.summary import Standing, finals, gap_of_target, quantity

TARGETS = 20
RATIOS = 80


def tuning_figure(race: Race, ranked: list[Standing], setting: str) -> Figure:
    """Return the final criterion against one setting of the grid, the other settings at their best for each value."""
    series = [_tuning(race, s.name, setting) for s in ranked if setting in s.entry.settings]
    values = [float(v) for v in race.tune[setting]]
    curves = [s.curves["final"].y for s in series]
    level = gap_of_target(race)
    return Figure(
        f"tuning-{setting}",
        f"Tuning: final {quantity(race)} against {setting}",
        [Axis(setting, setting, log=max(values) >= 8 * min(v for v in values if v > 0) and min(values) > 0)],
        [Axis("final", f"final {quantity(race)}", wants_log(curves))],
        series,
        band=f"95 % Student interval of the mean over {len(race.seeds)} seeds" if len(race.seeds) > 1 else "",
        levels={"final": ("target", level)} if math.isfinite(level) else {},
        marked=True,
    )


def _tuning(race: Race, name: str, setting: str) -> Series:
    by_value: dict[float, Entry] = {}
    for entry in race.settings(name):
        at = float(entry.settings[setting])
        if at not in by_value or entry.loss() < by_value[at].loss():
            by_value[at] = entry
    line = [by_value[at] for at in sorted(by_value)]
    bands = [student_band(np.where(np.isfinite(f := finals(e)), f, np.nan)[:, None]) for e in line]
    y = np.array([b.y[0] for b in bands])
    low = None if bands[0].low is None else np.array([math.nan if b.low is None else b.low[0] for b in bands])
    high = None if bands[0].high is None else np.array([math.nan if b.high is None else b.high[0] for b in bands])
    lost = [e for e in line if not np.isfinite(finals(e)).all()]
    end = ""
    if lost:
        end = f"diverged at {setting} = " + ", ".join(f"{float(e.settings[setting]):.3g}" for e in lost)
    across = np.array([float(e.settings[setting]) for e in line])
    return Series(name, {setting: across}, {"final": Curve(y, low, high)}, {}, end)


def profile_targets(race: Race) -> Array:
    """Return levels of the criterion from the start to the best final mean: even steps, even ratios where it can be."""
    offset = race.entries[0].trace.optimum or 0.0
    entries = [race.tuned(name) for name in race.names]
    start = float(np.mean([np.nanmean(e.trace[e.trace.criterion][:, 0]) for e in entries])) - offset
    ends = [float(e.loss()) - offset for e in entries if math.isfinite(e.loss())]
    if not ends or min(ends) >= start:
        return np.array([])
    last = min(ends)
    if last > 0:
        # Below a millionth of a millionth of the start is rounding, where no method is better than another.
        return np.geomspace(start, max(last, 1e-12 * start), TARGETS + 1)[1:] + offset
    return np.linspace(start, last, TARGETS + 1)[1:] + offset


def profile_figure(race: Race, ranked: list[Standing]) -> Figure | None:
    """Return the performance profile, or None where there is nothing to compare.

    The share of (seed, target) pairs that a method reaches at a cost of at most tau times the least of any method;
    pairs that it never reaches count as such at every tau.

    Source: Dolan and Moré, *Benchmarking optimization software with performance profiles* (2002), with seeds and
    targets in place of problems.
    """
    targets = profile_targets(race)
    if len(ranked) < 2 or not targets.size:
        return None
    along = race.entries[0].trace.along
    axes = [along, *(n for n in race.entries[0].trace.axes if all(n in s.entry.trace.axes for s in ranked))]
    shares = {
        axis: _ratios([_costs(s.entry, targets, None if axis == along else axis) for s in ranked]) for axis in axes
    }
    largest = max((float(r[np.isfinite(r)].max()) for r in shares.values() if np.isfinite(r).any()), default=1.0)
    tau = np.geomspace(1.0, max(largest * 1.02, 2.0), RATIOS)
    series = [
        Series(
            s.name,
            {"ratio": tau},
            {axis: Curve((ratios[i].ravel()[:, None] <= tau).mean(axis=0)) for axis, ratios in shares.items()},
        )
        for i, s in enumerate(ranked)
    ]
    return Figure(
        "profile",
        "Performance profile",
        [Axis("ratio", "cost, as a multiple τ of the cheapest method's", log=True)],
        [Axis(axis, f"share of targets reached, cost in {LABELS.get(axis, axis)}") for axis in axes],
        series,
    )


def _costs(entry: Entry, targets: Array, axis: str | None) -> Array:
    """Return the cost to each target of each run, shape (seeds, targets), inf where it is never reached."""
    costs = np.stack([entry.trace.hitting(float(t), axis) for t in targets], axis=1)
    where = entry.trace[axis] if axis else entry.trace.index
    least = float(where[where > 0].min()) if (where > 0).any() else 1.0
    return np.maximum(costs, least)


def _ratios(costs: list[Array]) -> Array:
    """Return costs relative to the least of any method, shape (methods, seeds, targets); inf where not reached."""
    stacked = np.stack(costs)
    least = stacked.min(axis=0)
    return np.where(np.isfinite(stacked), stacked / np.where(np.isfinite(least), least, 1.0), np.inf)
