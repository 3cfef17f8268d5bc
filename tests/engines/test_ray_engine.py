"""Ray shares tasks as the pool does: the same results, errors that reach the caller, nothing finished lost."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tendsto as tt
from tendsto.engines import ray_engine
from tendsto.store import Store

ray: Any = pytest.importorskip("ray", reason="ray is not installed: pip install 'tendsto[ray]'")


@pytest.fixture(scope="module", autouse=True)
def _started() -> Iterator[None]:
    """Ray for all tests of this file, and no process of it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        # The processes import tasks by name, from these sources and from this file.
        patch.setenv("PYTHONPATH", f"{Path(tt.__file__).parents[1]}{os.pathsep}{Path(__file__).parent}")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        yield
        ray.shutdown()


class Tell:
    def __init__(self) -> None:
        self.total = self.done = 0

    def plan(self, cells: int, kept: int, iterations: int) -> None:
        self.total = iterations

    def advance(self, iterations: int) -> None:
        self.done += iterations


def _race(store: Path, tell: Tell | None = None) -> tt.Race:
    return tt.race("quadratic", ["sgd", "adam"], steps=40, seeds=4, store=store, processes=2, tell=tell)


def test_a_race_is_the_same_by_ray_and_by_the_pool_and_its_progress_is_told(tmp_path: Path) -> None:
    tell = Tell()
    with tt.engines.using("ray"):
        first = _race(tmp_path / "ray", tell)
    second = _race(tmp_path / "pool")
    assert tell.done == tell.total == 320
    assert len(Store(tmp_path / "ray").keys()) == 8
    for a, b in zip(first.entries, second.entries, strict=True):
        assert a.trace.meta["threads"] == 1
        for name in a.trace.values:
            np.testing.assert_array_equal(a.trace[name], b.trace[name])


def _task(task: tuple[str, Path], advance: Any) -> str:
    kind, folder = task
    (folder / f"{kind} begun").write_text(str(os.getpid()))
    if kind in ("fail", "die"):
        while not (folder / "wait begun").exists():
            time.sleep(0.02)
        if kind == "fail":
            raise ArithmeticError("no luck")
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        # Ray interrupts between two operations, not within a long one.
        for _ in range(1000 if kind == "wait" else 0):
            time.sleep(0.02)
    except KeyboardInterrupt:
        (folder / "saved").touch()
        raise
    return kind


def test_what_a_task_raises_reaches_the_caller_and_the_others_are_interrupted(tmp_path: Path) -> None:
    with pytest.raises(ArithmeticError, match=r"^no luck$"):
        ray_engine.share(_task, [("wait", tmp_path), ("fail", tmp_path), ("never", tmp_path)], 2)
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "never begun").exists()


def test_a_lost_process_is_one_sentence_and_the_others_are_interrupted(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^Ray lost a process that ran a task .* the same call goes on from it$"):
        ray_engine.share(_task, [("wait", tmp_path), ("die", tmp_path)], 2)
    assert (tmp_path / "saved").exists()


def test_answers_are_told_with_their_places(tmp_path: Path) -> None:
    answers: dict[int, str] = {}
    ray_engine.share(_task, [(name, tmp_path) for name in "abc"], 2, done=answers.__setitem__)
    assert answers == {0: "a", 1: "b", 2: "c"}


def test_an_unknown_engine_and_a_missing_one_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no engine is called 'dask': use pool or ray"), tt.engines.using("dask"):
        pass
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"ray is not installed: pip install 'tendsto\[ray\]'"):  # noqa: SIM117
        with tt.engines.using("ray"):
            pass
