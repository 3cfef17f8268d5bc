from __future__ import annotations

import json
import os
from pathlib import Path

from terminal import Tendsto, refused

from tendsto.store import Store

RACE = "race quadratic --methods sgd --set dimension=3 --steps 20 --seeds 3 --processes 1"


def test_finished_cells_are_listed_shown_and_removed(tendsto: Tendsto) -> None:
    tendsto(RACE)
    rows = json.loads(tendsto("runs list --json").out)
    assert sorted(row["seed"] for row in rows) == [0, 1, 2]
    assert "2 of 3 cells in .tendsto" in tendsto("runs list --limit 2").out
    shown = tendsto(f"runs show {rows[0]['key'][:10]}").out
    assert rows[0]["key"] in shown
    assert "budget at 20" in shown
    assert json.loads(tendsto(f"runs show {rows[0]['key']} --json").out)["final"]["index"] == 20
    assert "Removed 0 files" in tendsto("runs gc").out
    old = Path(rows[0]["path"])
    os.utime(old, (0, 0))
    assert "Would remove 1 file" in tendsto("runs gc --older-than 30d --dry-run").out
    assert "Removed 1 file" in tendsto("runs gc --older-than 30d").out
    assert rows[0]["key"] not in Store(".tendsto")


def test_a_damaged_record_is_garbage(tendsto: Tendsto) -> None:
    tendsto(RACE)
    path = next(Path(".tendsto/records").glob("*/*.tendsto"))
    path.write_bytes(path.read_bytes()[:-9])
    assert json.loads(tendsto("runs gc --json").out)["removed"] == [str(path.absolute())]


def test_what_is_not_there_is_said(tendsto: Tendsto) -> None:
    refused(tendsto("runs list"), "there is no store in '.tendsto': a race makes one")
    tendsto(RACE)
    refused(tendsto("runs show zzz"), "no cell in .tendsto begins with 'zzz'")
    refused(tendsto("runs gc --older-than soon"), "'soon' is no age: write a number with")
