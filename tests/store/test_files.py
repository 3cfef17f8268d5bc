"""Folders that cannot be used, for real where the machine lets us and simulated everywhere; the order of syncing."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tendsto.store import Record, Store, StoreError

KEYS = [f"{number:064x}" for number in range(100)]


def large(number: int) -> Record:
    return Record(KEYS[number], {}, {"x": np.arange(3_000.0) + number})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, where this machine allows mounting one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    except FileNotFoundError:
        pytest.skip("no mount command here: the simulated disk stands in")
    if done.returncode:
        pytest.skip("no right to mount here: the simulated disk stands in")
    try:
        yield folder
    finally:
        # Lazily, so that a failing test leaves no mount behind.
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_loses_nothing_and_says_so(small_disk: Path) -> None:
    store, written = Store(small_disk / "runs"), []
    with pytest.raises(StoreError, match=rf"cannot write to {store.root}: the disk is full; free some space"):
        written.extend(number for number in range(10) if store.put(large(number)))
    assert 0 < len(written) < 10
    assert store.keys() == {KEYS[number] for number in written}
    assert store.garbage() == []
    with pytest.raises(StoreError, match="the disk is full"):
        store.put_many(large(number) for number in range(10))
    assert store.keys() == {KEYS[number] for number in written}
    store.remove(store.garbage(keep=set()))
    store.put(large(9))
    assert store.get(KEYS[9]) == large(9)


def test_a_read_only_disk_can_be_read(small_disk: Path) -> None:
    store = Store(small_disk / "runs")
    store.put(large(0))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert store.put(large(0)).exists()
    assert Store(store.root).get(KEYS[0]) == large(0)
    with pytest.raises(StoreError, match=r"read-only file system; choose a folder that can be written"):
        store.put(large(1))
    with pytest.raises(StoreError, match="read-only"):
        store.checkpoint(KEYS[0]).put({}, {})
    with pytest.raises(StoreError, match="read-only"):
        store.remove(row["path"] for row in store.index())


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "read-only file system; choose a folder"),
        (errno.EACCES, "permission is denied; give yourself the right"),
        (errno.EDQUOT, "quota is used up"),
        (errno.EIO, "Input/output error; mend this"),
    ],
)
def test_each_failing_call_is_explained_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, advice: str
) -> None:
    store, original = Store(tmp_path), getattr(os, call)
    store.put(large(0))
    before = sorted(tmp_path.rglob("*"))

    def failing(*arguments: Any, **options: Any) -> Any:
        if call == "open" and not str(arguments[0]).endswith(".tmp"):
            return original(*arguments, **options)
        raise OSError(code, os.strerror(code))

    # 0x100 shares the folder of 0x0, so that no new folder is made.
    record = Record(f"{0x100:064x}", {}, {})
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(StoreError, match=advice) as caught:
            store.put(record)
    assert str(tmp_path) in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert store.put(record).exists()


def test_a_read_only_folder_stops_a_claim_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: Any, *arguments: Any, **options: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    store = Store(tmp_path)
    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(StoreError, match=f"cannot lock {tmp_path}/lock: .*read-only"), store.claim(KEYS[0]):
        pass


def test_an_unreadable_record_is_an_error_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: Any, *arguments: Any, **options: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    store = Store(tmp_path)
    store.put(large(0))
    monkeypatch.setattr(os, "open", failing)
    for call in (lambda: store.get(KEYS[0]), store.keys, store.index):
        with pytest.raises(StoreError, match=r"cannot read .*Permission denied"):
            call()
    assert store.damaged == []


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    store = Store(tmp_path / "runs")
    with pytest.raises(StoreError, match="a file stands where a folder should be"):
        store.checkpoint(KEYS[0]).put({}, {})
    with pytest.raises(StoreError, match="Not a directory"):
        store.get(KEYS[0])


def test_contents_are_synced_before_names_and_names_before_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []

    def recording(call: str, of: Callable[[Any], str]) -> None:
        original = getattr(os, call)

        def recorded(argument: Any, *others: Any) -> None:
            original(argument, *others)
            events.append((call, of(argument)))

        monkeypatch.setattr(os, call, recorded)

    recording("fsync", lambda descriptor: os.readlink(f"/proc/self/fd/{descriptor}"))
    recording("replace", str)
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("needs /proc to know a descriptor's file")
    store = Store(tmp_path / "runs")
    for records in ([large(0)], [large(number) for number in range(1, 9)]):
        events.clear()
        paths = store.put_many(records)
        names = [path for call, path in events if call == "replace"]
        split = [call for call, _ in events].index("replace")
        assert len(names) == len(records)
        assert set(names) <= {path for _, path in events[:split]}
        assert {str(path.parent) for path in paths} <= {path for _, path in events[split + len(names) :]}
    # The folders that were made are entries of their parents too.
    events.clear()
    Store(tmp_path / "new" / "runs").put(large(0))
    assert {("fsync", str(tmp_path / part)) for part in (".", "new", "new/runs", "new/runs/records")} <= set(events)


def test_importing_the_store_imports_neither_torch_nor_scipy(start: Any) -> None:
    code = "import tendsto.store, sys; print(sorted({'torch', 'scipy'} & set(sys.modules)))"
    output, errors = start("-c", code).communicate(timeout=60)
    assert (output, errors) == ("[]\n", "")
