"""Locks by name that no dead process can hold: the kernel releases them however the process ends.

A name is a byte of one empty lock file, locked by ``fcntl``: no leftover files, no process numbers to compare, and one
open file however many names are held. Such locks belong to the process, so a forked worker does not keep its dead
parent's; and since they do not tell threads of one process apart, this module does.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


class Locks:
    """The locks of one lock file, as held by this process. Use ``locks_of``: one object a file and process."""

    def __init__(self, path: Path):
        self.path = path
        self._held: set[str] = set()
        self._mutex = threading.Lock()
        self._descriptor: int | None = None

    def acquire(self, name: str) -> bool:
        """Take the lock ``name`` (hexadecimal, 15 digits or more) if nobody holds it; never wait."""
        with self._mutex:
            descriptor = self._open()
            if name in self._held:
                return False
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(name))
                self._held.add(name)
                return True
            except (BlockingIOError, PermissionError):
                return False
            finally:
                self._close_if_idle()

    def release(self, name: str) -> None:
        """Give the lock ``name`` back; nothing happens if this process does not hold it."""
        with self._mutex:
            if name in self._held and self._descriptor is not None:
                self._held.remove(name)
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _offset(name))
                self._close_if_idle()

    def forget(self) -> None:
        """In a forked child: the parent's locks are not ours."""
        self._held, self._mutex = set(), threading.Lock()

    def _close_if_idle(self) -> None:
        # An open file keeps its disk from being unmounted. Closing any descriptor of a file drops all the process's
        # locks on it, so it is closed here alone, when there are none.
        if not self._held and self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is not None:
            try:
                if os.path.samestat(os.stat(self.path), os.fstat(self._descriptor)):
                    return self._descriptor
            except FileNotFoundError:
                pass
            # The folder was removed under us: locks on the old file guard nothing.
            self._held.clear()
            self._close_if_idle()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._descriptor


_LOCKS: dict[str, Locks] = {}


def locks_of(path: Path) -> Locks:
    """The one ``Locks`` of this process for the lock file ``path``."""
    return _LOCKS.setdefault(os.path.realpath(path), Locks(path.absolute()))


def _offset(name: str) -> int:
    # 60 bits: two names in a million meet with probability 5e-7, and then one of two cells waits for the other.
    return int(name[:15], 16)


def _forget_all() -> None:
    for locks in _LOCKS.values():
        locks.forget()


os.register_at_fork(after_in_child=_forget_all)
