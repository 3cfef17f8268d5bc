"""The figures that only a race has: tuning curves and the performance profile."""

from __future__ import annotations

import math

import numpy as np

from tendsto.core.race import Entry, Race
from tendsto.core.trace import Array
from tendsto.report.figure import LABELS, Axis, Curve, Figure, Series, summarised, wants_log
from tendsto.report.summary import Standing, finals, gap_of_target, positive, quantity

TARGETS = 20
RATIOS = 80
SHARE = "share reached, cost in "


def tuning_figure(race: Race, ranked: list[Standing], setting: str) -> Figure:
    """Return the final criterion against one setting of the grid, the other settings at their best for each value."""
    lines = {s.name: line for s in ranked if (line := _line(race, s.name, setting))}
    curves = summarised({name: np.stack([finals(e) for e in line.values()], axis=1) for name, line in lines.items()})
    series = [
        Series(
            name,
            {setting: np.array(list(line))},
            {"final": curves[name]},
            end=_lost(line, setting),
        )
        for name, line in lines.items()
    ]
    values = [value for line in lines.values() for value in line]
    level = gap_of_target(race)
    return Figure(
        f"tuning-{setting}",
        f"Tuning: final {quantity(race)} against {setting}",
        [Axis(setting, setting, log=max(values) >= 8 * min(values))],
        [Axis("final", f"final {quantity(race)}", wants_log([c.y for c in curves.values()]))],
        series,
        runs=len(race.seeds),
        levels={"final": ("target", level)} if math.isfinite(level) else {},
        marked=True,
    )


def _line(race: Race, name: str, setting: str) -> dict[float, Entry]:
    """Return the best entry of a method by value of a setting, in the order of the values."""
    best: dict[float, Entry] = {}
    for entry in race.settings(name):
        at = positive(entry, setting)
        if at is not None and (at not in best or entry.loss() < best[at].loss()):
            best[at] = entry
    return dict(sorted(best.items()))


def _lost(line: dict[float, Entry], setting: str) -> str:
    lost = [f"{value:.3g}" for value, entry in line.items() if not np.isfinite(finals(entry)).all()]
    return f"a run diverged at {setting} = {', '.join(lost)}" if lost else ""


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
        [Axis("ratio", "cost relative to the cheapest method (τ)", log=True)],
        [Axis(axis, f"{SHARE}{LABELS.get(axis, axis)}", limits=(0.0, 1.0)) for axis in axes],
        series,
        note=(
            f"Of {len(race.seeds) * TARGETS} targets ({TARGETS} levels from the start to the lowest final mean, for "
            "each seed), the share that a method reaches at a cost of at most τ times that of the cheapest method. At "
            "τ = 1: how often it is the cheapest. At the right: how often it gets there at all."
        ),
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
