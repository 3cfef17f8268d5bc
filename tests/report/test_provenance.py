"""What ran, as a page says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tendsto.core.race import Race, race
from tendsto.optim import SGDRule
from tendsto.problems import Quadratic
from tendsto.report.provenance import what_ran
from tendsto.report.summary import standings


def said(result: Race) -> dict[str, str]:
    return dict(what_ran(result, standings(result)))


@pytest.mark.parametrize("kept", [True, False])
def test_the_number_of_threads_is_the_one_that_was_computed_with(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    settings: dict[str, Any] = {"steps": 5, "seeds": 2, "store": tmp_path if kept else None}
    result = race(Quadratic(dimension=3), {"sgd": SGDRule()}, **settings)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert said(result)["Threads"] == "3"
    if kept:
        again = race(Quadratic(dimension=3), {"sgd": SGDRule()}, **settings)
        assert said(again)["Threads"] == "3"
