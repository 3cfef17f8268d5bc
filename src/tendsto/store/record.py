"""The record and its file: one self-checking sequence of bytes.

A file is, in this order,

1. the preamble, one line of ASCII of fixed length:
   ``tendsto-record 1 <header length, 12 digits> <sha256 of the header>\\n``;
2. the header, JSON: ``key``, ``meta``, ``arrays`` (name, dtype, shape; sorted by name), ``body`` (sha256 of the body);
3. the body: each array's little-endian bytes in C order, zero-padded to a multiple of 16.

The preamble vouches for the header and the header for the body, so a header can be trusted without reading the body.
The bytes are a function of the content alone. There is nothing to execute in them, and every length is compared with
the length of the file before anything is allocated.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MAGIC = "tendsto-record 1"
PREAMBLE_LENGTH = len(f"{MAGIC} {0:012d} {'':64s}\n")
ALIGNMENT = 16
DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in (
        *("bool", "uint8", "int32", "uint32", "int64", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
_KEY = re.compile(r"[0-9a-f]{64}")


class Damaged(ValueError):
    """A file that is not the record it should be: cut short, altered, or never one. The message says which."""


@dataclass(frozen=True, eq=False)
class Record:
    """What one finished cell left behind: its specification and circumstances, and its numbers.

    ``key`` is the sha256 of the cell's specification, 64 lower-case hexadecimal digits. ``meta`` is JSON (NaN and
    infinities allowed, as Python's ``json`` spells them; tuples come back as lists). ``arrays`` are ``np.ndarray`` of
    any shape, of dtype bool, (u)int32, (u)int64, uint8, float16/32/64 or complex64/128; every bit of them survives.
    Two records are equal when their files would be, byte for byte, so NaN equals the same NaN.

    Raises TypeError for a meta or an array that a file cannot hold, ValueError for a malformed key.

    >>> import numpy as np
    >>> a = Record("ab" * 32, {"seed": 0}, {"loss": np.array([1.0, np.nan])})
    >>> a == Record("ab" * 32, {"seed": 0}, {"loss": np.array([1.0, np.nan])})
    True
    """

    key: str
    meta: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_key(self.key)
        if not isinstance(self.meta, dict):
            raise TypeError(f"meta is {type(self.meta).__name__}: a dict of JSON values is needed")
        _check_json(self.meta, "meta")
        for name, array in self.arrays.items():
            if not isinstance(name, str):
                raise TypeError(f"arrays has the name {name!r}: names are strings")
            # Subclasses are refused because the file would lose what they add, such as a mask.
            if type(array) is not np.ndarray:
                raise TypeError(f"arrays[{name!r}] is {type(array).__name__}: pass it through np.asarray")
            if array.dtype.name not in DTYPES:
                raise TypeError(f"arrays[{name!r}] has dtype {array.dtype}: use one of {', '.join(DTYPES)}")

    def __eq__(self, other: object) -> bool:
        return b"".join(encode(self)) == b"".join(encode(other)) if isinstance(other, Record) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)


class Header(NamedTuple):
    """A file's header, checked: what it says of the record, and where each array lies in the body."""

    key: str
    meta: dict[str, Any]
    places: list[tuple[str, np.dtype[Any], tuple[int, ...], int]]
    body_length: int
    body_digest: str


def check_key(key: str) -> str:
    """Return ``key`` if it is 64 lower-case hexadecimal digits, else raise ValueError."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(f"key {key!r} is not a sha256: 64 lower-case hexadecimal digits are needed")
    return key


def encode(record: Record) -> list[bytes]:
    """The record's file as pieces to be written one after the other."""
    entries: list[list[Any]] = []
    body: list[bytes] = []
    for name, array in sorted(record.arrays.items()):
        dtype = array.dtype.name
        content = array.astype(DTYPES[dtype], order="C", copy=False).tobytes()
        entries.append([name, dtype, list(array.shape)])
        body += [content, bytes(-len(content) % ALIGNMENT)]
    digest = hashlib.sha256()
    for piece in body:
        digest.update(piece)
    content = {"key": record.key, "meta": record.meta, "arrays": entries, "body": digest.hexdigest()}
    header = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return [_preamble(header), header, *body]


def read(path: str | Path) -> Record:
    """The record in the file ``path``, every byte of it checked. Raises Damaged, or OSError when it cannot be opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "one"
    ...     _ = path.write_bytes(b"".join(encode(Record("ab" * 32, {"seed": 3}))))
    ...     read(path).meta
    {'seed': 3}
    """
    with _opened(path) as file:
        header = _read_header(file)
        # One aligned buffer, viewed: arrays come back writable, as torch.from_numpy wants them.
        buffer = np.empty(header.body_length, np.uint8)
        _read_into(file, buffer.data)
        if hashlib.sha256(buffer.data).hexdigest() != header.body_digest:
            raise Damaged("the arrays do not match their digest")
        arrays = {}
        for name, dtype, shape, start in header.places:
            end = start + math.prod(shape) * dtype.itemsize
            array = buffer[start:end].view(dtype).reshape(shape)
            arrays[name] = array.astype(dtype.newbyteorder("="), copy=False)
        return Record(header.key, header.meta, arrays)


def read_header(path: str | Path) -> Header:
    """The header alone, checked, and the file's length with it; the body is not read."""
    with _opened(path) as file:
        return _read_header(file)


def _preamble(header: bytes) -> bytes:
    return f"{MAGIC} {len(header):012d} {hashlib.sha256(header).hexdigest()}\n".encode()


def _check_json(value: Any, where: str) -> None:
    # json would turn the key 1 into "1" silently; a record must give back what it was given.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}: keys are strings")
            _check_json(item, f"{where}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(item, f"{where}[{index}]")
    elif value is not None and not isinstance(value, str | int | float):
        raise TypeError(f"{where} is {type(value).__name__}: meta holds JSON only, numbers of NumPy go into arrays")


@contextmanager
def _opened(path: str | Path) -> Iterator[FileIO]:
    # O_NONBLOCK: a named pipe in a record's place must not hang the reader.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Damaged("not a regular file")
        yield FileIO(descriptor, closefd=False)
    except RecursionError as error:
        raise Damaged("the header is nested too deeply") from error
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise Damaged("the disk cannot read it back") from error
    finally:
        os.close(descriptor)


def _read_header(file: FileIO) -> Header:
    size = os.fstat(file.fileno()).st_size
    if size < PREAMBLE_LENGTH:
        raise Damaged(f"{size} bytes are too few for a record")
    preamble = _read_bytes(file, PREAMBLE_LENGTH)
    if not preamble.startswith(MAGIC.encode() + b" "):
        raise Damaged(f"it does not begin with {MAGIC!r}")
    digits = preamble[len(MAGIC) + 1 : len(MAGIC) + 13]
    if not digits.isdigit() or int(digits) > size - PREAMBLE_LENGTH:
        raise Damaged("the header's length exceeds the file's")
    text = _read_bytes(file, int(digits))
    if _preamble(text) != preamble:
        raise Damaged("the header does not match its digest")
    header = _parse(text)
    expected = PREAMBLE_LENGTH + len(text) + header.body_length
    if size != expected:
        raise Damaged(f"{size} bytes instead of {expected}")
    return header


def _parse(text: bytes) -> Header:
    """The header of a file that may be hostile: its digest is right, its content may be anything."""
    try:
        content = json.loads(text)
        places, length = [], 0
        for name, dtype_name, shape in content["arrays"]:
            dtype = DTYPES[dtype_name]
            if len(shape) > 64 or not all(type(extent) is int and 0 <= extent < 2**63 for extent in shape):
                raise ValueError(f"shape {shape}")
            places.append((name, dtype, tuple(shape), length))
            size = math.prod(shape) * dtype.itemsize
            length += size + -size % ALIGNMENT
        if not isinstance(content["meta"], dict) or len({name for name, *_ in places}) != len(places):
            raise ValueError("meta or names")
        if not all(isinstance(name, str) for name, *_ in places):
            raise ValueError("names")
        # NumPy has its own limits on rank and extent, and an empty array's extents are bounded by nothing else.
        for _, dtype, shape, _ in places:
            np.broadcast_to(np.empty((), dtype), shape)
        return Header(check_key(content["key"]), content["meta"], places, length, str(content["body"]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Damaged("the header is not a record's") from error


def _read_bytes(file: FileIO, length: int) -> bytes:
    content = bytearray(length)
    _read_into(file, memoryview(content))
    return bytes(content)


def _read_into(file: FileIO, view: memoryview) -> None:
    while len(view):
        count = file.readinto(view)
        if not count:
            raise Damaged("it ends too early")
        view = view[count:]
