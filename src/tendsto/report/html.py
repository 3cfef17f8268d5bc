"""Pieces of HTML. Every string that comes from a person passes through `text` or `attribute`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from tendsto.report.figure import Axis, Figure
from tendsto.report.race_figures import SHARE
from tendsto.report.svg import figure_svg
from tendsto.report.theme import style


def text(value: str) -> str:
    """Return a string as HTML text.

    >>> text("a < b")
    'a &lt; b'
    """
    return html.escape(value, quote=False)


def attribute(value: str) -> str:
    """Return a string as the value of a quoted attribute."""
    return html.escape(value, quote=True)


def paragraph(sentence: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{text(sentence)}</p>"


def section(key: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{text(title)}</h2>{body}</section>'


def key_line(position: int) -> str:
    """Return the little line that names the series at `position`, as in the legends."""
    colour, dash = style(position)
    return (
        f'<svg class="key" viewBox="0 0 26 10" aria-hidden="true"><path d="M0 5H26" stroke="var(--{colour})" '
        f'stroke-width="2.5" stroke-dasharray="{dash}"/></svg>'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, narrow: set[int] | None = None) -> str:
    """Return a table. head: plain text. rows: HTML, the first cell a heading. narrow: columns kept on one line."""
    kinds = [' class="n"' if i in (narrow or set()) else "" for i in range(len(head))]
    top = "".join(f'<th scope="col">{text(h)}</th>' for h in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row[1:], kinds[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return scroller(", ".join(head), f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>")


def scroller(name: str, body: str) -> str:
    """Return a box that scrolls sideways on narrow screens, by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{attribute(name)}">{body}</div>'


def describe_list(items: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{text(k)}</dt><dd>{text(v)}</dd>' for k, v in items)}</dl>"


def code_block(code: str) -> str:
    return f"<pre><code>{text(code)}</code></pre>"


def figure_block(figure: Figure) -> str:
    """Return a figure with its switches, legend, table and downloads; without scripts, as a still picture."""
    key = attribute(figure.key)
    still = figure_svg(figure, width=960, height=410)
    return f"""<figure data-figure="{key}">
<div class="bar">{_switches(figure)}</div>
<div class="plot" tabindex="0" role="img" aria-label="{attribute(figure.title)}">{still}</div>
<div class="legend" role="group" aria-label="Methods shown"></div>
<div class="hidden" aria-live="polite"></div>
<figcaption>{text(figure.note)} <span data-words></span></figcaption>
<div class="below"><button type="button" data-do="csv">Download CSV</button>
<button type="button" data-do="svg">Download SVG</button>
<details><summary>Table of what is drawn</summary>{scroller("What is drawn", "")}</details></div>
</figure>"""


def _switches(figure: Figure) -> str:
    parts: list[str] = []
    if len(figure.y) > 1:
        parts.append(_select(figure, "y", "Quantity" if figure.key == "curves" else "Cost in", figure.y))
    if len(figure.x) > 1:
        parts.append(_choices(figure, "x", "Against", [(a.key, a.label) for a in figure.x], figure.x[0].key))
    for which, axes in (("x", figure.x), ("y", figure.y)):
        if axes[0].limits:
            continue
        at = "log" if axes[0].log else "linear"
        parts.append(_choices(figure, f"log{which}", f"{which} axis", [("linear", "linear"), ("log", "log")], at))
    if any(c.runs is not None for s in figure.series for c in s.curves.values()):
        parts.append(_choices(figure, "show", "Show", [("mean", "mean and band"), ("runs", "every run")], "mean"))
    over = sorted({name.split(":")[0] for s in figure.series for o in s.over.values() for name in o})
    words = {"bound": "theory bounds", "fitted law": "fitted laws"}
    parts += [
        f'<label class="tick"><input type="checkbox" data-set="over" value="{attribute(name)}"'
        f"{' checked' if name == 'bound' else ''}>{text(words.get(name, name))}</label>"
        for name in over
    ]
    return "".join(parts)


def _choices(figure: Figure, name: str, title: str, options: Sequence[tuple[str, str]], chosen: str) -> str:
    group = attribute(f"{figure.key}-{name}")
    labels = "".join(
        f'<label><input type="radio" name="{group}" data-set="{name}" value="{attribute(value)}"'
        f"{' checked' if value == chosen else ''}>{text(label)}</label>"
        for value, label in options
    )
    return f'<fieldset><legend>{text(title)}</legend><span class="choices">{labels}</span></fieldset>'


def _select(figure: Figure, name: str, title: str, axes: Sequence[Axis]) -> str:
    options = "".join(
        f'<option value="{attribute(axis.key)}">{text(axis.label.removeprefix(SHARE))}</option>' for axis in axes
    )
    return f'<label class="pick"><span>{text(title)}</span><select data-set="{name}">{options}</select></label>'
