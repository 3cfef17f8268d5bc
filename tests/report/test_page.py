"""The page of a race as text. What it does in a browser: `test_browser`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tendsto.core.race import race
from tendsto.problems import Quadratic
from tendsto.report import race_page
from tendsto.report.bounds import matching

HARD = {
    "one diverged": {"scales": {"a": 1.0, "b": 2.0}, "diverged": {"b": range(5)}},
    "all diverged": {"scales": {"a": 1.0, "b": 2.0}, "diverged": {"a": range(5), "b": range(5)}},
    "never reached": {"scales": {"a": 1.0, "b": 2.0}, "target": -1.0},
    "one seed": {"scales": {"a": 1.0, "b": 2.0}, "seeds": 1},
    "one method": {"scales": {"a": 1.0}},
    "one setting": {"scales": {"a": 1.0, "b": 2.0}, "lrs": (0.1,)},
    "25 methods": {"scales": {f"method {i}": 1 + i / 10 for i in range(25)}, "seeds": 10},
    "negative": {"scales": {"a": 1.0, "b": 2.0}, "shift": -3.0},
    "optimum known": {"scales": {"a": 1.0, "b": 2.0}, "shift": 7.0, "optimum": 7.0},
}


@pytest.mark.parametrize("case", HARD)
def test_hard_cases_give_a_page_under_2_mb_that_asks_for_nothing(make_race, tmp_path, case):
    page = race_page(make_race(**HARD[case]), tmp_path / "race.html")
    html = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 2_000_000
    outside = set(re.findall(r"(?:https?:)?//[\w.]+", re.sub(r"^\s*//.*$", "", html, flags=re.M)))
    assert outside <= {"http://www.w3.org"}
    assert "NaN" not in re.search(r'id="data">(.*?)</script>', html, re.S).group(1)  # type: ignore[union-attr]
    assert len(re.findall(r"<h2 ", html)) == 6


def test_labels_cannot_break_out_of_the_page(make_race, tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    html = race_page(make_race({evil: 1.0, "b": 2.0}), tmp_path / "race.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<img" not in html
    assert html.count("</script>") == 2


def test_the_page_is_the_same_twice(make_race, tmp_path):
    result = make_race({"a": 1.0, "b": 2.0})
    first = race_page(result, tmp_path / "a.html").read_bytes()
    assert race_page(result, tmp_path / "b.html").read_bytes() == first


def test_what_ran_is_on_the_page(make_race, tmp_path):
    html = race_page(make_race({"a": 1.0}), tmp_path / "race.html").read_text(encoding="utf-8")
    for told in (
        "tt.problems.Quadratic(dimension=3)",
        "tt.optim.SGDRule(lr=0.1)",
        "0, 1, 2, 3, 4",
        "lr in {0.01, 0.1, 1}",
    ):
        assert told in html
    assert "seconds are the batch's" in html


def test_a_guarantee_for_a_method_that_did_not_run_is_refused(make_race, tmp_path):
    from tendsto.theory import GDConvex

    with pytest.raises(ValueError, match="'newton', which did not run; a did"):
        race_page(make_race({"a": 1.0}), tmp_path / "race.html", guarantees={"newton": GDConvex(smooth=1.0)})


def test_theorems_are_laid_over_the_methods_that_they_are_about_and_no_other(tmp_path):
    exact = race(Quadratic(dimension=5), ["gd", "nesterov", "adam"], steps=60, seeds=2, tune={"lr": [0.5, 1.0]})
    found = matching(exact)
    assert {"gd", "nesterov"} >= set(found)
    assert found["gd"].step_size == exact.tuned("gd").settings["lr"]  # type: ignore[attr-defined]
    assert found["gd"].check(exact.tuned("gd").trace).holds
    html = exact.report(tmp_path / "race.html").read_text(encoding="utf-8")
    assert f'"bound: {type(found["gd"]).__name__}"' in html
    assert "bound on gap holds" in html


def test_too_large_a_step_has_no_theorem():
    result = race(Quadratic(dimension=5), ["gd"], steps=20, seeds=2, tune={"lr": [3.0]})
    assert matching(result) == {}


def test_a_race_in_which_everything_diverged_has_a_page(tmp_path: Path) -> None:
    result = race("quadratic", ["sgd"], steps=400, seeds=2, tune={"lr": [50.0, 100.0]})
    page = result.report(tmp_path / "race.html").read_text()
    assert "No method came through" in page
    assert "target inf" not in result.table()
