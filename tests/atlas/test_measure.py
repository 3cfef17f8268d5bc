from pathlib import Path
from typing import Any

import pytest

import tendsto
from tendsto.atlas import discover, record
from tendsto.atlas.measure import measure
from tendsto.store import Store


class Screen:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def now(self, what: str) -> None:
        self.said.append(what)

    def plan(self, cells: int, kept: int, iterations: int) -> None: ...

    def advance(self, iterations: int) -> None: ...


def _measured(keys: list[str], folder: Path, processes: int, screen: Screen | None = None) -> list[record.Measured]:
    found: list[record.Measured] = []
    cards = [discover.paper(key) for key in keys]
    measure(cards, found.append, scale="smoke", store=Store(folder), processes=processes, tell=screen)
    return found


def _without_time(measured: record.Measured) -> dict[str, Any]:
    plain = measured.plain()
    return {**plain, "seconds": 0, "claims": [{**claim, "seconds": 0} for claim in plain["claims"]]}


def test_claims_measured_at_once_find_what_they_find_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(tendsto.__file__).parents[1]))
    keys, screen = ["mslln", "connectivity"], Screen()
    alone = _measured(keys, tmp_path / "alone", 1)
    apart = _measured(keys, tmp_path / "apart", 2, screen)
    assert [found.paper.key for found in apart] == keys
    assert list(map(_without_time, apart)) == list(map(_without_time, alone))
    for one, other in zip(alone, apart, strict=True):
        assert one.seen == other.seen > frozenset()
        assert len(one.findings) == len(one.paper.claims)
        assert list(map(record._picture, one.findings)) == list(map(record._picture, other.findings))
        assert any(map(record._picture, one.findings))
    assert screen.said[0] == "mslln: decoupling, mslln: sharpness (0 of 7 claims measured)"
    assert len(screen.said) == 7
