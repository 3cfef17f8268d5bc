"""A race as one HTML page that opens from disk: the answer first, then the figures, then what ran."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import tendsto
from tendsto.core.race import Race
from tendsto.core.rate import Rate
from tendsto.core.trace import Array, Trace
from tendsto.report.bounds import matching
from tendsto.report.figure import LABELS, Figure, trace_figure
from tendsto.report.html import (
    attribute,
    code_block,
    describe_list,
    figure_block,
    key_line,
    paragraph,
    section,
    table,
    text,
)
from tendsto.report.provenance import code_of, what_ran
from tendsto.report.race_figures import profile_figure, tuning_figure
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
    swept,
)
from tendsto.report.table import censored
from tendsto.report.theme import COLOURS, DASHES, page_css

if TYPE_CHECKING:
    from tendsto.core.guarantee import Guarantee

_CONTENTS = {
    "results": "Results",
    "convergence": "Convergence",
    "hitting": "Time to target",
    "tuning": "Tuning",
    "rates": "Rates, verdicts, theory",
    "ran": "What ran",
}


def race_page(race: Race, path: str | Path, *, guarantees: Mapping[str, Guarantee] | None = None) -> Path:
    """Write the outcome of a race as one HTML file that needs no network, and return its path.

    guarantees: bounds to lay over the curves, by the name of a method; those not given are looked up in
    `tendsto.theory`, and laid over where a theorem is about exactly this method, step size and problem.

    Raises:
        ValueError: a guarantee for a method that did not run.
        OSError: the file cannot be written.
    """
    for name in guarantees or {}:
        if name not in race.names:
            raise ValueError(f"a guarantee was given for {name!r}, which did not run; {', '.join(race.names)} did")
    written = Path(path)
    written.write_text(page_text(race, {**matching(race), **(guarantees or {})}), encoding="utf-8")
    return written


def page_text(race: Race, guarantees: Mapping[str, Guarantee]) -> str:
    """Return the page of a race as HTML."""
    ranked = standings(race)
    rates = {s.name: s.entry.trace.rate() for s in ranked}
    traces = {s.name: s.entry.trace for s in ranked}
    curves = trace_figure(traces, target=race.target, guarantees=guarantees, laws=_laws(traces, rates))
    profile = profile_figure(race, ranked)
    tuning = [tuning_figure(race, ranked, setting) for setting in swept(race)]
    figures = [curves, *([profile] if profile else []), *tuning]
    title = f"{_versus(ranked)} on {type(race.problem).__name__}"
    body = [
        '<header><span>tendsto race</span><button type="button" id="theme">Theme: System</button></header><main>',
        f"<h1>{text(title)}</h1>",
        f'<p class="answer">{text(answer(race, ranked))}</p>',
        _caveats(caveats(race, ranked)),
        _contents(),
        section("results", "Results", _results(race, ranked)),
        section("convergence", "Convergence", figure_block(curves)),
        section("hitting", "Time to target", _hitting(race, ranked) + (figure_block(profile) if profile else "")),
        section("tuning", "Tuning", _tuning(race, tuning)),
        section("rates", "Rates, verdicts, theory", _rates(race, ranked, rates, guarantees)),
        section("ran", "What ran", describe_list(what_ran(race, ranked)) + code_block(code_of(race))),
        f"</main><footer>Made by tendsto {text(_version())}. This page holds its data and needs no network.</footer>",
    ]
    return _document(title, "\n".join(body), figures)


def _document(title: str, body: str, figures: list[Figure]) -> str:
    data = {
        "name": title,
        "colours": COLOURS,
        "dashes": DASHES,
        "figures": {figure.key: figure.data() for figure in figures},
    }
    # "<" may end a script element, so it never stands in the data as itself.
    embedded = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{page_css()}{_asset('page.css')}</style>\n</head>\n<body>\n{body}\n"
        f'<script type="application/json" id="data">{embedded}</script>\n'
        f"<script>{_asset('scale.js')}{_asset('figure.js')}</script>\n"
        "</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return (importlib.resources.files("tendsto.report") / "assets" / name).read_text(encoding="utf-8")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(tendsto.__name__)
    except PackageNotFoundError:
        return "(not installed)"


def _versus(ranked: list[Standing]) -> str:
    names = [s.name for s in ranked]
    if len(names) > 3:
        return f"{len(names)} methods"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _laws(traces: Mapping[str, Trace], rates: Mapping[str, Rate]) -> dict[str, Array]:
    """Return fitted laws where they were fitted: outside of that range they say nothing."""
    kept: dict[str, Array] = {}
    for name, rate in rates.items():
        index = traces[name].index
        if rate.kind != "none":
            kept[name] = np.full(index.shape, np.nan)
            inside = (index >= rate.used[0]) & (index <= rate.used[1])
            kept[name][inside] = rate.predict(index[inside])
    return kept


def _caveats(sentences: list[str]) -> str:
    return f'<ul class="caveats">{"".join(f"<li>{text(s)}</li>" for s in sentences)}</ul>' if sentences else ""


def _contents() -> str:
    links = "".join(f'<a href="#{key}">{text(name)}</a>' for key, name in _CONTENTS.items())
    return f'<nav class="contents" aria-label="Contents">{links}</nav>'


def _results(race: Race, ranked: list[Standing]) -> str:
    seeds = len(race.seeds)
    head = ["Method", "Tuned", f"Final {quantity(race)}", "Behind the best", "Good range", "Diverged"]
    rows = [
        [
            key_line(i) + text(s.name) + _tag(s, ranked),
            text(settings_text(s.entry)),
            text(figure_text(s.final)),
            "" if s.behind is None else text(figure_text(s.behind)),
            text(_span(race, s)),
            f"{s.broken} of {seeds}",
        ]
        for i, s in enumerate(ranked)
    ]
    notes = [f"{_equal(race)} Grid: {grid_text(race)}."]
    if seeds > 1:
        notes.append(f"Brackets after the final value: 95 % Student interval of the mean over {seeds} seeds.")
    if seeds > 1 and len(ranked) > 1:
        many = len(ranked) > 2
        joint = f", widened to hold for all {len(ranked) - 1} comparisons together (Bonferroni)" if many else ""
        kind = "geometric mean of the ratios" if by_ratio(race) else "mean of the differences"
        notes.append(f"Behind the best: the {kind} paired by seed, with its 95 % interval{joint}.")
    return table(head, rows, narrow={1, 2, 3, 5}) + paragraph(" ".join(notes), "note")


def _equal(race: Race) -> str:
    counts = {len(race.settings(name)) for name in race.names}
    seeds = "1 seed" if len(race.seeds) == 1 else f"{len(race.seeds)} seeds"
    settings = f"{min(counts)} settings" if len(counts) == 1 else f"{min(counts)} to {max(counts)} settings"
    calls = {
        float(np.nanmax(trace["calls"])) for name in race.names if "calls" in (trace := race.tuned(name).trace).axes
    }
    spent = f" ({next(iter(calls)):,.0f} oracle calls)" if len(calls) == 1 else ""
    if len(calls) > 1:
        spent = f" ({min(calls):,.0f} to {max(calls):,.0f} oracle calls, so budgets in calls differ)"
    return f"Each method: {settings if max(counts) > 1 else '1 setting'}, {seeds}, {race.steps:,} iterations{spent}."


def _tag(standing: Standing, ranked: list[Standing]) -> str:
    if len(ranked) == 1 or standing.separated:
        return ""
    return f' <span class="tag">{"lowest" if standing is ranked[0] else "not separated"}</span>'


def _span(race: Race, standing: Standing) -> str:
    if standing.span is None:
        return "no setting reaches the target" if swept(race, standing.name) else "not swept"
    return str(standing.span)


def _hitting(race: Race, ranked: list[Standing]) -> str:
    trace = ranked[0].entry.trace
    axes: list[str | None] = [None, *(a for a in trace.axes if all(a in s.entry.trace.axes for s in ranked))]
    if all(np.array_equal(s.entry.trace.axes.get("calls", [])[:1], [s.entry.trace.index]) for s in ranked):
        axes.remove("calls")
    titles = [LABELS.get(a or trace.along, a or trace.along) for a in axes]
    head = ["Method", "Reached", *(f"Median {t}" for t in titles), *(f"Expected {t}" for t in titles)]
    rows = [
        [
            key_line(i) + text(s.name),
            f"{int(np.isfinite(race.hitting(s.name)).sum())} of {len(race.seeds)}",
            *(text(censored(race, s.name, axis)) for axis in axes),
            *(_expected(race.expected_running_time(s.name, axis)) for axis in axes),
        ]
        for i, s in enumerate(ranked)
    ]
    told = (
        f"Target: a {quantity(race)} of at most {gap_of_target(race):.4g}, "
        f"{'as given' if race.given_target is not None else 'the worst final mean of the tuned methods'}. "
        "Runs that never reach it count: a median above the budget is shown as > budget, and the expected running time "
        "is the cost of all runs, the failed included, over the number that reached it. Crossings are read at recorded "
        f"points.{'' if 'calls' in axes or 'calls' not in trace.axes else ' One iteration is one oracle call.'}"
    )
    return paragraph(told) + table(head, rows, narrow=set(range(1, len(head))))


def _expected(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "never reached"


def _tuning(race: Race, figures: list[Figure]) -> str:
    if not figures:
        return paragraph("No numeric setting was swept, so nothing is known about how sensitive the methods are.")
    told = (
        f"Every method was given the same grid: {grid_text(race)}. The good range is the stretch of neighbouring "
        f"values whose mean final {quantity(race)} is at most the target, {gap_of_target(race):.3g}; the table of "
        "results has its width for every method."
    )
    return paragraph(told) + "".join(map(figure_block, figures))


def _rates(race: Race, ranked: list[Standing], rates: Mapping[str, Rate], guarantees: Mapping[str, Guarantee]) -> str:
    rows = [
        [
            key_line(i) + text(s.name),
            text(str(rates[s.name])),
            text(str(s.entry.trace.verdict(target=race.target if race.given_target is not None else None))),
            _theory(s, guarantees.get(s.name)),
        ]
        for i, s in enumerate(ranked)
    ]
    told = (
        "The law fitted to the tuned runs over iterations, with a 95 % interval within its family, and what the runs "
        "say about convergence. "
    )
    told += (
        "The optimum is known, so rates are those of the gap to it."
        if ranked[0].entry.trace.optimum is not None
        else "The optimum is not known: a floor may be the optimum, and a rate without one supposes that it is 0."
    )
    return paragraph(told) + table(["Method", "Fitted rate", "Verdict", "Theory"], rows)


def _theory(standing: Standing, guarantee: Guarantee | None) -> str:
    if guarantee is None:
        return '<span class="soft">no theorem here is about this method, step size and problem</span>'
    sentence = guarantee.check(standing.entry.trace).sentence
    statement = f'<span class="soft" title="{attribute(guarantee.source)}">{text(guarantee.statement)}</span>'
    return f"{text(sentence)}<br>{statement}"
