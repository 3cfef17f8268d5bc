"""Run cells: skip what the store holds, share the rest among lanes and processes, keep each as soon as it ends."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from tendsto.core import spec
from tendsto.core.cell import Cell, run_cells
from tendsto.core.trace import End, Trace
from tendsto.engines.pool import share
from tendsto.store import Record, Store

MOST_LANES = 64
"""Runs of one computation: enough to amortise its overhead, few enough that finished cells are kept often."""

WAIT = 0.2
"""Seconds between two looks at cells that another process is running."""


class Tell(Protocol):
    """What a screen has to offer to be told about progress."""

    def plan(self, cells: int, kept: int, iterations: int) -> None:
        """There are `cells` cells, `kept` of them already finished; the others take `iterations` in all."""
        ...

    def advance(self, iterations: int) -> None:
        """So many more iterations were done."""
        ...


def run_all(
    cells: list[Cell], *, store: Store | None = None, processes: int = 1, tell: Tell | None = None
) -> list[Trace]:
    """Return the trace of every cell, in order; run those that `store` does not hold, and put them there.

    Of two processes that are given the same cells and store, each cell is run by one; the other waits for it.
    """
    if processes < 1:
        raise ValueError(f"processes = {processes} cannot run anything: use a whole number of at least 1")
    if store is None:
        if processes == 1:
            return _run_here(cells, tell)
        with tempfile.TemporaryDirectory() as folder:
            return run_all(cells, store=Store(folder), processes=processes, tell=tell)
    keys = [cell.key() for cell in cells]
    found = {key: trace for key in dict.fromkeys(keys) if (trace := _kept(store, key)) is not None}
    missing = {key: cell for key, cell in zip(keys, cells, strict=True) if key not in found}
    if tell:
        tell.plan(len(cells), len(found), sum(cell.steps for cell in missing.values()))
    while missing:
        with store.claim_many(list(missing)) as mine:
            # Between the look above and the claim another process may have finished some.
            late = {key: trace for key in mine if (trace := _kept(store, key)) is not None}
            todo = [cell for key, cell in missing.items() if key in mine and key not in late]
            batches = list(_batches(todo, processes))
            share(_run_and_keep, [(batch, store.root) for batch in batches], processes, tell.advance if tell else None)
        found |= late
        for key in list(missing):
            trace = found.get(key) or _kept(store, key)
            if trace is not None:
                found[key] = trace
                del missing[key]
        if missing:
            time.sleep(WAIT)
    return [found[key] for key in keys]


def _run_here(cells: list[Cell], tell: Tell | None) -> list[Trace]:
    if tell:
        tell.plan(len(cells), 0, sum(cell.steps for cell in cells))
    traces: dict[int, Trace] = {}
    for batch in _batches(cells, 1):
        done = run_cells(batch, tell.advance if tell else None)
        traces |= {id(cell): trace for cell, trace in zip(batch, done, strict=True)}
    return [traces[id(cell)] for cell in cells]


def _batches(cells: list[Cell], processes: int) -> Iterator[list[Cell]]:
    """Split cells into batches that can be lanes together, at least one a process where there are enough cells."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group(), []).append(cell)
    for group in groups.values():
        size = min(MOST_LANES, -(-len(group) // processes)) if group[0].lanes() else 1
        for first in range(0, len(group), size):
            yield group[first : first + size]


def _run_and_keep(task: tuple[list[Cell], Any], advance: Any) -> None:
    cells, root = task
    store = Store(root)
    traces = run_cells(cells, advance)
    store.put_many([to_record(cell, trace) for cell, trace in zip(cells, traces, strict=True)])


def to_record(cell: Cell, trace: Trace) -> Record:
    """Return the record of one finished cell."""
    import torch

    end = trace.ends[0]
    meta = {
        "loop": "iterate",
        "specification": spec.describe(cell),
        "code": spec.code(cell),
        "along": trace.along,
        "end": [end.kind, end.at, end.reason],
        "seed": cell.seed,
        "optimum": trace.optimum,
        "values": list(trace.values),
        "axes": list(trace.axes),
        "ran": dict(trace.meta) | where(),
        "threads": torch.get_num_threads(),
        "equality": "numerical" if trace.meta.get("lanes", 1) > 1 else "bitwise",
        "finished": time.time(),
    }
    arrays = {"index": trace.index}
    arrays |= {f"values.{i}": trace.values[n][0] for i, n in enumerate(trace.values)}
    arrays |= {f"axes.{i}": trace.axes[n][0] for i, n in enumerate(trace.axes)}
    return Record(cell.key(), meta, arrays)


def from_record(record: Record) -> Trace:
    """Return the trace of one finished cell from its record."""
    meta, arrays = record.meta, record.arrays
    kind, at, reason = meta["end"]
    return Trace(
        index=arrays["index"],
        values={n: arrays[f"values.{i}"][None, :] for i, n in enumerate(meta["values"])},
        ends=(End(kind, at, reason),),
        seeds=(int(meta["seed"]),),
        along=meta["along"],
        axes={n: arrays[f"axes.{i}"][None, :] for i, n in enumerate(meta["axes"])},
        optimum=meta["optimum"],
        meta=meta["ran"],
    )


def where() -> dict[str, str]:
    """Return the versions that numbers depend on."""
    import torch

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }


def _kept(store: Store, key: str) -> Trace | None:
    record = store.get(key)
    return None if record is None else from_record(record)
