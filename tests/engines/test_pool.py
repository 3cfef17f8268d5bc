from __future__ import annotations

import time
from typing import Any

import pytest

from tendsto.engines.pool import share


def _task(task: str, advance: Any) -> None:
    if task == "fail":
        time.sleep(0.3)
        raise ArithmeticError("no luck")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # Long messages keep the queue's lock for most of the time.
        advance([0] * 100_000)


@pytest.mark.timeout(30)
def test_a_failing_task_ends_the_others_though_they_are_in_the_middle_of_a_report() -> None:
    with pytest.raises(ArithmeticError, match="no luck"):
        share(_task, ["report", "fail"], 2, lambda iterations: None)
