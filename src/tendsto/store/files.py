"""Whole files or none: written under a temporary name, synced and renamed; and the store's one error."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path


class StoreError(OSError):
    """The store's folder cannot be used; the message is one sentence that names the path and what to do."""


_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder, then run again: finished cells are kept",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder, then run again",
    errno.EROFS: "it lies on a read-only file system; choose a folder that can be written",
    errno.EACCES: "permission is denied; give yourself the right or choose another folder",
    errno.EPERM: "permission is denied; give yourself the right or choose another folder",
    errno.ENOTDIR: "a file stands where a folder should be; move it away or choose another folder",
    errno.EEXIST: "a file stands where a folder should be; move it away or choose another folder",
    errno.ENOLCK: "its file system has no locks; choose a folder on a local disk",
}


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn an OSError inside into a StoreError about ``path``."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, f"{error.strerror}; mend this or choose another folder")
        raise StoreError(f"cannot {doing} {path}: {reason}") from error


def write_all(files: Iterable[tuple[Path, list[bytes]]], suffix: str) -> None:
    """Write each (path, pieces); all are on the disk before the first takes its name.

    Each is first written as its name + ``suffix`` in the same folder. Raises OSError, and leaves none of those behind.
    """
    open_files: dict[Path, int] = {}
    folders: set[Path] = set()
    try:
        for path, pieces in files:
            folders.add(path.parent)
            folders |= _make_folder(path.parent)
            temporary = path.with_name(path.name + suffix)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            open_files[path] = os.open(temporary, flags, 0o666)
            with os.fdopen(open_files[path], "wb", closefd=False) as file:
                for piece in pieces:
                    file.write(piece)
        _sync(open_files.values())
        for path in open_files:
            os.replace(path.with_name(path.name + suffix), path)
    except BaseException:
        for path in open_files:
            with suppress(OSError):
                os.unlink(path.with_name(path.name + suffix))
        raise
    finally:
        for descriptor in open_files.values():
            os.close(descriptor)
    _sync_folders(folders)


def make_folder(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, so that a power cut does not undo it."""
    _sync_folders(_make_folder(folder))


def _make_folder(folder: Path) -> set[Path]:
    """Make ``folder`` and what is missing above it; return the parents that gained an entry."""
    if folder.is_dir():
        return set()
    above = _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    return above | {folder.parent}


def _sync(descriptors: Iterable[int]) -> None:
    descriptors = list(descriptors)
    if len(descriptors) < 8:
        for descriptor in descriptors:
            os.fsync(descriptor)
    else:
        # Journalling file systems serve concurrent syncs with one commit: 20 times faster here than one by one.
        with ThreadPoolExecutor(min(len(descriptors), 16)) as pool:
            list(pool.map(os.fsync, descriptors))


def _sync_folders(folders: Iterable[Path]) -> None:
    descriptors: list[int] = []
    try:
        for folder in folders:
            # A folder that may be written but not listed cannot be opened; its entries then reach the disk later.
            with suppress(PermissionError):
                descriptors.append(os.open(folder, os.O_RDONLY | os.O_CLOEXEC))
        try:
            _sync(descriptors)
        except OSError as error:
            # Some network file systems refuse to sync a folder, and need not.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
