from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tendsto
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


PROGRAM = """
import signal, sys, time
from pathlib import Path
from tendsto.engines.pool import share

def work(task, advance):
    folder, name = task
    (folder / f"{name} begun").touch()
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        (folder / f"{name} saved").touch()
        raise

if __name__ == "__main__":
    # What a shell starts in the background ignores Ctrl-C, and so would this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    share(work, [(Path(sys.argv[1]), name) for name in "ab"], processes=2)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_tasks_are_interrupted_so_that_they_may_save_however_their_parent_ends(how: int, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(Path(tendsto.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], env=environment, stderr=subprocess.PIPE, text=True
    )

    def wait(names: set[str]) -> None:
        deadline = time.monotonic() + 60
        while not names <= {path.name for path in tmp_path.iterdir()} and time.monotonic() < deadline:
            time.sleep(0.02)
        assert names <= {path.name for path in tmp_path.iterdir()}

    wait({"a begun", "b begun"})
    process.send_signal(how)
    wait({"a saved", "b saved"})
    _, said = process.communicate(timeout=30)
    # Only the parent has something to say, and only if it lives to say it.
    assert said.count("Traceback") == (how == signal.SIGINT), said
