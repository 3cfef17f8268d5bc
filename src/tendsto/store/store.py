"""The folder of records: one file a finished cell, named by its key, and nothing that must be kept in step with them.

Layout::

    root/records/ab/abcd....tendsto         finished cells
    root/checkpoints/ab/abcd....tendsto     the state of long cells that are not
    root/lock                               empty; its bytes are the claims
"""

from __future__ import annotations

import os
import re
import secrets
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tendsto.store.files import StoreError, explained, make_folder, write_all
from tendsto.store.locks import locks_of
from tendsto.store.record import Damaged, Record, check_key, encode, read, read_header

SUFFIX = ".tendsto"
# Files kept open at once, well under the 256 that some systems allow.
BATCH = 64
# Seconds after which nobody will go on from a checkpoint: its cells were given up, or their sources have changed.
STALE = 30 * 86400.0
_NAME = re.compile(rf"([0-9a-f]{{64}}){re.escape(SUFFIX)}(?:\.([0-9a-f]{{16}})\.tmp)?")


class DamagedRecordWarning(UserWarning):
    """A record was found damaged and is ignored: its cell counts as not yet run."""


class Store:
    """A folder of records that survives kills, full disks and several processes at once.

    The folder is made by the first write. A record is there whole or not at all; one damaged later is ignored, warned
    about once and listed in ``damaged`` as (path, why). Reading and writing raise StoreError when the folder does not
    let them. POSIX only: claims are ``fcntl`` locks, which on a network file system are as good as its lock service.

    >>> import tempfile, numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> store, key = Store(folder.name), "0123456789abcdef" * 4
    >>> with store.claim(key) as mine:
    ...     if mine:
    ...         _ = store.put(Record(key, {"seed": 0}, {"loss": np.array([1.0, 0.5])}))
    >>> key in store, store.get(key).arrays["loss"]
    (True, array([1. , 0.5]))
    >>> folder.cleanup()
    """

    def __init__(self, root: str | Path):
        self.root = Path(root).absolute()
        self.damaged: list[tuple[Path, str]] = []
        self._records = self.root / "records"
        self._checkpoints = self.root / "checkpoints"
        self._locks = locks_of(self.root / "lock")
        self._listed: dict[Path, tuple[int, int]] = {}

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        # A worker process gets the folder, not this process's claims.
        return Store, (self.root,)

    def __contains__(self, key: str) -> bool:
        """Whether ``key`` has an undamaged record; reads it whole to know."""
        return self.get(key) is not None

    def get(self, key: str) -> Record | None:
        """The record of ``key``; None when there is none or it is damaged."""
        return self._read(_place(self._records, key))

    def put(self, record: Record) -> Path:
        """Write ``record`` and return its path once it is on the disk. A key that has a record keeps that one."""
        return self.put_many([record])[0]

    def put_many(self, records: Iterable[Record]) -> list[Path]:
        """Write the records, syncing many at a time; if the iterable fails, those it gave are kept.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = Store(folder)
        ...     _ = store.put_many(Record(f"{seed:064x}", {"seed": seed}) for seed in range(3))
        ...     sorted(entry["meta"]["seed"] for entry in store.index())
        [0, 1, 2]
        """
        paths: list[Path] = []
        batch: dict[Path, Record] = {}
        try:
            for record in records:
                paths.append(_place(self._records, record.key))
                if record.key not in self:
                    batch.setdefault(paths[-1], record)
                if len(batch) == BATCH:
                    full, batch = batch, {}
                    self._write(full)
        finally:
            # What came before the iterable failed or was interrupted is finished work.
            self._write(batch)
        return paths

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """True inside the ``with`` if the cell is this process's to run: not recorded, and claimed by nobody else.

        Put the record before leaving the block. A claim ends with its block or its process, however that dies.
        """
        with self.claim_many([key]) as mine:
            yield bool(mine)

    @contextmanager
    def claim_many(self, keys: Iterable[str]) -> Iterator[set[str]]:
        """The set of those ``keys`` that are this process's to run; the others are recorded or run elsewhere.

        >>> import tempfile
        >>> keys = [f"{seed:064x}" for seed in range(4)]
        >>> with tempfile.TemporaryDirectory() as folder, Store(folder).claim_many(keys[:3]) as mine:
        ...     with Store(folder).claim_many(keys) as left:
        ...         len(mine), left == {keys[3]}
        (3, True)
        """
        taken: list[str] = []
        try:
            for key in dict.fromkeys(keys):
                if self._acquire(check_key(key)):
                    taken.append(key)
                    # Only under the lock is the answer final: its last holder may have finished the cell.
                    if key in self:
                        self._locks.release(taken.pop())
            yield set(taken)
        finally:
            for key in taken:
                self._locks.release(key)

    def keys(self) -> set[str]:
        """The keys of all undamaged records; reads every one of them whole."""
        records = (self._read(path) for path, _, token in self._files(self._records) if token is None)
        return {record.key for record in records if record is not None}

    def index(self) -> list[dict[str, Any]]:
        """One row a record, oldest first: key, path, bytes, modified (seconds since 1970), arrays, meta.

        Read from the headers alone, so damage inside an array shows only in ``get``.
        """
        rows: list[dict[str, Any]] = []
        for path, key, token in self._files(self._records):
            if token is not None:
                continue
            try:
                header, status = read_header(path), path.stat()
                _check_name(key, header.key)
            except FileNotFoundError:
                continue
            except Damaged as why:
                self._name_damaged(path, str(why))
                continue
            except OSError as error:
                raise _unreadable(path, error) from error
            self._listed[path] = (status.st_ino, status.st_mtime_ns)
            arrays = {name: [dtype.name, list(shape)] for name, dtype, shape, _ in header.places}
            rows.append({"key": key, "path": str(path), "bytes": status.st_size, "modified": status.st_mtime})
            rows[-1] |= {"arrays": arrays, "meta": header.meta}
        return sorted(rows, key=lambda row: (row["modified"], row["key"]))

    def checkpoint(self, key: str) -> Checkpoint:
        """The place where the unfinished cell ``key`` keeps its state."""
        return Checkpoint(self, check_key(key))

    def checkpoints(self) -> list[dict[str, Any]]:
        """The meta of every checkpoint, from the headers alone; damaged ones are passed over."""
        found: list[dict[str, Any]] = []
        for path, key, token in self._files(self._checkpoints):
            try:
                header = read_header(path) if token is None else None
            except (FileNotFoundError, Damaged):
                continue
            except OSError as error:
                raise _unreadable(path, error) from error
            if header and header.key == key:
                found.append(header.meta)
        return found

    def garbage(self, *, keep: set[str] | None = None, older_than: float | None = None) -> list[Path]:
        """What may go: damaged files, what killed writers left, and checkpoints of finished cells or long untouched.

        With ``keep``, also every record and checkpoint whose key is not in it; with ``older_than`` (seconds), those
        older than that; with both, those of which both are true. What a living process claims or writes is not listed.
        """
        found: list[Path] = []
        for folder in (self._records, self._checkpoints):
            for path, key, token in self._files(folder):
                if self._is_garbage(path, key, token, keep, older_than) and (identity := _identity(path)):
                    self._listed[path] = identity
                    found.append(path)
        return found

    def remove(self, paths: Iterable[str | Path]) -> list[Path]:
        """Delete those ``paths`` of records, checkpoints and leftovers; return the ones that went.

        Passed over: what a living process claims, and what was written anew since ``garbage`` or ``index`` listed it.
        """
        removed: list[Path] = []
        for path in map(Path, paths):
            match = _NAME.fullmatch(path.name)
            ours = match is not None or path.suffix == SUFFIX
            if not ours or path.parent.parent not in (self._records, self._checkpoints):
                raise ValueError(f"{path} is no file of {self}: give paths that garbage() or index() returned")
            name = (match[2] or match[1]) if match else None
            if name and not self._acquire(name):
                continue
            try:
                identity = _identity(path)
                if identity and self._listed.get(path, identity) == identity:
                    with explained(path, "delete"):
                        path.unlink(missing_ok=True)
                    removed.append(path)
            finally:
                if name:
                    self._locks.release(name)
        return removed

    def _acquire(self, name: str) -> bool:
        with explained(self._locks.path, "lock"):
            make_folder(self.root)
            return self._locks.acquire(name)

    def _read(self, path: Path) -> Record | None:
        try:
            record = read(path)
            _check_name(path.name.removesuffix(SUFFIX), record.key)
            return record
        except FileNotFoundError:
            return None
        except Damaged as why:
            self._name_damaged(path, str(why))
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def _name_damaged(self, path: Path, why: str) -> None:
        if (path, why) not in self.damaged:
            self.damaged.append((path, why))
            warnings.warn(f"{path} is damaged and ignored: {why}", DamagedRecordWarning, stacklevel=4)

    def _write(self, records: dict[Path, Record]) -> None:
        if not records:
            return
        # The token's lock is taken before the first temporary file exists and held until the last has its name, so
        # whoever gets it knows that files with this token are leftovers.
        token = secrets.token_hex(8)
        self._acquire(token)
        try:
            with explained(self.root, "write to"):
                write_all(((path, encode(record)) for path, record in records.items()), f".{token}.tmp")
        finally:
            self._locks.release(token)

    def _files(self, folder: Path) -> Iterator[tuple[Path, str, str | None]]:
        """(path, key, token of a temporary name or None) of the store's files in ``folder``; others are passed over."""
        with explained(folder, "list"):
            shards = [folder / shard for shard in sorted(os.listdir(folder))] if folder.exists() else []
            paths = [shard / name for shard in shards if shard.is_dir() for name in sorted(os.listdir(shard))]
        for path in paths:
            if match := _NAME.fullmatch(path.name):
                yield path, match[1], match[2]
            elif path.suffix == SUFFIX:
                yield path, path.stem, None

    def _is_garbage(
        self, path: Path, key: str, token: str | None, keep: set[str] | None, older_than: float | None
    ) -> bool:
        name = token or key
        if not re.fullmatch("[0-9a-f]{16,64}", name):
            return True
        if not self._acquire(name):
            return False
        try:
            record = None if token is not None else self._read(path)
            if record is None:
                return True
            age = time.time() - path.stat().st_mtime
            # A batch has one checkpoint, which names its cells.
            cells = record.meta.get("cells", [key]) if path.parent.parent == self._checkpoints else []
            if cells and (age > STALE or all(cell in self for cell in cells)):
                return True
            old = older_than is None or age > older_than
            unwanted = keep is None or key not in keep
            return old and unwanted and not (keep is None and older_than is None)
        except FileNotFoundError:
            return False
        finally:
            self._locks.release(name)


class Checkpoint:
    """The last saved state of one long cell, in the format of a record; a later one replaces it whole.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Store(folder).checkpoint("ab" * 32)
    ...     for step in (100, 200):
    ...         _ = checkpoint.put({"step": step}, {"x": np.zeros(3)})
    ...     saved = checkpoint.get()
    ...     checkpoint.delete()
    ...     saved.meta["step"], checkpoint.get()
    (200, None)
    """

    def __init__(self, store: Store, key: str):
        self.key = key
        self.path = _place(store._checkpoints, key)
        self._store = store

    def put(self, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> Path:
        """Save the state; once this returns it is on the disk, and until then the one before it is."""
        self._store._write({self.path: Record(self.key, meta, arrays)})
        return self.path

    def get(self) -> Record | None:
        """The state last saved; None when there is none or it is damaged."""
        return self._store._read(self.path)

    def delete(self) -> None:
        """Remove the state, as a finished cell should."""
        with explained(self.path, "delete"):
            self.path.unlink(missing_ok=True)


def _place(folder: Path, key: str) -> Path:
    return folder / check_key(key)[:2] / f"{key}{SUFFIX}"


def _check_name(name: str, key: str) -> None:
    if name != key:
        raise Damaged(f"it holds the record of another key, {key}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot read {path}: {error.strerror}; mend this or choose another folder")
