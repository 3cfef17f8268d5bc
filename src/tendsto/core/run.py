"""Run cells: skip what the store holds, share the rest among lanes and processes, keep each as soon as it ends."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Iterator, Mapping, Set
from typing import Any, Protocol

import numpy as np

from tendsto.core import spec
from tendsto.core.cell import Cell, run_cells
from tendsto.core.checkpoint import Saved
from tendsto.core.trace import End, Trace
from tendsto.engines import share
from tendsto.store import Record, Store

MOST_LANES = 64
"""Runs of one computation: enough to amortise its overhead, few enough that finished cells are kept often."""

WAIT = 0.2
"""Seconds between two looks at cells that another process is running."""


class Tell(Protocol):
    """What a screen has to offer to be told about progress."""

    def plan(self, cells: int, kept: int, iterations: int) -> None:
        """There are `cells` cells, `kept` of them already finished; the others take `iterations` more in all."""
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
    unique = dict(zip(keys, cells, strict=True))
    found = {key: trace for key in unique if (trace := _kept(store, key)) is not None}
    missing = {key: cell for key, cell in unique.items() if key not in found}
    if tell:
        begun = sum(len(set(s["cells"]) & missing.keys()) * s["step"] for s in _checkpoints(store, unique))
        tell.plan(len(cells), len(found), sum(cell.steps for cell in missing.values()) - begun)
    while missing:
        with store.claim_many(list(missing)) as mine:
            # Between the look above and the claim another process may have finished some.
            found |= {key: trace for key in mine if (trace := _kept(store, key)) is not None}
            todo = [key for key in missing if key in mine and key not in found]
            batches = _planned(unique, set(todo), missing.keys() - mine, processes, store)
            tasks = [([unique[key] for key in batch], batch, store.root) for batch in batches]
            share(_run_and_keep, tasks, processes, tell.advance if tell else None)
            found |= {key: trace for key in todo if (trace := _kept(store, key)) is not None}
            lost = [key for key in todo if key not in found]
            if lost:
                raise RuntimeError(
                    f"{len(lost)} cells ran and {store.root} does not hold them: every machine must see this folder"
                )
        for key in list(missing):
            trace = found.get(key) or _kept(store, key)
            if trace is not None:
                found[key] = trace
                del missing[key]
        if missing:
            time.sleep(WAIT)
    return [found[key] for key in keys]


def _checkpoints(store: Store, cells: Mapping[str, Cell]) -> list[dict[str, Any]]:
    """Return what the store has saved of batches of these cells that had not been finished."""
    return [saved for saved in store.checkpoints() if set(saved.get("cells", [""])) <= cells.keys()]


def _planned(
    cells: Mapping[str, Cell], todo: set[str], elsewhere: Set[str], processes: int, store: Store
) -> list[list[str]]:
    """Return batches, as keys, that run what is to do: first those that go on from a checkpoint, as they were.

    The others are what is left of the batches of all cells, so that what is kept already does not change which runs
    share a computation.
    """
    left, planned = set(todo), list[list[str]]()
    for saved in _checkpoints(store, cells):
        if left & set(saved["cells"]) and not elsewhere & set(saved["cells"]):
            left -= set(saved["cells"])
            planned.append(saved["cells"])
    names = list(cells)
    rest = [[names[i] for i in batch if names[i] in left] for batch in _batches(list(cells.values()), processes)]
    return planned + [batch for batch in rest if batch]


def _run_here(cells: list[Cell], tell: Tell | None) -> list[Trace]:
    if tell:
        tell.plan(len(cells), 0, sum(cell.steps for cell in cells))
    traces: dict[int, Trace] = {}
    for batch in _batches(cells, 1):
        done = run_cells([cells[i] for i in batch], tell.advance if tell else None)
        traces |= dict(zip(batch, done, strict=True))
    return [traces[i] for i in range(len(cells))]


def _batches(cells: list[Cell], processes: int) -> Iterator[list[int]]:
    """Split cells into batches that can be lanes together, at least one a process where there are enough cells.

    Each batch is given as places in `cells`.
    """
    groups: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        groups.setdefault(cell.group(), []).append(place)
    for group in groups.values():
        size = min(MOST_LANES, -(-len(group) // processes)) if cells[group[0]].lanes() else 1
        for first in range(0, len(group), size):
            yield group[first : first + size]


def _run_and_keep(task: tuple[list[Cell], list[str], Any], advance: Any) -> None:
    cells, keys, root = task
    store = Store(root)
    saved = Saved(store, keys)
    # Claimed, so that what sweeps the store leaves the checkpoint of a running batch alone.
    with store.claim(saved.key):
        traces = run_cells(cells, advance, saved)
        store.put_many(to_record(key, cell, trace) for key, cell, trace in zip(keys, cells, traces, strict=True))
        saved.drop()


def to_record(key: str, cell: Cell, trace: Trace) -> Record:
    """Return the record of one finished cell."""
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
        "equality": "numerical" if trace.meta.get("lanes", 1) > 1 else "bitwise",
        "finished": time.time(),
    }
    arrays = {"index": trace.index}
    arrays |= {f"values.{i}": trace.values[n][0] for i, n in enumerate(trace.values)}
    arrays |= {f"axes.{i}": trace.axes[n][0] for i, n in enumerate(trace.axes)}
    return Record(key, meta, arrays)


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
        # Older records have the number of threads beside what ran.
        meta={name: meta[name] for name in ("threads",) if name in meta} | meta["ran"],
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
