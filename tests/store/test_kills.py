"""kill -9 at a hundred random instants: no finished record is lost, none is torn, and no leftover is in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_a_hundred_kills(start: Any, tmp_path: Path) -> None:
    output, errors = start("killing.py", tmp_path / "runs", 100).communicate(timeout=120)
    assert errors == ""
    counts = json.loads(output)
    assert counts["kills"] == 100
    # Otherwise the kills came before or between the writes, and the test has shown nothing.
    assert counts["torn"] > 0
    assert counts["finished"] > 50
    assert counts["step"] > 10
    # Writers went on where the killed ones stopped, so the records have no gap.
    assert counts["gapless"] == counts["recorded"] >= counts["finished"]
