"""The outcome of a race as plain text, for a terminal."""

from __future__ import annotations

import math
import textwrap

import numpy as np

from tendsto.core.race import Race
from tendsto.report.summary import (
    Standing,
    answer,
    by_ratio,
    caveats,
    figure_text,
    gap_of_target,
    grid_text,
    quantity,
    settings_text,
    standings,
)

WIDTH = 100


def race_table(race: Race) -> str:
    """Return the outcome of a race as plain text: the answer, a table with the best method first, and caveats.

    >>> from tendsto.core.race import race
    >>> from tendsto.optim import SGDRule
    >>> from tendsto.problems import Quadratic
    >>> result = race(Quadratic(dimension=5), {"sgd": SGDRule()}, steps=20, seeds=2, tune={"lr": [0.1, 1.0]})
    >>> print(race_table(result).splitlines()[3])  # doctest: +NORMALIZE_WHITESPACE
    method | tuned  | final f(x) - f* | behind the best | reached | iterations | good range
    """
    ranked = standings(race)
    head = ["method", "tuned", f"final {quantity(race)}", "behind the best", "reached", "iterations", "good range"]
    rows = [head, *(_row(race, standing) for standing in ranked)]
    if not race.tune:
        # Without a grid nothing was tuned, and no range can be good.
        rows = [[row[0], *row[2:-1]] for row in rows]
    head = rows[0]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    notes = [*_notes(race, ranked), *caveats(race, ranked)]
    told = [textwrap.fill(note, WIDTH, initial_indent="- ", subsequent_indent="  ") for note in notes]
    return "\n".join([textwrap.fill(answer(race, ranked), WIDTH), "", *lines, "", *told])


def _row(race: Race, standing: Standing) -> list[str]:
    hits = race.hitting(standing.name)
    return [
        standing.name,
        settings_text(standing.entry),
        figure_text(standing.final),
        "" if standing.behind is None else figure_text(standing.behind),
        f"{int((hits < float('inf')).sum())} of {len(hits)}",
        censored(race, standing.name),
        "target not reached" if standing.span is None else str(standing.span),
    ]


def censored(race: Race, name: str, axis: str | None = None) -> str:
    """Return the median hitting time over seeds; where half of the runs or more never reach the target, a bound."""
    hits = race.hitting(name, axis)
    middle = float(np.quantile(hits, 0.5, method="higher"))
    if np.isfinite(middle):
        return f"{float(np.median(hits)):.4g}"
    trace = race.tuned(name).trace
    spent = float(np.nanmax(trace[axis])) if axis else float(trace.index[-1])
    return f"> {spent:.4g}"


def _notes(race: Race, ranked: list[Standing]) -> list[str]:
    seeds = f"{len(race.seeds)} seeds" if len(race.seeds) > 1 else "1 seed"
    notes = [f"Budget of each setting: {race.steps} iterations, {seeds}. Grid: {grid_text(race)}."]
    if len(race.seeds) > 1:
        joint = "" if len(ranked) < 3 else f", and hold for all {len(ranked) - 1} comparisons together"
        kind = "Those behind the best are ratios" if by_ratio(race) else "Those behind the best are differences"
        notes.append(f"Brackets are 95 % Student intervals of the mean over seeds. {kind} paired by seed{joint}.")
    if math.isfinite(race.target):
        what = "Reached, iterations (median) and good range" if race.tune else "Reached and iterations (median)"
        notes.append(f"{what} refer to the target {gap_of_target(race):.3g}.")
    return notes
