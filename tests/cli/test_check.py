from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Tendsto, refused

import tendsto.atlas
from tendsto.atlas import discover, record
from tendsto.store import Store

CARD = """
from tendsto.core.measure import Measure
from tendsto.core.paper import Evidence, Paper
from tendsto.optim import SGDRule

paper = Paper(key="toy-descent", title="Descent", year=2024, family="optim", provides=[SGDRule], arxiv="0000.00000")


@paper.claim("a larger step ends lower", paper_reports="ten times lower")
def lower(lab):
    race = lab.race("quadratic", ["sgd"], steps=lab.pick(full=30, smoke=10), seeds=2, tune={"lr": [0.1, 1.0]})
    return Evidence(Measure(0.9, 0.8, 1.0), at_least=THRESHOLD, what="share", traces={"sgd": race.tuned("sgd").trace})


@lower.control("no step at all")
def none(lab):
    return Evidence(CONTROL, at_least=THRESHOLD, what="share", figures={"gap": float("inf")})
"""

Card = Callable[..., Path]


@pytest.fixture
def card(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Card:
    """Writes a card into an atlas that has no other."""
    folder = tmp_path_factory.mktemp("atlas")
    (folder / "toys").mkdir()
    monkeypatch.setattr(discover, "_FOLDER", folder)
    monkeypatch.setattr(tendsto.atlas, "__path__", [str(folder), *tendsto.atlas.__path__])

    def write(threshold: float = 0.5, control: float | str = 0.1, key: str = "toy-descent") -> Path:
        for module in [name for name in sys.modules if name.startswith("tendsto.atlas.toys")]:
            monkeypatch.delitem(sys.modules, module)
        path = folder / "toys" / f"{key.replace('-', '_')}.py"
        path.write_text(CARD.replace("THRESHOLD", str(threshold)).replace("CONTROL", str(control)))
        return path

    return write


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_claim_is_shown_with_threshold_control_and_outcome(tendsto: Tendsto, card: Card) -> None:
    card()
    answer = tendsto("check toy-descent")
    said = words(answer.out)
    assert answer.code == 0
    assert "holds lower: a larger step ends lower" in said
    assert "share: 0.9 [0.8, 1] (at least 0.5 was asked)" in said
    assert "no step at all: share: 0.1 (at least 0.5 was asked) not satisfied, as it must be" in said
    assert said.endswith("1 claim: 1 holds.")
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("threshold", "control", "outcome", "code"), [(2, 0.1, "fails", 1), (0.5, 0.7, "inconclusive", 0)]
)
def test_the_exit_code_says_that_a_claim_fails(
    tendsto: Tendsto, card: Card, threshold: float, control: float, outcome: str, code: int
) -> None:
    card(threshold, control)
    answer = tendsto("check toy-descent --smoke --json")
    assert answer.code == code
    assert [claim["outcome"] for claim in json.loads(answer.out)[0]["claims"]] == [outcome]


def test_evidence_is_recorded_and_stale_once_a_source_has_changed(tendsto: Tendsto, card: Card, tmp_path: Path) -> None:
    path = card()
    assert "1 not measured" in tendsto("atlas").out
    assert tendsto("check all --record").code == 0
    kept = json.loads((tmp_path / "evidence" / "toy-descent.json").read_text())
    (claim,) = kept["claims"]
    (part,) = claim["evidence"]["parts"]
    assert [part[name] for name in ("value", "low", "high", "at_least", "at_most")] == [0.9, 0.8, 1.0, 0.5, None]
    assert claim["control"]["figures"] == {"gap": "inf"}
    assert claim["seeds"] == [0, 1]
    assert "torch" in kept["where"]
    assert {"optim/sgd.py", "problems/quadratic.py", "core/cell.py", str(path)} <= set(kept["sources"])
    assert (tmp_path / "evidence" / claim["picture"]).read_text().startswith("<svg")
    (row,) = json.loads(tendsto("atlas --json").out)
    assert (row["stale"], row["claims"][0]["outcome"], row["date"]) == ([], "holds", kept["date"])
    fewer = {name: digest for name, digest in kept["sources"].items() if name != "optim/sgd.py"}
    (tmp_path / "evidence" / "toy-descent.json").write_text(json.dumps({**kept, "sources": fewer}))
    (row,) = json.loads(tendsto("atlas --json").out)
    assert row["stale"] == ["optim/sgd.py"], "evidence that does not name a source cannot vouch for it"
    (tmp_path / "evidence" / "toy-descent.json").write_text(json.dumps(kept))
    card(0.6)
    (row,) = json.loads(tendsto("atlas --json").out)
    assert row["stale"] == [str(path)]
    assert "stale" in tendsto("atlas").out


def test_what_was_not_measured_whole_is_no_evidence(tendsto: Tendsto, card: Card, tmp_path: Path) -> None:
    card()
    refused(tendsto("check toy-descent --record --smoke"), "evidence is whole and at full scale")
    assert not (tmp_path / "evidence").exists()


def test_a_claim_that_does_not_run_fails_and_says_why(tendsto: Tendsto, card: Card) -> None:
    card(control="Measure.mean([])")
    answer = tendsto("check toy-descent --smoke")
    assert answer.code == 1
    assert "fails lower" in words(answer.out)
    assert "error it did not run to the end: ValueError: the mean of no runs was asked for" in words(answer.out)
    assert answer.err.count("Traceback") == 1


SCRIPT = """
from tendsto.cli import main
if __name__ == "__main__":
    main()
"""


def test_an_interrupt_ends_claims_measured_at_once_and_keeps_what_they_stored(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SCRIPT)
    line = [sys.executable, "program.py", "check", "connectivity", "--processes", "2"]
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".tendsto/records/*/*.tendsto"))) < 3 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    kept = Store(tmp_path / ".tendsto").keys()
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert said.endswith("tendsto: interrupted; what was finished is kept in .tendsto, and the same command resumes\n")
    assert "Traceback" not in said
    assert Store(tmp_path / ".tendsto").keys() >= kept > set()


def test_unknown_papers_claims_and_families_are_named(tendsto: Tendsto, card: Card) -> None:
    card()
    refused(tendsto("check toy-decent"), "no paper is called 'toy-decent'; did you mean toy-descent")
    refused(tendsto("check toy-descent --claim lowr"), "toy-descent has no claim 'lowr'; did you mean lower")
    refused(tendsto("atlas --family opt"), "no paper is of the family 'opt'; did you mean optim")


def test_a_card_is_named_by_its_key(card: Card) -> None:
    card(key="another")
    with pytest.raises(ValueError, match="must hold `paper = Paper"):
        discover.paper("another")


def test_damaged_evidence_is_named(tendsto: Tendsto, card: Card) -> None:
    card()
    Path("evidence").mkdir()
    for text, says in [("{", "is not JSON"), ("{}", "holds no evidence")]:
        Path("evidence/toy-descent.json").write_text(text)
        refused(tendsto("atlas"), f"toy-descent.json {says}")
    assert record.read("other", Path("evidence")) is None
