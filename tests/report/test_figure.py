"""Figures as data, and as still pictures."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from scipy.stats import t

from tendsto.core.iterate import iterate
from tendsto.core.trace import End, Trace
from tendsto.problems import Quadratic
from tendsto.report import trace_figure, trace_svg
from tendsto.report.figure import band_words, student_band
from tendsto.report.race_figures import profile_figure, profile_targets
from tendsto.report.summary import standings
from tendsto.report.theme import COLOURS, DASHES, style

SVG = "{http://www.w3.org/2000/svg}"


def make_trace(loss: np.ndarray, **more: object) -> Trace:
    runs = len(loss)
    ends = tuple(End("budget") for _ in range(runs))
    return Trace(np.arange(loss.shape[1], dtype=float), {"loss": loss}, ends, tuple(range(runs)), **more)  # type: ignore[arg-type]


def test_the_band_is_students_interval():
    values = np.array([[1.0], [2.0], [4.0]])
    band = student_band(values)
    half = t.ppf(0.975, 2) * values.std(ddof=1) / 3**0.5
    assert band.low is not None
    assert band.y[0] - band.low[0] == pytest.approx(half)


def test_a_mean_stops_where_the_first_run_ends():
    figure = trace_figure({"a": make_trace(np.array([[3.0, 2.0, 1.0], [3.0, np.nan, np.nan]]))})
    assert figure.data()["series"][0]["y"]["loss"]["y"] == [3.0, None, None]


def test_geometric_means_only_where_all_runs_of_all_methods_are_positive():
    positive, negative = make_trace(np.array([[4.0, 1.0], [1.0, 1.0]])), make_trace(np.array([[4.0, -1.0], [1.0, 1.0]]))
    drawn = trace_figure({"a": positive}).series[0].curves["loss"].geometric
    assert drawn is not None
    assert drawn.y[0] == pytest.approx(2.0)
    assert trace_figure({"a": positive, "b": negative}).series[0].curves["loss"].geometric is None


def test_the_gap_is_shown_where_the_optimum_is_known():
    figure = trace_figure({"a": make_trace(np.array([[3.0, 2.5]]), optimum=2.0)}, target=2.5)
    assert figure.y[0].label == "loss − optimum"
    assert figure.series[0].curves["loss"].y.tolist() == [1.0, 0.5]
    assert figure.levels["loss"][1] == 0.5


def test_long_traces_are_thinned_and_said_to_be():
    figure = trace_figure({"a": make_trace(np.ones((3, 5001)))})
    at = figure.series[0].x["iteration"]
    assert len(at) <= 300
    assert (at[0], at[-1]) == (0, 5000)
    assert "of 5001 recorded points" in figure.note


def test_traces_along_different_indices_are_refused():
    with pytest.raises(ValueError, match=r"\['iteration', 'n'\]"):
        trace_figure({"a": make_trace(np.ones((1, 3))), "b": make_trace(np.ones((1, 3)), along="n")})


def test_data_is_plain_json_without_infinities():
    figure = trace_figure({"a": make_trace(np.array([[3.0, np.inf, np.nan]]))})
    assert json.loads(json.dumps(figure.data(), allow_nan=False))["series"][0]["y"]["loss"]["y"] == [3.0, None, None]


def test_profile_counts_targets_that_are_never_reached(make_race):
    result = make_race({"a": 1.0, "b": 4.0, "broken": 2.0}, diverged={"broken": range(5)})
    figure = profile_figure(result, standings(result))
    assert figure is not None
    shares = {s.name: s.curves["iteration"].y for s in figure.series}
    assert all((np.diff(share) >= 0).all() for share in shares.values())
    assert shares["b"][-1] < shares["a"][-1] <= 1
    assert sum(share[0] for share in shares.values()) >= shares["a"][-1]


def test_profile_by_hand(make_race):
    result = make_race({"a": 1.0, "b": 4.0}, seeds=2, lrs=(0.1,))
    targets = profile_targets(result)
    hits = {n: np.array([result.tuned(n).trace.hitting(x, "calls") for x in targets]).clip(min=4) for n in ("a", "b")}
    cheapest = np.minimum(hits["a"], hits["b"])
    figure = profile_figure(result, standings(result))
    assert figure is not None
    tau = figure.series[1].x["ratio"]
    expected = [np.mean(np.isfinite(hits["b"]) & (hits["b"] <= x * cheapest)) for x in tau]
    assert figure.series[1].name == "b"
    assert figure.series[1].curves["calls"].y == pytest.approx(expected)


def test_one_method_has_no_profile(make_race):
    result = make_race({"only": 1.0})
    assert profile_figure(result, standings(result)) is None


def test_styles_do_not_repeat_before_all_are_used():
    assert len({style(i) for i in range(COLOURS * len(DASHES))}) == COLOURS * len(DASHES)


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_the_picture_is_well_formed_names_its_band_and_escapes_labels():
    loss = np.exp(-np.arange(30) / 3) * np.array([[1.0], [1.2], [0.9]])
    svg = trace_svg({'a <b> & "c"': make_trace(loss)}, title="x < y", target=0.01)
    texts = ["".join(element.itertext()) for element in parsed(svg).iter(f"{SVG}text")]
    assert band_words(3, geometric=True) in texts
    assert '● a <b> & "c"' in texts
    assert "x < y" in texts
    assert "target 0.01" in texts
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_the_picture_has_both_themes():
    svg = trace_svg({"a": make_trace(np.ones((1, 4)))})
    assert "prefers-color-scheme:dark" in svg
    assert 'class="f-paper"' in svg


def test_negative_values_are_refused_on_a_log_axis_and_drawn_on_a_linear_one():
    traces = {"a": make_trace(np.array([[2.0, -1.0, -3.0]]))}
    parsed(trace_svg(traces))
    with pytest.raises(ValueError, match="fits no log axis"):
        trace_svg(traces, log_y=True)


def test_nothing_finite_still_gives_a_picture():
    parsed(trace_svg({"a": make_trace(np.full((2, 3), np.nan)), "b": make_trace(np.ones((2, 3)))}))


def test_an_axis_that_was_not_recorded_is_named():
    with pytest.raises(ValueError, match="axis 'seconds' was not recorded"):
        trace_svg({"a": make_trace(np.ones((1, 3)))}, axis="seconds")


def test_a_guarantee_is_laid_over():
    from tendsto.theory import GDConvex

    guarantee, problem = GDConvex(smooth=1.0, distance=1.0), Quadratic(dimension=5)
    trace = iterate(guarantee.method_for(), problem, steps=20)
    over = trace_figure({"gd": trace}, guarantees={"gd": guarantee}).series[0].over[trace.criterion]
    assert over["bound: GDConvex"] == pytest.approx(guarantee.bound(trace.index))
    assert "bound: GDConvex" in trace_svg({"gd": trace}, guarantees={"gd": guarantee})


def test_a_long_title_is_folded_and_moves_the_rest_down() -> None:
    trace = Trace(np.arange(3.0), {"loss": np.array([[4.0, 2.0, 1.0]])}, (End("budget", 2),), (0,))
    title = "A method that needs a great many words to say what it claims does so in a title of more than one line"
    short, long = trace_svg({"m": trace}, title="Short"), trace_svg({"m": trace}, title=title)
    written = re.findall(r'font-weight:600">([^<]*)<', long)
    assert " ".join(written) == title
    assert len(written) == 2
    assert max(map(len, written)) * 8 <= 760
    assert 'viewBox="0 0 760 420"' in short
    assert 'viewBox="0 0 760 438"' in long
    assert "translate(0 18)" in long
