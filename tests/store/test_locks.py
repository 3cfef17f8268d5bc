"""Claims: each cell to one process or thread at a time, and none to the dead."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from cells import key_of, record_of
from racing import CELLS

from tendsto.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


HOLD = """
import sys
from cells import key_of
from tendsto.store import Store
with Store(sys.argv[1]).claim_many(map(key_of, range(3))) as mine:
    print(len(mine), flush=True)
    sys.stdin.readline()
"""

GARBAGE = """
import sys
from tendsto.store import Store
print(len(Store(sys.argv[1]).garbage()))
"""


def test_two_processes_racing_run_each_cell_once(start: Any, store: Store, tmp_path: Path) -> None:
    racers = [start("racing.py", store.root, tmp_path / "log") for _ in range(2)]
    assert [racer.stdout.readline() for racer in racers] == ["holding\n"] * 2
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert [racer.communicate(timeout=60) for racer in racers] == [("", "")] * 2
    assert [racer.returncode for racer in racers] == [0, 0]
    runs = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(int(cell) for cell, _ in runs) == list(range(CELLS))
    assert {process for _, process in runs} == {str(racer.pid) for racer in racers}
    assert all(store.get(key_of(cell)) == record_of(cell) for cell in range(CELLS))


def test_a_claim_ends_when_its_process_is_killed(start: Any, store: Store) -> None:
    holder = start("-c", HOLD, store.root)
    assert holder.stdout.readline() == "3\n"
    with store.claim_many(map(key_of, range(4))) as mine:
        assert mine == {key_of(3)}
    holder.kill()
    holder.communicate()
    with store.claim_many(map(key_of, range(4))) as mine:
        assert mine == {key_of(cell) for cell in range(4)}


def test_a_claim_ends_with_its_block_even_by_an_error(store: Store) -> None:
    def failing() -> None:
        with store.claim(key_of(0)) as mine:
            raise RuntimeError(f"claimed: {mine}")

    with pytest.raises(RuntimeError, match="claimed: True"):
        failing()
    with store.claim(key_of(0)) as mine:
        assert mine


def test_a_recorded_cell_is_nobodys(store: Store) -> None:
    with store.claim(key_of(0)) as mine:
        assert mine
        store.put(record_of(0))
    with store.claim(key_of(0)) as mine:
        assert not mine
    with store.claim_many([key_of(0), key_of(1), key_of(1)]) as mine:
        assert mine == {key_of(1)}


def test_threads_of_one_process_are_told_apart(store: Store) -> None:
    runs: list[int] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        own = Store(store.root)
        barrier.wait()
        for cell in range(30):
            with own.claim(key_of(cell)) as mine:
                if mine:
                    runs.append(cell)
                    own.put(record_of(cell))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(runs) == list(range(30))


def test_a_forked_child_has_not_its_parents_claims(start: Any, store: Store) -> None:
    code = """
import os, sys
from cells import key_of
from tendsto.store import Store
store = Store(sys.argv[1])
with store.claim(key_of(0)) as mine:
    if os.fork() == 0:
        with store.claim_many([key_of(0), key_of(1)]) as left:
            os._exit(left == {key_of(1)})
    print(mine, os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
    free, waiting = os.pipe()
    if os.fork() == 0:
        os.close(waiting)
        os.read(free, 1)
        with store.claim(key_of(0)) as mine:
            os._exit(mine)
os.close(waiting)
print(mine, os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
with store.claim(key_of(0)) as mine:
    if os.fork() == 0:
        sys.stdin.readline()
        os._exit(0)
    print("forked", flush=True)
    os.kill(os.getpid(), 9)
"""
    parent = start("-c", code, store.root)
    # A child does not get what its parent claims, and gets it once the parent has given it back.
    assert parent.stdout.readline() == "True 1\n"
    assert parent.stdout.readline() == "True 1\n"
    assert parent.stdout.readline() == "forked\n"
    parent.wait(timeout=60)
    # The parent is dead and its idle child alive: the claim went with the parent.
    with store.claim(key_of(0)) as mine:
        assert mine
    parent.communicate("end\n", timeout=60)


def test_a_living_writers_files_are_not_garbage_and_a_dead_ones_are(
    start: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, str]] = []
    original = os.fsync

    def looking(descriptor: int) -> None:
        if temporary := list(store.root.rglob("*.tmp")):
            elsewhere = start("-c", GARBAGE, store.root).communicate(timeout=60)[0]
            seen.append((len(temporary), f"{elsewhere.strip()} {Store(store.root).garbage()}"))
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", looking)
        path = store.put(record_of(1))
    assert seen == [(1, "0 []")]
    leftover = path.with_name(f"{path.name}.0123456789abcdef.tmp")
    leftover.write_bytes(path.read_bytes()[:50])
    assert store.garbage() == [leftover]
    assert store.remove([leftover]) == [leftover]
    assert store.garbage() == []


def test_a_folder_removed_under_a_claim_is_made_anew(store: Store) -> None:
    with store.claim(key_of(0)):
        shutil.rmtree(store.root)
        store.put(record_of(0))
        with store.claim(key_of(1)) as mine:
            assert mine
    assert store.keys() == {key_of(0)}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_claims_leave_no_open_file_and_take_one(store: Store) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    with store.claim_many(map(key_of, range(2000))) as mine:
        assert len(mine) == 2000
        assert count() == before + 1
    assert count() == before
