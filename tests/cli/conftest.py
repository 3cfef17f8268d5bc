from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tendsto import cli


class Answer(NamedTuple):
    """What a command said: its exit code, and what stands on its two outputs."""

    code: int
    out: str
    err: str


Tendsto = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own import what these tests do, from whichever folder they run in."""
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[2]))


@pytest.fixture
def tendsto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tendsto:
    """Runs a command line in this process, in an empty folder, on a screen of 80 columns that is no terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(line: str) -> Answer:
        code = cli.run(line.split())
        return Answer(code, *capsys.readouterr())

    return run


def refused(answer: Answer, pattern: str) -> None:
    """Bad input is one sentence on stderr, exit code 2, and nothing else."""
    assert answer.code == 2
    assert answer.out == ""
    assert re.fullmatch(r"tendsto: [^\n]+\n", answer.err), answer.err
    assert re.search(pattern, answer.err), answer.err
