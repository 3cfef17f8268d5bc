"""Which engine shares tasks among processes: the pool, unless another one was chosen around the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from tendsto.engines import pool, ray_engine
from tendsto.engines.pool import Advance, Done

Share = Callable[..., None]

ENGINES: dict[str, tuple[Share, Callable[[], AbstractContextManager[None]]]] = {
    "pool": (pool.share, nullcontext),
    "ray": (ray_engine.share, ray_engine.opened),
}
"""By name: what shares tasks, and what holds the engine open for several calls of it."""

_share: ContextVar[Share] = ContextVar("share", default=pool.share)


@contextmanager
def using(engine: str) -> Iterator[None]:
    """Inside, cells that are shared among processes run by `engine`: "pool", which is the default, or "ray".

    Ray runs on this machine, or on the cluster that the variable RAY_ADDRESS names; there every machine must see the
    folder of the store under the same path, and have the same version of this package. It starts with the first cells
    to be shared, in some seconds, and ends with the block, so a block is for many races.

    Raises:
        ValueError: no engine is called so. ImportError: the engine is not installed; the message names the extra.

    >>> import tendsto as tt
    >>> with tt.engines.using("pool"):
    ...     result = tt.race("quadratic", ["sgd"], steps=10, seeds=2)
    """
    if engine not in ENGINES:
        raise ValueError(f"no engine is called {engine!r}: use {' or '.join(ENGINES)}")
    chosen, opened = ENGINES[engine]
    with opened():
        token = _share.set(chosen)
        try:
            yield
        finally:
            _share.reset(token)


def share(
    function: Callable[[Any, Advance | None], Any],
    tasks: Sequence[Any],
    processes: int,
    advance: Advance | None = None,
    done: Done | None = None,
) -> None:
    """Call `function(task, advance)` for every task by the engine that `using` chose, see `pool.share`."""
    _share.get()(function, tasks, processes, advance, done)
