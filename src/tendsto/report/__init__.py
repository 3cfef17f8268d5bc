"""Pages, tables and figures from traces and races."""

from __future__ import annotations

from tendsto.report.figure import Axis, Curve, Figure, Series, trace_figure
from tendsto.report.page import race_page
from tendsto.report.svg import figure_svg, trace_svg
from tendsto.report.table import race_table

__all__ = [
    "Axis",
    "Curve",
    "Figure",
    "Series",
    "figure_svg",
    "race_page",
    "race_table",
    "trace_figure",
    "trace_svg",
]
