from __future__ import annotations

import subprocess
import sys

import pytest
from terminal import Tendsto, refused

from tendsto.cli import names

COMMANDS = ["", "race", "bound", "check", "atlas", "problems", "methods", "runs", "runs list", "runs show", "runs gc"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_an_example_and_fits_the_screen(tendsto: Tendsto, command: str) -> None:
    answer = tendsto(f"{command} --help")
    first, second = answer.out.splitlines()[:2]
    assert answer.code == 0
    assert first in ("Example:", "Examples:")
    assert second.startswith(f"  tendsto {command}")
    assert max(map(len, answer.out.splitlines())) <= 84


@pytest.mark.parametrize(
    "line", ["--help", "race --help", "race quadratc --methods sgd", "check nonsense", "runs list"]
)
def test_help_and_wrong_names_import_no_torch(line: str, tmp_path: object) -> None:
    script = f"import sys; from tendsto.cli import run; run({line.split()!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=str(tmp_path)).returncode == 0


def test_names_are_read_from_the_sources() -> None:
    from tendsto.core import registry

    listed, complete = names.registered()
    assert complete
    assert listed >= {*registry.methods(), *registry.problems(), *registry.guarantees()}
    assert names.complete_names("quadratic,adam") == [f"quadratic,{n}" for n in sorted(listed) if n.startswith("adam")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rase", r"no such command 'rase'.*race.*see tendsto --help"),
        ("race --bogus", "no such option.*--bogus; see tendsto race --help"),
        ("race quadratic --methods sgd --steps many", "--steps.*valid integer.*'many'"),
        ("check", "missing argument"),
    ],
)
def test_misuse_is_one_sentence(tendsto: Tendsto, line: str, says: str) -> None:
    refused(tendsto(line), says)


def test_a_fault_is_told_from_bad_input(tendsto: Tendsto, monkeypatch: pytest.MonkeyPatch) -> None:
    from tendsto.core import registry

    def broken() -> None:
        raise AssertionError("a thing that cannot be")

    monkeypatch.setattr(registry, "problems", broken)
    answer = tendsto("problems")
    assert answer.code == 70
    assert answer.err.startswith("tendsto: this is a fault of tendsto, not of yours: AssertionError: a thing that")
    with pytest.raises(AssertionError):
        tendsto("problems --debug")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_methods(shell: str, tmp_path: object) -> None:
    asked = {"_TENDSTO_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "tendsto bound neste"}
    words = {"COMP_WORDS": "tendsto bound neste", "COMP_CWORD": "2", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    script = "from tendsto.cli import main; main([])"
    import os

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **asked, **words}
    )
    assert "nesterov" in done.stdout
