from __future__ import annotations

from pathlib import Path

import pytest
from terminal import Answer, Tendsto

from tendsto import cli


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
