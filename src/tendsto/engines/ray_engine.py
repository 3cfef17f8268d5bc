"""Ray: tasks that share the processes of this machine, or of a cluster, through an engine that exists.

What a task has computed goes to the store that it was told of, not through Ray. Ray pickles functions, tasks and what
they report, between processes of one run that it started itself; no data from outside is ever unpickled.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tendsto.engines import pool
from tendsto.engines.pool import Advance, Done

LOOK = 0.2
"""Seconds between two looks at how far tasks are."""


@contextmanager
def opened() -> Iterator[None]:
    """Inside, `share` may start Ray; at the end what it started is shut down.

    Raises:
        ImportError: Ray is not installed; the message names the extra.
    """
    ray = _ray()
    before = ray.is_initialized()
    try:
        yield
    finally:
        if not before:
            ray.shutdown()


def share(
    function: Callable[[Any, Advance | None], Any],
    tasks: Sequence[Any],
    processes: int,
    advance: Advance | None = None,
    done: Done | None = None,
) -> None:
    """Call `function(task, advance)` for every task, as `pool.share` does, with at most `processes` at once by Ray.

    Ray runs on this machine, unless the variable RAY_ADDRESS names a cluster, or it is running in this process already.
    Each of its processes uses one thread. On an interrupt or an error, tasks not begun are dropped, and those running
    are interrupted, so they may save how far they came. If this process is killed, they are ended at once.

    Raises:
        RuntimeError: a process that ran a task was lost.
    """
    if processes == 1 or len(tasks) < 2:
        pool.share(function, tasks, 1, advance, done)
        return
    ray = _ray()
    if not ray.is_initialized():
        _start(ray, min(processes, len(tasks)))
    # Neither takes a core of its own to count.
    told = ray.remote(num_cpus=0)(_Told).remote()
    call = ray.remote(num_cpus=1, max_retries=0)(_call)
    ahead, running = deque(enumerate(tasks)), dict[Any, int]()

    def tell() -> None:
        iterations = ray.get(told.take.remote())
        if advance and iterations:
            advance(iterations)

    try:
        while ahead or running:
            while ahead and len(running) < processes:
                place, task = ahead.popleft()
                running[call.remote(function, task, told)] = place
            ended, _ = ray.wait(list(running), timeout=LOOK)
            tell()
            for reference in ended:
                answer, place = ray.get(reference), running.pop(reference)
                if done:
                    done(place, answer)
        tell()
    except ray.exceptions.RayTaskError as error:
        # What the task itself raised; Ray's error tells where.
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise RuntimeError(
            f"Ray lost a process that ran a task ({type(error).__name__}), as when one is killed or memory is full: "
            "what tasks had kept is kept, and the same call goes on from it"
        ) from error
    finally:
        _interrupt(ray, list(running))
        ray.kill(told)


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ImportError("ray is not installed: pip install 'tendsto[ray]'") from error


def _start(ray: Any, processes: int) -> None:
    # Nobody outside is told that it runs.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if os.environ.get("RAY_ADDRESS"):
        ray.init(**quiet)
    else:
        ray.init("local", num_cpus=processes, include_dashboard=False, **quiet)


def _interrupt(ray: Any, running: list[Any]) -> None:
    """Interrupt tasks, as Ctrl-C would, and wait until they have ended."""
    for reference in running:
        ray.cancel(reference)
    if running:
        ray.wait(running, num_returns=len(running))


class _Told:
    """What tasks have reported, and this process has not been told yet."""

    def __init__(self) -> None:
        self.iterations = 0

    def add(self, iterations: int) -> None:
        self.iterations += iterations

    def take(self) -> int:
        taken, self.iterations = self.iterations, 0
        return taken


def _call(function: Callable[[Any, Advance | None], Any], task: Any, told: Any) -> Any:
    import ray
    import torch

    torch.set_num_threads(1)
    last: list[Any] = []

    def advance(iterations: int) -> None:
        last[:] = [told.add.remote(iterations)]

    answer = function(task, advance)
    # Reports of one process arrive in order, but not before its answer unless that waits for them.
    ray.get(last)
    return answer
