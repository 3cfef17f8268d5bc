"""The folder of records: what is put is there, what is damaged is named, what is garbage is found and nothing else."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cells import key_of, record_of

from tendsto.store import DamagedRecordWarning, Record, Store


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_an_empty_store_makes_no_folder(store: Store) -> None:
    assert key_of(0) not in store
    assert store.get(key_of(0)) is None
    assert (store.keys(), store.index(), store.garbage()) == (set(), [], [])
    assert store.checkpoint(key_of(0)).get() is None
    assert not store.root.exists()


def test_what_is_put_is_there_for_every_store_on_the_folder(store: Store) -> None:
    path = store.put(record_of(1))
    other = Store(str(store.root))
    assert key_of(1) in other
    assert other.get(key_of(1)) == record_of(1)
    assert other.keys() == {key_of(1)}
    assert path == store.root / "records" / key_of(1)[:2] / f"{key_of(1)}.tendsto"


def test_a_key_keeps_its_first_record(store: Store) -> None:
    first, second = Record(key_of(0), {"seconds": 1.0}), Record(key_of(0), {"seconds": 2.0})
    assert store.put(first) == store.put(second)
    assert store.get(key_of(0)) == first
    again = [Record(key_of(1), {"seconds": seconds}) for seconds in (3.0, 4.0)]
    paths = store.put_many(again)
    assert paths[0] == paths[1]
    assert store.get(key_of(1)) == again[0]


def test_many_at_once_from_a_generator(store: Store) -> None:
    paths = store.put_many(record_of(cell) for cell in range(150))
    assert [path.name[:64] for path in paths] == [key_of(cell) for cell in range(150)]
    assert store.keys() == {key_of(cell) for cell in range(150)}
    assert all(store.get(key_of(cell)) == record_of(cell) for cell in range(150))


def test_a_failing_generator_keeps_what_it_gave_and_leaves_nothing_else(store: Store) -> None:
    def failing() -> Any:
        yield from (record_of(cell) for cell in range(70))
        raise RuntimeError("the 70th cell failed")

    with pytest.raises(RuntimeError, match="70th"):
        store.put_many(failing())
    assert store.keys() == {key_of(cell) for cell in range(70)}
    assert not list(store.root.rglob("*.tmp"))


def test_a_copy_is_the_same_folder_without_the_claims(store: Store) -> None:
    with store.claim(key_of(0)):
        other = copy.deepcopy(store)
        other.put(record_of(1))
    assert type(other) is Store
    assert store.keys() == {key_of(1)}


def test_the_index_is_the_files(store: Store) -> None:
    store.put_many([record_of(1), record_of(2)])
    os.utime(store.put(record_of(0)), (1, 1))
    (store.root / "records" / "ab").mkdir(exist_ok=True)
    (store.root / "records" / "ab" / "notes.txt").write_text("a person's own")
    (store.root / "records" / ".DS_Store").write_text("")
    rows = store.index()
    assert {row["key"] for row in rows} == store.keys()
    assert rows[0]["meta"] == {"cell": 0}
    assert rows[0]["modified"] == 1
    assert rows[0]["arrays"] == {"x": ["float64", [0]], "end": ["float64", [2]]}
    assert rows[0]["bytes"] == Path(rows[0]["path"]).stat().st_size
    assert store.garbage() == []


def test_a_relative_folder_survives_a_change_of_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("runs")
    monkeypatch.chdir("/")
    assert store.put(record_of(0)).is_relative_to(tmp_path)


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "other"])
def test_a_damaged_record_is_ignored_named_and_written_anew(store: Store, harm: str) -> None:
    path = store.put(record_of(0))
    store.put(record_of(1))
    if harm == "flip":
        flip(path)
    elif harm == "other":
        path.write_bytes(store.put(record_of(1)).read_bytes())
    else:
        os.truncate(path, 100 if harm == "truncate" else 0)
    with pytest.warns(DamagedRecordWarning, match=path.name):
        assert store.get(key_of(0)) is None
    # Named once: a second warning would be an error here.
    assert store.get(key_of(0)) is None
    assert key_of(0) not in store
    assert store.keys() == {key_of(1)}
    assert [named for named, _ in store.damaged] == [path]
    assert store.garbage() == [path]
    with store.claim(key_of(0)) as mine:
        assert mine
        assert store.garbage() == []
        store.put(record_of(0))
    assert store.get(key_of(0)) == record_of(0)
    assert store.garbage() == []


def test_the_index_names_a_damaged_header(store: Store) -> None:
    path = store.put(record_of(0))
    flip(path, 0)
    with pytest.warns(DamagedRecordWarning, match="does not begin with"):
        assert store.index() == []


def test_garbage_by_key_and_age(store: Store) -> None:
    paths = store.put_many(record_of(cell) for cell in range(3))
    os.utime(paths[0], (1, 1))
    os.utime(paths[1], (1, 1))
    assert store.garbage() == []
    assert store.garbage(keep={key_of(0)}) == sorted(paths[1:])
    assert store.garbage(older_than=3600) == sorted(paths[:2])
    assert store.garbage(keep={key_of(0)}, older_than=3600) == [paths[1]]
    with store.claim(key_of(3)) as mine:
        assert mine
        store.put(record_of(3))
        assert store.garbage(keep={key_of(cell) for cell in range(3)}) == []
    assert store.remove(store.garbage(keep=set(), older_than=3600)) == sorted(paths[:2])
    assert store.keys() == {key_of(2), key_of(3)}


def test_remove_spares_what_was_recomputed_or_is_claimed(store: Store) -> None:
    path = store.put(record_of(0))
    flip(path)
    with pytest.warns(DamagedRecordWarning):
        listed = store.garbage()
    assert listed == [path]
    with store.claim(key_of(0)):
        assert store.remove(listed) == []
        store.put(record_of(0))
    assert store.remove(listed) == []
    assert store.get(key_of(0)) == record_of(0)
    assert store.remove(row["path"] for row in store.index()) == [path]
    assert store.remove([path]) == []


def test_remove_refuses_what_is_not_the_stores(store: Store, tmp_path: Path) -> None:
    store.put(record_of(0))
    for path in (tmp_path / "thesis.tex", store.root / "lock", tmp_path / f"{key_of(0)}.tendsto"):
        path.touch()
        with pytest.raises(ValueError, match="no file of Store"):
            store.remove([path])
        assert path.exists()


def test_a_misnamed_record_is_damaged_and_can_go(store: Store) -> None:
    path = store.put(record_of(0)).rename(store.root / "records" / key_of(0)[:2] / "copy of.tendsto")
    with pytest.warns(DamagedRecordWarning, match="another key"):
        assert store.keys() == set()
    assert store.remove(store.garbage()) == [path]


def test_a_checkpoint_is_replaced_and_becomes_garbage_when_its_cell_is_done(store: Store) -> None:
    checkpoint = store.checkpoint(key_of(0))
    for step in range(3):
        checkpoint.put({"step": step}, {"x": np.full(4, step, np.float32)})
    saved = Store(store.root).checkpoint(key_of(0)).get()
    assert saved == Record(key_of(0), {"step": 2}, {"x": np.full(4, 2, np.float32)})
    assert key_of(0) not in store
    assert store.garbage() == []
    store.put(record_of(0))
    assert store.garbage() == [checkpoint.path]
    checkpoint.delete()
    checkpoint.delete()
    assert checkpoint.get() is None
    assert store.garbage() == []


def test_a_damaged_checkpoint_means_starting_over(store: Store) -> None:
    checkpoint = store.checkpoint(key_of(0))
    flip(checkpoint.put({"step": 1}, {}))
    with pytest.warns(DamagedRecordWarning):
        assert checkpoint.get() is None


def test_malformed_keys_are_refused(store: Store) -> None:
    for call in (store.get, store.checkpoint, store.__contains__, lambda key: store.claim(key).__enter__()):
        with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
            call("../../secret")
    assert not store.root.exists()
