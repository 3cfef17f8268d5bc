"""The words of a race: they must follow from its figures, and say so when there is nothing to say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tendsto.core.race import race
from tendsto.optim import SGDRule
from tendsto.problems import Quadratic
from tendsto.report import race_table
from tendsto.report.summary import Span, answer, caveats, span, standings


def test_the_best_is_named_with_the_paired_interval_that_excludes_0(make_race):
    result = make_race({"slow": 2.0, "fast": 1.0})
    told = answer(result)
    assert told.startswith("fast ended lowest")
    behind = standings(result)[1].behind
    assert behind is not None
    assert behind.low > 0
    assert f"{behind.value:.3g} [{behind.low:.3g}, {behind.high:.3g}]" in told
    assert "excludes 0" in told


def test_equal_methods_are_not_separated(make_race):
    result = make_race({"a": 1.0, "b": 1.0001})
    assert answer(result).startswith("Nothing separates")
    assert "includes 0" in answer(result)


def test_a_method_of_which_some_runs_blow_up_is_no_rival(make_race):
    result = make_race({"good": 1.0, "wild": 1.5}, lrs=(0.1,))
    wild = result.entries[1].trace
    values = wild[wild.criterion].copy()
    values[0, -1] = 1e6  # one run of five: the difference of the means is in doubt
    entry = replace(result.entries[1], trace=replace(wild, values={**wild.values, wild.criterion: values}))
    result = replace(result, entries=(result.entries[0], entry))
    behind = standings(result)[1].behind
    assert behind is not None
    assert behind.low < 0
    assert answer(result).startswith("good ended lowest")
    assert "Every other method diverged on at least one of 5 seeds or ended above where it began." in answer(result)
    assert "Ended above where they began, in the mean over seeds: wild." in caveats(result)


def test_where_all_end_above_their_start_nothing_is_said_of_it(make_race):
    result = make_race({"a": 1.0, "b": 1.5}, lrs=(0.1,))
    turned = [
        replace(e, trace=replace(e.trace, values={n: v[:, ::-1] for n, v in e.trace.values.items()}))
        for e in result.entries
    ]
    assert not any(s.rose for s in standings(replace(result, entries=tuple(turned))))


def test_comparisons_with_the_best_are_widened_for_their_number(make_race):
    two = standings(make_race({"a": 1.0, "b": 1.5}))[1].behind
    many = {f"m{i}": 3.0 + i for i in range(10)}
    eleven = {s.name: s.behind for s in standings(make_race({"a": 1.0, "b": 1.5, **many}))}["b"]
    assert two is not None
    assert eleven is not None
    assert eleven.high - eleven.low > 1.5 * (two.high - two.low)


def test_one_seed_separates_nothing(make_race):
    result = make_race({"a": 1.0, "b": 100.0}, seeds=1)
    assert "one seed" in answer(result)
    assert not standings(result)[1].separated


def test_one_method_is_compared_with_nothing(make_race):
    assert "nothing to compare it with" in answer(make_race({"only": 1.0}))


def test_a_method_that_diverged_is_last_and_said_to_have(make_race):
    result = make_race({"bad": 0.01, "good": 1.0}, diverged={"bad": [0, 1]})
    ranked = standings(result)
    assert [s.name for s in ranked] == ["good", "bad"]
    assert ranked[1].separated
    assert any("bad 2 of 5" in sentence for sentence in caveats(result))
    assert "Every other method diverged" in answer(result)


def test_all_diverged(make_race):
    result = make_race({"a": 1.0, "b": 2.0}, diverged={"a": range(5), "b": range(5)})
    assert answer(result).startswith("No method came through")
    assert "diverged" in race_table(result)


def test_known_optima_are_compared_by_ratios_and_gaps(make_race):
    result = make_race({"a": 1e-12, "b": 1.0}, shift=5.0, optimum=5.0)
    behind = standings(result)[1].behind
    assert behind is not None
    assert behind.unit == "x"
    assert behind.low > 1e11
    assert standings(result)[0].final.value < 1e-12
    assert "loss − optimum" in answer(result)


def test_a_best_setting_at_the_edge_of_the_grid_is_a_caveat(make_race):
    inside, edge = make_race({"a": 1.0}), make_race({"a": 1.0}, lrs=(0.1, 1.0, 10.0))
    assert not any("edge" in s or "wider grid" in s for s in caveats(inside))
    assert any("lowest lr of the grid (0.1)" in s for s in caveats(edge))


def test_the_order_of_means_that_one_seed_decides_is_a_caveat(make_race):
    result = make_race({"steady": 1.0, "mostly better": 0.5}, lrs=(0.1,))
    assert not any("geometric" in s for s in caveats(result))
    result.entries[1].trace.values["loss"][0] *= 20
    assert standings(result)[0].name == "steady"
    assert any("By the geometric mean over seeds mostly better" in s for s in caveats(result))


def test_the_good_range_has_its_width_in_decades_and_its_edges(make_race):
    result = make_race({"a": 1.0}, lrs=(0.001, 0.01, 0.1, 1.0, 10.0), target=0.021)
    found = span(result, "a")
    assert found is not None
    assert (found.low, found.high, found.edges) == (0.01, 1.0, ())
    assert found.decades == pytest.approx(2)
    assert str(span(make_race({"a": 1.0}, target=1.0), "a")) == "at least 2 decades (lr 0.01 to 1)"
    assert str(Span("lr", 0.01, 0.1, ())) == "1 decade (lr 0.01 to 0.1)"
    assert str(Span("lr", 0.1, 0.1, ())) == "lr 0.1 only"
    assert str(Span("lr", 1.0, 1.0, ("highest",))) == "lr 1 only, at the grid's edge"


def test_methods_with_different_numbers_of_settings_are_named_by_their_number(make_race):
    result = make_race({"a": 1.0, "b": 1.5})
    result = replace(result, entries=result.entries[:4])
    assert "The methods did not have the same number of settings to choose from: b 1; a 3." in caveats(result)
    assert span(make_race({"a": 1.0}, target=1e-9), "a") is None


def test_negative_criteria_have_a_good_range(make_race):
    result = make_race({"a": 1.0, "b": 1.2}, shift=-5.0)
    assert span(result, "b") is not None
    assert standings(result)[0].final.value < -4


def test_the_table_shows_censored_hitting_times(make_race):
    told = race_table(make_race({"a": 1.0, "b": 50.0}, target=0.05))
    rows = {line.split(" | ")[0].strip(): line for line in told.splitlines() if " | " in line}
    assert "5 of 5" in rows["a"]
    assert "0 of 5" in rows["b"]
    assert "> 100" in rows["b"]


def test_a_target_that_no_run_reached_is_said(make_race):
    assert any(s.startswith("No run reached the target") for s in caveats(make_race({"a": 1.0}, target=-1.0)))


def test_a_race_that_ran_tells_the_same():
    result = race(Quadratic(dimension=5), {"sgd": SGDRule()}, steps=20, seeds=2, tune={"lr": [0.1, 1.0]})
    assert math.isclose(standings(result)[0].final.value, result.tuned("sgd").loss())
    assert result.table() == race_table(result)


def test_expected_times_count_runs_whose_whole_batch_broke_off(make_race):
    result = make_race({"a": 1.0}, lrs=(0.1,), target=0.012, diverged={"a": [0]})
    seconds = result.tuned("a").trace.axes["seconds"]
    seconds[0, 25:] = np.nan
    assert math.isfinite(result.expected_running_time("a", "seconds"))
