"""Still pictures: one view of a figure as SVG that reads in light and dark, needs no script and no network."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tendsto.core.trace import Array, Trace
from tendsto.report.figure import Axis, Curve, Figure, Series, band_words, trace_figure
from tendsto.report.theme import picture_css, style

if TYPE_CHECKING:
    from tendsto.core.guarantee import Guarantee

LEFT, TOP, BOTTOM, LINE = 66, 46, 50, 18
FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:13px"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from [low, high] onto pixels [start, stop]."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, values: Array) -> Array:
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.log10(values) if self.log else np.asarray(values, np.float64)
        return self.start + (at - low) / (high - low) * (self.stop - self.start)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return at most about `most` round positions with their labels."""
        if not self.log:
            step = _round_step((self.high - self.low) / most)
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            return [(i * step, f"{i * step:.6g}".replace("-", "−")) for i in range(first, last + 1)]
        low, high = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        if high - low < 2:
            wide = [m * 10.0**e for e in range(low - 1, high + 1) for m in (1, 2, 5)]
            return [(v, f"{v:g}") for v in wide if self.low * (1 - 1e-9) <= v <= self.high * (1 + 1e-9)]
        step = -(-(high - low) // most)
        return [(10.0**e, power_of_ten(e)) for e in range(low, high + 1, step)]


def power_of_ten(exponent: int) -> str:
    """Return 10^exponent as people write it.

    >>> power_of_ten(-2), power_of_ten(-7)
    ('0.01', '10⁻⁷')
    """
    return f"{10.0**exponent:g}" if -3 <= exponent <= 4 else "10" + str(exponent).translate(SUPERSCRIPTS)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))


def trace_svg(
    traces: Mapping[str, Trace],
    *,
    title: str = "",
    quantity: str | None = None,
    axis: str | None = None,
    log_x: bool | None = None,
    log_y: bool | None = None,
    target: float | None = None,
    guarantees: Mapping[str, Guarantee] | None = None,
    width: int = 760,
    height: int = 420,
) -> str:
    """Return a picture of traces as SVG: the mean over runs, its band named, bounds dashed, a line at the target.

    quantity: the criterion if none is named. axis: the index if none is named. log_x, log_y: by the data if not said.
    width, height: in pixels.

    Raises:
        ValueError: a quantity or axis that was not recorded, or values at or below 0 asked for on a log axis.

    >>> trace = Trace(np.arange(3.0), {"loss": np.array([[4.0, 2.0, 1.0]])}, (), (0,))
    >>> trace_svg({"sgd": trace}).startswith("<svg")
    True
    """
    figure = trace_figure(traces, title=title, target=target, guarantees=guarantees)
    return figure_svg(figure, quantity=quantity, axis=axis, log_x=log_x, log_y=log_y, width=width, height=height)


def figure_svg(
    figure: Figure,
    *,
    quantity: str | None = None,
    axis: str | None = None,
    log_x: bool | None = None,
    log_y: bool | None = None,
    width: int = 760,
    height: int = 420,
) -> str:
    """Return one view of a figure as SVG. The arguments are those of `trace_svg`."""
    along, of = _named(figure.x, axis, "axis"), _named(figure.y, quantity, "quantity")
    drawn = [s for s in figure.series if of.key in s.curves and along.key in s.x]
    # Eight pixels a character: system fonts differ, and a label that is cut off is worse than some room to spare.
    right = 40 + 8 * max(len(_short(s.name)) for s in drawn)
    x_values = np.concatenate([s.x[along.key] for s in drawn])
    on_log = of.log if log_y is None else log_y
    y_values = np.concatenate(
        [_heights(s, of.key, on_log) for s in drawn] + [_level(figure, of.key, on_log), of.limits or ()]
    )
    x = _scale(x_values, along.log if log_x is None else log_x, (LEFT, width - right), along.label, margin=0)
    y = _scale(y_values, on_log, (height - BOTTOM, TOP), of.label, margin=0.04)
    labels = _apart([float(y(_last(shown(s, of.key, on_log).y))[0]) for s in drawn], TOP, height - BOTTOM)
    # Letters of a title are some 8 pixels wide; each further line moves the rest down.
    title = textwrap.wrap(figure.title, (width - LEFT) // 8) or [""]
    moved = LINE * (len(title) - 1)
    tall = height + moved
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {tall}" width="{width}" height="{tall}" '
        f'role="img" aria-label="{escape(_alt(figure, along, of))}"><style>text{{{FONT}}}{picture_css()}</style>',
        f'<rect width="{width}" height="{tall}" rx="8" class="f-paper"/>',
        *(
            f'<text x="{LEFT}" y="{20 + LINE * i}" class="f-ink" style="font-weight:600">{escape(line)}</text>'
            for i, line in enumerate(title)
        ),
        f'<g transform="translate(0 {moved})">' if moved else "<g>",
        _frame(x, y, along, of, width, height),
        *(_drawn(s, i, x, y, along.key, of.key, labels[i], figure.marked) for i, s in enumerate(drawn)),
        _target(figure, of.key, x, y),
        f'<text x="{LEFT}" y="36" class="f-soft" style="font-size:11px">'
        f"{escape(_caption(figure, drawn, of.key, on_log))}</text>",
    ]
    return "\n".join([*parts, "</g></svg>\n"])


def shown(series: Series, key: str, log: bool) -> Curve:
    """Return the curve that is drawn: of geometric means on a log axis where there are such."""
    curve = series.curves[key]
    return curve.geometric if log and curve.geometric is not None else curve


def _named(axes: object, key: str | None, what: str) -> Axis:
    listed: list[Axis] = list(axes)  # type: ignore[call-overload]
    for axis in listed:
        if key in (None, axis.key):
            return axis
    raise ValueError(f"{what} {key!r} was not recorded; recorded are {', '.join(a.key for a in listed)}")


def _heights(series: Series, key: str, log: bool) -> Array:
    curve = shown(series, key, log)
    # On a log axis an edge of a band near 0 would squeeze all else.
    edges = [
        edge for edge in (curve.low, curve.high) if edge is not None and (not log or curve is not series.curves[key])
    ]
    return np.concatenate([curve.y, *edges, *series.over.get(key, {}).values()])


def _level(figure: Figure, key: str, log: bool) -> Array:
    level = figure.levels.get(key)
    return np.array([] if level is None or (log and level[1] <= 0) else [level[1]])


def _last(y: Array) -> Array:
    return y[np.isfinite(y)][-1:] if np.isfinite(y).any() else np.array([np.nan])


def _scale(values: Array, log: bool, onto: tuple[float, float], label: str, *, margin: float) -> Scale:
    values = values[np.isfinite(values)]
    if log and values.size and values.min() < 0:
        raise ValueError(f"{label} has values below 0 ({values.min():.3g}), so it fits no log axis: use a linear one")
    if log:
        values = values[values > 0]
    if not values.size:
        values = np.array([1.0])
    low, high = float(values.min()), float(values.max())
    if log:
        space = (high / low) ** margin if high > low else 2.0
        return Scale(low / space, high * space, *onto, log=True)
    space = (high - low) * margin if high > low else max(abs(high), 1.0) / 2
    return Scale(low - space, high + space, *onto)


def _alt(figure: Figure, along: Axis, of: Axis) -> str:
    names = ", ".join(s.name for s in figure.series)
    return f"{figure.title or of.label}: {of.label} against {along.label} of {names}"


def _caption(figure: Figure, drawn: list[Series], key: str, log: bool) -> str:
    words = band_words(figure.runs, geometric=any(shown(s, key, log) is not s.curves[key] for s in drawn))
    return f"{words} Dotted: bounds." if any(s.over.get(key) for s in drawn) else words


def _frame(x: Scale, y: Scale, along: Axis, of: Axis, width: int, height: int) -> str:
    parts: list[str] = []
    bottom = height - BOTTOM
    for value, label in y.ticks(6):
        at = float(y(np.array([value]))[0])
        parts.append(f'<path d="M{x.start:.1f} {at:.1f}H{x.stop:.1f}" class="s-grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" class="f-soft">{label}</text>')
    for value, label in x.ticks(7):
        at = float(x(np.array([value]))[0])
        parts.append(f'<path d="M{at:.1f} {bottom:.1f}v5" class="s-line"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 19:.1f}" text-anchor="middle" class="f-soft">{label}</text>')
    parts.append(f'<path d="M{x.start:.1f} {bottom:.1f}H{x.stop:.1f}" class="s-line"/>')
    middle_x, middle_y = (x.start + x.stop) / 2, (y.start + y.stop) / 2
    note = " (shared batch)" if along.note else ""
    parts.append(
        f'<text x="{middle_x:.1f}" y="{height - 12}" text-anchor="middle" class="f-ink">'
        f"{escape(along.label)}{note}</text>"
    )
    parts.append(
        f'<text transform="translate(16 {middle_y:.1f}) rotate(-90)" text-anchor="middle" class="f-ink">'
        f"{escape(of.label)}</text>"
    )
    return "\n".join(parts)


def _drawn(series: Series, position: int, x: Scale, y: Scale, along: str, of: str, label: float, marked: bool) -> str:
    colour, dash = style(position)
    curve, across = shown(series, of, y.log), x(series.x[along])
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [f"<g><title>{escape(series.name)}{escape(': ' + series.end if series.end else '')}</title>"]
    if curve.low is not None and curve.high is not None:
        low, high = (np.clip(_inside(y, edge), y.stop, y.start) for edge in (curve.low, curve.high))
        parts.append(f'<path d="{_area(across, low, high)}" class="f-{colour}" fill-opacity=".16"/>')
    for name, values in series.over.get(of, {}).items():
        parts.append(
            f'<path d="{_line(across, y(values))}" class="s-{colour}" fill="none" stroke-dasharray="1 4" '
            f'stroke-linecap="round" stroke-width="1.8"><title>{escape(series.name)}, {escape(name)}</title></path>'
        )
    heights = y(curve.y)
    parts.append(f'<path d="{_line(across, heights)}" class="s-{colour}" fill="none" stroke-width="2"{dashed}/>')
    there = np.isfinite(heights) & np.isfinite(across)
    if marked:
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" class="f-{colour}"/>'
            for a, b in zip(across[there], heights[there], strict=True)
        ]
    if series.end and there.any():
        a, b = across[there][-1], heights[there][-1]
        parts.append(f'<path d="M{a - 4:.1f} {b - 4:.1f}l8 8m0 -8l-8 8" class="s-{colour}" stroke-width="2"/>')
    if math.isfinite(label):
        dot = f'<tspan class="f-{colour}">● </tspan>'
        parts.append(
            f'<text x="{x.stop + 8:.1f}" y="{label + 4:.1f}" class="f-ink">{dot}{escape(_short(series.name))}</text>'
        )
    return "\n".join([*parts, "</g>"])


def _short(name: str) -> str:
    """A name of at most 26 characters, shortened in the middle: long names tend to differ at their ends."""
    return name if len(name) <= 26 else f"{name[:12]}…{name[-13:]}"


def _inside(y: Scale, edge: Array) -> Array:
    """Return the edge of a band in pixels; what cannot be shown on a log axis lies at the lower end."""
    return np.where(np.isfinite(edge) & ~(y(edge) > -np.inf), y.start, y(edge))


def _line(across: Array, heights: Array) -> str:
    return _path([(a, b) for a, b in zip(across, heights, strict=True)])


def _path(points: list[tuple[float, float]]) -> str:
    words: list[str] = []
    pen = "M"
    for a, b in points:
        if math.isfinite(a) and math.isfinite(b):
            words.append(f"{pen}{a:.1f} {b:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(words)


def _area(across: Array, low: Array, high: Array) -> str:
    there = np.isfinite(across) & np.isfinite(low) & np.isfinite(high)
    if not there.any():
        return ""
    upper = list(zip(across[there], high[there], strict=True))
    lower = list(zip(across[there][::-1], low[there][::-1], strict=True))
    return _path([*upper, *lower]) + "Z"


def _target(figure: Figure, key: str, x: Scale, y: Scale) -> str:
    if key not in figure.levels:
        return ""
    name, value = figure.levels[key]
    at = float(y(np.array([value]))[0])
    if not math.isfinite(at):
        return ""
    return (
        f'<path d="M{x.start:.1f} {at:.1f}H{x.stop:.1f}" class="s-soft" stroke-dasharray="3 3"/>'
        f'<text x="{x.start + 6:.1f}" y="{at - 5:.1f}" class="f-soft" style="font-size:11px">'
        f"{escape(name)} {value:.3g}</text>"
    )


def _apart(wanted: list[float], top: float, bottom: float, gap: float = 16.0) -> list[float]:
    """Return heights near those wanted that are `gap` apart where there is room; NaN where there is none."""
    order = sorted((i for i, w in enumerate(wanted) if math.isfinite(w)), key=lambda i: wanted[i])
    placed = [math.nan] * len(wanted)
    floor = top
    for i in order[: max(1, int((bottom - top) // gap) + 1)]:
        placed[i] = floor = max(wanted[i], floor)
        floor += gap
    ceiling = bottom
    for i in reversed(order):
        if math.isfinite(placed[i]):
            placed[i] = ceiling = min(placed[i], ceiling)
            ceiling -= gap
    return placed
