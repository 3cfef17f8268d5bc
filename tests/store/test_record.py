"""The file format: everything survives, and every kind of damage is seen."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tendsto.store import Damaged, Record, read
from tendsto.store.record import DTYPES, encode

KEY = hashlib.sha256(b"a cell").hexdigest()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
arrays = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


def write(path: Path, record: Record) -> bytes:
    content = b"".join(encode(record))
    path.write_bytes(content)
    return content


@pytest.fixture
def small() -> Record:
    return Record(KEY, {"seed": 3, "end": "budget"}, {"loss": np.array([1.5, np.nan, -np.inf]), "k": np.arange(3)})


@settings(max_examples=150)
@given(
    meta=st.dictionaries(st.text(), json_values, max_size=4),
    contents=st.dictionaries(st.text(), arrays, max_size=4),
    by_columns=st.booleans(),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, meta: dict[str, Any], contents: dict[str, np.ndarray], by_columns: bool
) -> None:
    if by_columns:
        contents = {name: np.asfortranarray(array) if array.ndim else array for name, array in contents.items()}
    path = tmp_path_factory.getbasetemp() / "round-trip"
    record = Record(KEY, meta, contents)
    write(path, record)
    back = read(path)
    assert back == record
    assert repr(sorted(back.meta)) == repr(sorted(meta))
    assert back.arrays.keys() == contents.keys()
    for name, array in contents.items():
        assert back.arrays[name].dtype == array.dtype
        assert back.arrays[name].shape == array.shape
        assert back.arrays[name].tobytes() == array.tobytes()
        assert back.arrays[name].flags.writeable
        assert back.arrays[name].flags.aligned


def test_every_bit_of_a_float_survives(tmp_path: Path) -> None:
    bits = np.array([0x7FF8000000000001, 0xFFF0000000000000, 0x7FF0000000000001, 1 << 63, 1], dtype=np.uint64)
    write(tmp_path / "r", Record(KEY, {"loss": math.inf}, {"x": bits.view(np.float64)}))
    assert read(tmp_path / "r").arrays["x"].view(np.uint64).tolist() == bits.tolist()
    assert read(tmp_path / "r").meta == {"loss": math.inf}


def test_big_endian_and_strided_arrays_come_back_native(tmp_path: Path) -> None:
    values = np.arange(12, dtype=">f8").reshape(3, 4)[:, ::2]
    write(tmp_path / "r", Record(KEY, {}, {"x": values}))
    back = read(tmp_path / "r").arrays["x"]
    assert back.dtype == np.dtype("float64")
    np.testing.assert_array_equal(back, values)


def test_the_order_in_which_a_record_was_filled_does_not_matter() -> None:
    one = Record(KEY, {"a": 1, "b": 2}, {"x": np.zeros(2), "y": np.ones(2)})
    other = Record(KEY, {"b": 2, "a": 1}, {"y": np.ones(2), "x": np.zeros(2)})
    assert encode(one) == encode(other)
    assert one == other
    assert hash(one) == hash(other)


def test_equality_sees_one_bit() -> None:
    assert Record(KEY, {}, {"x": np.array([0.0])}) != Record(KEY, {}, {"x": np.array([-0.0])})
    assert Record(KEY, {}, {"x": np.array([np.nan])}) == Record(KEY, {}, {"x": np.array([np.nan])})
    assert Record(KEY) != "a cell"


def test_truncation_anywhere_is_damage(tmp_path: Path, small: Record) -> None:
    path = tmp_path / "r"
    content = write(path, small)
    for length in reversed(range(len(content))):
        os.truncate(path, length)
        with pytest.raises(Damaged):
            read(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(Damaged, match="bytes instead of"):
        read(path)


def test_any_flipped_bit_is_damage(tmp_path: Path, small: Record) -> None:
    path = tmp_path / "r"
    content = write(path, small)
    # In place: five thousand truncations would be five thousand waits for a busy disk.
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(content):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), position)
                with pytest.raises(Damaged):
                    read(path)
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert read(path) == small


def test_flips_in_a_large_record_are_damage(tmp_path: Path) -> None:
    path, generator = tmp_path / "r", random.Random(0)
    content = write(path, Record(KEY, {}, {"x": np.zeros((300, 500)), "n": np.arange(7)}))
    for _ in range(50):
        position = generator.randrange(len(content))
        with path.open("r+b") as file:
            file.seek(position)
            file.write(bytes([content[position] ^ 1 << generator.randrange(8)]))
        with pytest.raises(Damaged):
            read(path)
        path.write_bytes(content)


def forge(path: Path, header: Any, body: bytes = b"", **fields: Any) -> None:
    """A file whose digests are right and whose header is whatever the forger wants."""
    if isinstance(header, dict):
        header = {"key": KEY, "meta": {}, "arrays": [], "body": hashlib.sha256(body).hexdigest()} | header
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(f"tendsto-record 1 {len(text):012d} {hashlib.sha256(text).hexdigest()}\n".encode() + text + body)


HOSTILE: dict[str, Any] = {
    "terabytes": {"arrays": [["x", "float64", [2**40]]]},
    "overflowing product": {"arrays": [["x", "float64", [2**40, 2**40, 2**40]]]},
    "empty but enormous": {"arrays": [["x", "float64", [0, 2**62, 2**62]]]},
    "negative extent": {"arrays": [["x", "float64", [-1, -8]]]},
    "extent of a float": {"arrays": [["x", "float64", [1.0]]]},
    "extent true": {"arrays": [["x", "bool", [True]]]},
    "rank 100": {"arrays": [["x", "bool", [0] * 100]]},
    "objects": {"arrays": [["x", "object", [0]]]},
    "dtype a list": {"arrays": [["x", ["float64"], [0]]]},
    "name a list": {"arrays": [[["x"], "float64", [0]]]},
    "name a number": {"arrays": [[1, "float64", [0]]]},
    "one name twice": {"arrays": [["x", "float64", [0]], ["x", "float64", [0]]]},
    "no shape": {"arrays": [["x", "float64"]]},
    "arrays a number": {"arrays": 3},
    "meta a list": {"meta": []},
    "key a path": {"key": "../../etc/passwd"},
    "key a number": {"key": 3},
    "a list": [],
    "not JSON": b"\xff\xfe{",
    "nested": b"[" * 100_000,
    "an endless number": b"1" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_damage_and_allocates_little(tmp_path: Path, name: str) -> None:
    forge(tmp_path / "r", HOSTILE[name])
    tracemalloc.start()
    with pytest.raises(Damaged):
        read(tmp_path / "r")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_the_forger_can_forge(tmp_path: Path) -> None:
    forge(tmp_path / "r", {"arrays": [["x", "float64", [2]]]}, np.ones(2).tobytes())
    assert read(tmp_path / "r") == Record(KEY, {}, {"x": np.ones(2)})


def test_a_header_longer_than_the_file_is_damage(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"tendsto-record 1 999999999999 " + b"0" * 64 + b"\n{}")
    with pytest.raises(Damaged, match="length exceeds"):
        read(tmp_path / "r")


def test_what_is_no_file_is_damage(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(Damaged, match="not a regular file"):
            read(path)


@pytest.mark.parametrize("key", ["", "ab", KEY.upper(), KEY + "0", "../" + KEY[3:], 3])
def test_a_malformed_key_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
        Record(key)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"meta": {1: "a"}}, r"meta has the key 1: keys are strings"),
        ({"meta": {"a": [0, {"b": np.int64(1)}]}}, r"meta\['a'\]\[1\]\['b'\] is int64"),
        ({"meta": {"a": {1, 2}}}, r"meta\['a'\] is set"),
        ({"meta": [1]}, r"meta is list"),
        ({"arrays": {"x": [1.0]}}, r"arrays\['x'\] is list: pass it through np.asarray"),
        ({"arrays": {"x": np.ma.masked_array([1.0], [True])}}, r"arrays\['x'\] is MaskedArray"),
        ({"arrays": {"x": np.array(["a"])}}, r"arrays\['x'\] has dtype <U1"),
        ({"arrays": {"x": np.array([None])}}, r"arrays\['x'\] has dtype object"),
        ({"arrays": {3: np.zeros(1)}}, r"arrays has the name 3"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_early(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        Record(KEY, **arguments)
