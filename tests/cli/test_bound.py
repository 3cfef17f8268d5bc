from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import Tendsto, refused

from tendsto.core.registry import guarantees
from tendsto.theory import find


def test_the_best_row_comes_first_then_the_others(tendsto: Tendsto) -> None:
    answer = tendsto("bound gd --assume smooth=10,strongly-convex=0.1 --eps 1e-3")
    best = find("gd", smooth=10.0, strongly_convex=0.1)[0]
    assert answer.code == 0
    assert f"if d_0 = 1: {best.iterations(1e-3):,} iterations" in answer.out
    rows = [line.split()[0] for line in answer.out.splitlines() if line.startswith("gd-")]
    assert rows[0] == "gd-strongly-convex"
    assert "gd-convex" in rows
    assert max(map(len, answer.out.splitlines())) <= 80


def test_json_holds_every_row(tendsto: Tendsto) -> None:
    found = json.loads(tendsto("bound gd --assume smooth=10,convex=true,distance=2 --at 100 --eps 1e-9 --json").out)
    assert found["bounds"][0]["theorem"] == "gd-convex"
    assert found["bounds"][0]["bound"] == find("gd", smooth=10.0, convex=True, distance=2.0)[0].bound(100)
    assert found["not_applicable"]["gd-strongly-convex"] == "needs strongly_convex"


def test_a_problem_answers_for_itself(tendsto: Tendsto) -> None:
    found = json.loads(tendsto("bound gd --problem quadratic --json").out)
    assert found["bounds"][0]["constants"]["strongly_convex"] == 0.01


def test_the_table_lists_every_theorem(tendsto: Tendsto) -> None:
    listed = json.loads(tendsto("bound --table --json").out)["theorems"]
    assert {row["theorem"] for row in listed} == set(guarantees())
    answer = tendsto("bound --table gd")
    assert answer.code == 0
    assert "gd-convex: sure, tight; needs smooth, convex" in answer.out
    assert "nesterov" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_a_file_of_data_is_a_problem(tendsto: Tendsto, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("size,kind\n0.5,a\n1.5,b\n-0.2,a\n2.0,a\n", encoding="utf-8")
    found = json.loads(tendsto(f"bound gd --problem {path} --set C=0.5 --set intercept=false --json").out)
    assert found["bounds"][0]["constants"]["strongly_convex"] == 0.5


def test_what_costs_no_problem_costs_no_torch() -> None:
    code = "import sys, tendsto.cli; tendsto.cli.run(['bound', '--table', 'gd']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("bound gd --assume smooth=10,convex=true --step-size 0.5", "step size 0.5 exceeds 2/L = 0.2 for L = 10"),
        ("bound gd --assume smooth=0.1,strongly-convex=10", "strongly_convex = 10 exceeds smooth = 0.1"),
        ("bound gd --assume smooth=-1", "smooth = -1 cannot be L"),
        ("bound gd", "no theorem on gd applies to what is assumed: gd-convex needs"),
        ("bound gd --assume smoth=10", "'smoth' is no constant"),
        ("bound nothing --assume smooth=1", "no theorem here is about 'nothing'"),
        ("bound gd --assume smooth=ten", "smooth = 'ten'"),
        ("bound gd --assume smooth=10 --eps 0", "use at of at least 0 and eps above 0"),
        ("bound gd --problem quadratc", "did you mean quadratic"),
        ("bound --table nothing", "no theorem here is about 'nothing'"),
        ("bound", "no method was named"),
        ("bound gd --problem none.csv", "none.csv cannot be read as a CSV file"),
        ("bound gd --set C=1", "--set C=1 sets a problem's setting, and none was named"),
        ("bound gd --problem sgd", "'sgd' is no problem"),
    ],
)
def test_what_is_not_admissible_is_one_sentence(tendsto: Tendsto, line: str, says: str) -> None:
    refused(tendsto(line), says)


def test_a_setting_may_be_a_word(tendsto: Tendsto) -> None:
    answer = tendsto("bound frank-wolfe --assume smooth=1,convex=true,diameter=2")
    assert answer.code == 0
    assert "with rule = open-loop" in answer.out
