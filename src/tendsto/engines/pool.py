"""A pool of processes, which ends its tasks as soon as one fails or its parent is interrupted."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import FrameType
from typing import Any

Advance = Callable[[int], None]
Done = Callable[[int, Any], None]

_queue: Any = None
_working = False


def share(
    function: Callable[[Any, Advance | None], Any],
    tasks: Sequence[Any],
    processes: int,
    advance: Advance | None = None,
    done: Done | None = None,
) -> None:
    """Call `function(task, advance)` for every task, in this process or in a pool of them.

    function: a module-level function. advance: told the progress that tasks report, in this process. done: told the
    place of each task and what its call returned, in this process, as soon as it has ended.
    Each process of a pool uses one thread. On an interrupt or an error, tasks not begun are dropped, and those running
    are interrupted, so they may save how far they came; processes whose parent has died are, too.
    """
    if processes == 1 or len(tasks) < 2:
        for place, task in enumerate(tasks):
            answer = function(task, advance)
            if done:
                done(place, answer)
        return
    # Forked processes would inherit locks that torch's threads may hold.
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(queue, advance), daemon=True)
    listener.start()
    pool = ProcessPoolExecutor(min(processes, len(tasks)), context, _start, (queue,))
    try:
        places = {pool.submit(_call, function, task): place for place, task in enumerate(tasks)}
        for future in as_completed(places):
            answer = future.result()
            if done:
                done(places[future], answer)
    except BaseException:
        for process in list(getattr(pool, "_processes", {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        # A process that is ended while it reports keeps the queue's lock for ever: nothing is waited for any more.
        raise
    pool.shutdown(wait=True)
    queue.put(None)
    listener.join()


def _start(queue: Any) -> None:
    import torch

    global _queue
    _queue = queue
    # Ctrl-C reaches the parent too, which then ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_follow_parent, daemon=True).start()
    torch.set_num_threads(1)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _working:
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def _call(function: Callable[[Any, Advance | None], Any], task: Any) -> Any:
    global _working
    _working = True
    try:
        return function(task, _queue.put)
    except KeyboardInterrupt:
        # Nobody waits for an answer.
        os._exit(1)
    finally:
        _working = False


def _listen(queue: Any, advance: Advance | None) -> None:
    while (iterations := queue.get()) is not None:
        if advance:
            advance(iterations)
