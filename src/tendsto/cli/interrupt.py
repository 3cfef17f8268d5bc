"""Ctrl-C: the first one stops with a sentence, the second one at once; finished cells are kept by either."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from tendsto.cli import INTERRUPTED

_TRACKER = "ignore:resource_tracker:UserWarning"


@contextmanager
def interruptible(kept: Callable[[], str]) -> Iterator[None]:
    """Turn Ctrl-C inside into exit 130 and a sentence, whose end `kept` gives: what is kept, and how to go on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _first)
    # Python's tracker of semaphores tidies up after a second Ctrl-C, and need not say so.
    sys.warnoptions.append(_TRACKER)
    try:
        yield
    except KeyboardInterrupt:
        print(f"tendsto: interrupted; {kept()}", file=sys.stderr, flush=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        sys.warnoptions.remove(_TRACKER)
        signal.signal(signal.SIGINT, before)


def _first(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _second)
    # Written past Python's buffers, as the signal may have come in the middle of a print.
    os.write(2, b"\ntendsto: stopping; once more stops at once\n")
    raise KeyboardInterrupt


def _second(number: int, frame: FrameType | None) -> None:
    """End this process and its own at once. Records are whole or absent, so there is nothing to tidy up."""
    import multiprocessing

    for process in multiprocessing.active_children():
        process.kill()
    # A bar that was being drawn has hidden the cursor.
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    sentence = "tendsto: stopped at once; finished cells are kept, and the same command resumes\n"
    os.write(2, f"{cursor}{sentence}".encode())
    os._exit(INTERRUPTED)
