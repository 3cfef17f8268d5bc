"""kill -9 at random instants of a whole race: no finished cell is lost, and the end is the uninterrupted one, bitwise.

And two races for the same cells at the same time: each cell is run once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tendsto
from tendsto.store import Store


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    source = str(Path(tendsto.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, script, *map(str, arguments)],
        cwd=Path(__file__).parent,
        env=os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kills", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_kills_lose_nothing_and_change_nothing(kills: int, tmp_path: Path) -> None:
    output, errors = start("race_killing.py", tmp_path, kills).communicate(timeout=250)
    assert errors == ""
    counts = json.loads(output)
    assert counts["kills"] >= kills
    # Otherwise the kills came before or after the work, and the test has shown nothing.
    assert counts["between"] > kills / 3
    assert counts["resumed"] > kills / 10
    assert counts["races"] > 5


def test_of_two_races_for_the_same_cells_each_runs_its_own(tmp_path: Path) -> None:
    racers = [
        start("race_racing.py", tmp_path / "store", tmp_path / "log", names) for names in ("sgd,adam", "adam,lion")
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    ends = [racer.communicate(timeout=120) for racer in racers]
    assert [errors for _, errors in ends] == ["", ""]
    # Both have the same result, and every cell was computed in one process alone.
    assert ends[0][0] == ends[1][0]
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert len({process for process, _ in lines}) == 2
    cells = [cell for _, cell in lines]
    assert len(cells) == len(set(cells)) == 24
    assert Store(tmp_path / "store").keys() == set(cells)
