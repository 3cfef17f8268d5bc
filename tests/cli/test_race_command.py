from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from terminal import Tendsto, refused

from tendsto.core import registry
from tendsto.core.problem import Problem
from tendsto.problems import Quadratic
from tendsto.store import Store, StoreError

SMALL = "race quadratic --set dimension=5 --steps 40 --seeds 2 --processes 1"


@dataclasses.dataclass(frozen=True)
class NotANumber(Quadratic):
    """A problem whose data holds a NaN."""

    def criterion(self, x: torch.Tensor) -> torch.Tensor:
        return super().criterion(x) + torch.nan


@dataclasses.dataclass(frozen=True)
class Silent(Problem):
    """A problem that answers no oracle."""


@pytest.fixture(autouse=True)
def _problems(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.discover()
    monkeypatch.setitem(registry._factories, "not-a-number", NotANumber)
    monkeypatch.setitem(registry._factories, "silent", Silent)


def test_a_race_prints_its_table_and_where_cells_are_kept(tendsto: Tendsto) -> None:
    answer = tendsto(f"{SMALL} --methods sgd,adam --tune lr=0.1:1:3")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines() if line.startswith(("sgd ", "adam "))] == [
        "sgd",
        "adam",
    ]
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "12 cells are kept in .tendsto." in answer.out
    assert "12 cells, 480 iterations to go" in answer.err
    assert (
        "12 cells are kept in .tendsto, 12 of them from before."
        in tendsto(f"{SMALL} --methods adam,sgd --tune lr=0.1:1:3").out
    )


def test_json_holds_what_was_measured(tendsto: Tendsto) -> None:
    answer = tendsto(f"{SMALL} --methods sgd,adam --tune lr=0.1,1,1e12 --target 1e-2 --json --report race.html")
    found = json.loads(answer.out)
    sgd, adam = found["methods"]
    assert (sgd["name"], adam["name"]) == ("sgd", "adam")
    assert sgd["settings"] == {"lr": 1.0}
    assert [try_["final"] is None for try_ in sgd["tried"]] == [False, False, True]
    assert found["seeds"] == [0, 1]
    assert found["report"] == "race.html"
    assert Path("race.html").exists()
    assert Store(".tendsto").keys()


def test_settings_of_the_problem_may_be_spelt_both_ways(tendsto: Tendsto) -> None:
    first = json.loads(tendsto("race quadratic --methods sgd --steps 9 --set dimension=3,smallest=1 --json").out)
    second = tendsto("race quadratic --methods sgd --steps 9 --problem.dimension 3 --problem.smallest=1 --json")
    assert first == json.loads(second.out)
    assert first["problem"] == "tt.problems.Quadratic(dimension=3, smallest=1.0)"


def test_an_integer_and_a_float_name_the_same_run(tendsto: Tendsto) -> None:
    tendsto(f"{SMALL} --methods sgd --tune lr=1")
    assert "2 of them from before" in tendsto(f"{SMALL} --methods sgd --tune lr=1.0").out


def test_a_file_gives_what_the_command_line_does_not(tendsto: Tendsto, tmp_path: Path) -> None:
    Path("race.toml").write_text(
        'problem = "quadratic"\nmethods = ["sgd", "adam"]\nsteps = 40\nseeds = [3, 4]\nstore = "cells"\n'
        '[set]\ndimension = 5\n[tune]\nlr = "0.1:1:3"\n'
    )
    found = json.loads(tendsto("race --from race.toml --steps 20 --json").out)
    assert (found["steps"], found["seeds"], found["tune"]) == (20, [3, 4], {"lr": [0.1, 0.3162, 1.0]})
    assert (tmp_path / "cells").is_dir()
    assert not (tmp_path / ".tendsto").exists()


def test_methods_of_a_family_race_and_those_that_decline_are_named(
    tendsto: Tendsto, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tendsto.optim import SGDRule

    class Player(SGDRule):
        family = "games"
        asks = ("operator",)

    monkeypatch.setitem(registry._factories, "player", Player)
    assert "player: it needs operator" in tendsto(f"{SMALL} --methods sgd,player").out
    refused(tendsto(f"{SMALL} --methods all --family games"), "no method fits Quadratic: .*player: it needs operator")
    refused(tendsto(f"{SMALL} --family gmes"), "of the family 'gmes'; did you mean games")
    refused(tendsto("race silent --methods sgd"), "no method fits Silent")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("race", "name a problem, such as digits-mlp"),
        ("race quadratic", "name methods"),
        ("race quadratc --methods sgd", "nothing is called 'quadratc'; did you mean quadratic"),
        ("race quadratic --methods sgdd", "nothing is called 'sgdd'; did you mean .*sgd"),
        ("race quadratic --methods sgd,sgd", "'sgd' was given twice"),
        ("race quadratic --methods quadratic", "'quadratic' is no method"),
        ("race sgd --methods sgd", "'sgd' is no problem"),
        ("race quadratic --methods ,", "no method was named"),
        ("race quadratic --methods sgd --tune lr=", "the grid of 'lr' is empty"),
        ("race quadratic --methods sgd --tune lrr=1", "has a setting 'lrr'; did you mean lr"),
        ("race quadratic --methods sgd --tune lr=fast", "lr = 'fast' does not fit sgd: .* a finite number"),
        ("race quadratic --methods sgd --set dimensio=3", "no setting 'dimensio'; did you mean dimension"),
        ("race quadratic --methods sgd --set dimension=0", "dimension = 0 is empty"),
        ("race quadratic --methods sgd --set dimension", "is no setting: write it as name=value"),
        ("race quadratic --methods sgd --problem.dimension", "--problem.dimension needs a value"),
        ("race quadratic --methods sgd --steps 0", "steps = 0"),
        ("race quadratic --methods sgd --seeds 0", "seeds = '0' names no runs"),
        ("race quadratic --methods sgd --seeds 1,1", "distinct seeds"),
        ("race quadratic --methods sgd --processes 0", "processes = 0"),
        ("race quadratic --methods sgd --engine dask", "no engine is called 'dask': use pool or ray"),
        ("race quadratic --methods sgd --report no/where.html", "folder of the report 'no/where.html'"),
        ("race quadratic --methods sgd --from none.toml", "none.toml cannot be read: No such file"),
    ],
)
def test_bad_input_is_one_sentence_and_runs_nothing(tendsto: Tendsto, tmp_path: Path, line: str, says: str) -> None:
    refused(tendsto(line), says)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('problem = "quadratic"\nmethods = [\n', r"race.toml is not TOML: .*\((at line 3|at end of document)"),
        ('problem = "quadratic"\nsteps == 3\n', r"race.toml is not TOML: .*line 2"),
        ("stepz = 3\n", "unknown setting 'stepz'; did you mean steps"),
        ("problem = 3\n", "problem = 3: a text is needed"),
        ('problem = "quadratic"\nmethods = 3\n', "methods = 3 are no names"),
        ('problem = "quadratic"\nmethods = "sgd"\nsteps = "many"\n', "steps = 'many'"),
        ('problem = "quadratic"\nmethods = "sgd"\nset = 3\n', "set = 3"),
        ('problem = "quadratic"\nmethods = "sgd"\ntune = 3\n', "tune = 3"),
        ('problem = "quadratic"\nmethods = "sgd"\n[tune]\nlr = []\n', "the grid of 'lr' is empty"),
    ],
)
def test_a_wrong_file_is_one_sentence(tendsto: Tendsto, text: str, says: str) -> None:
    Path("race.toml").write_text(text)
    refused(tendsto("race --from race.toml"), says)


def test_a_wrong_step_size_diverges_everywhere(tendsto: Tendsto) -> None:
    answer = tendsto("race quadratic --methods sgd --tune lr=100,1000 --steps 2000 --seeds 2 --processes 1")
    assert answer.code == 1
    assert re.search(r"Every run of every method diverged: .*; try smaller\s+steps", answer.out)


def test_a_problem_with_nan_data_is_said_to_be_at_fault(tendsto: Tendsto) -> None:
    answer = tendsto("race not-a-number --methods sgd,adam --steps 20 --seeds 2 --processes 1")
    assert answer.code == 1
    assert "no step was taken" in " ".join(answer.out.split())


def test_a_target_that_is_never_reached_is_said(tendsto: Tendsto) -> None:
    answer = tendsto(f"{SMALL} --methods sgd --target 1e-30")
    assert answer.code == 0
    assert "No method reached the target 1e-30 within 40 iterations: the best, sgd, came to" in " ".join(
        answer.out.split()
    )


def test_a_store_that_cannot_be_written_is_one_sentence(tendsto: Tendsto, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    answer = tendsto(f"{SMALL} --methods sgd --store file/cells")
    assert answer.code == 2
    assert re.search(r"tendsto: cannot (lock|read) .*file/cells/.*\n$", answer.err)

    def read_only(*arguments: Any) -> None:
        raise StoreError("cannot lock cells/lock: it lies on a read-only file system; choose another")

    monkeypatch.setattr(Store, "_acquire", read_only)
    answer = tendsto(f"{SMALL} --methods sgd")
    assert answer.code == 2
    assert answer.err.endswith("tendsto: cannot lock cells/lock: it lies on a read-only file system; choose another\n")


LONG = "race quadratic --methods sgd,adam --tune lr=0.01,0.1 --steps 4000 --seeds 2 --json"
SCRIPT = """
from tendsto.cli import main
if __name__ == "__main__":
    main()
"""


def started(folder: Path, *, processes: int) -> subprocess.Popen[str]:
    """A race in a process of its own, in which the first cells are kept and the last are still running."""
    script = folder / "program.py"
    script.write_text(SCRIPT)
    line = [*LONG.split(), "--processes", str(processes)]
    process = subprocess.Popen(
        [sys.executable, str(script), *line], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while len(list(folder.glob(".tendsto/records/*/*.tendsto"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def test_an_interrupted_race_resumes_to_the_same_result(tmp_path: Path, tendsto: Tendsto) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    broken.mkdir()
    process = started(broken, processes=1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    # The batch that was running may have been begun, or not.
    match = re.search(
        r"tendsto: interrupted; (\d) of 8 cells are kept in .tendsto, "
        r"(?:([\d,]+) iterations of others are saved, )?and the same command resumes\n$",
        said,
    )
    assert match, said
    saved = int((match[2] or "0").replace(",", ""))
    assert "Traceback" not in said
    assert int(match[1]) == len(Store(broken / ".tendsto").keys()) > 0
    answer = tendsto(f"{LONG} --processes 1 --store {broken}/.tendsto")
    left = re.search(r"\d of 8 cells kept, ([\d,]+) iterations to go", answer.err)
    assert left, answer.err
    assert int(left[1].replace(",", "")) == (8 - int(match[1])) * 4000 - saved, "it goes on from where it was"
    resumed = json.loads(answer.out)
    alone = json.loads(tendsto(f"{LONG} --processes 1 --store {whole}").out)
    assert {**resumed, "store": ""} == {**alone, "store": ""}


def test_a_second_interrupt_ends_at_once_and_loses_nothing(tmp_path: Path) -> None:
    process = started(tmp_path, processes=2)
    workers = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout
    kept = Store(tmp_path / ".tendsto").keys()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert re.search(r"^tendsto: (stopped at once|interrupted)", said, re.MULTILINE), said
    assert "resource_tracker" not in said
    assert Store(tmp_path / ".tendsto").keys() >= kept
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in workers.split()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in workers.split())
