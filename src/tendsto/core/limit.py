"""limit: walk a function along a growing (or shrinking) index, from several seeds, and record it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tendsto.core import spec
from tendsto.core.cell import Progress
from tendsto.core.iterate import seeds_of
from tendsto.core.random import Random
from tendsto.core.trace import End, Trace
from tendsto.store import Record, Store

Answer = float | Mapping[str, float]


def limit(
    error: Callable[[Any, Random], Answer],
    *,
    along: Mapping[str, Sequence[float]],
    seeds: int | Sequence[int] = 1,
    optimum: float | None = 0.0,
    name: str = "error",
    store: Store | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Evaluate `error(index, rng)` at every index and seed; return the trace, one run a seed.

    error: returns a number, called `name`, or numbers by name, the first of which is the criterion.
    along: one entry: what the index is called and its values, increasing (n, width) or decreasing (a mesh).
    optimum: the limit of the criterion; None where it is not known.
    store: where given, each value is kept as soon as it is known and never computed again.

    A value that is not finite ends its run as diverged there.

    Raises:
        ValueError: `along` does not have exactly one entry with at least two distinct values in order.

    >>> trace = limit(lambda n, rng: 1.0 / n, along={"n": [10, 20, 40, 80]}, seeds=2)
    >>> trace.along, trace["error"].tolist()
    ('n', [[0.1, 0.05, 0.025, 0.0125], [0.1, 0.05, 0.025, 0.0125]])
    """
    if len(along) != 1:
        raise ValueError(f"along = {dict(along)!r} must name one index, such as {{'n': [100, 200, 400]}}")
    ((index_name, raw),) = along.items()
    index = np.asarray(raw, np.float64)
    steps = np.diff(index)
    if index.size < 2 or not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(f"{index_name} = {list(raw)!r} must be at least two values, all increasing or all decreasing")
    listed = seeds_of(seeds)
    answers = [[_value(error, n, seed, index_name, name, store, progress) for n in raw] for seed in listed]
    names = list(answers[0][0][0])
    values = {key: np.array([[a[key] for a, _ in row] for row in answers]) for key in names}
    seconds = np.cumsum([[s for _, s in row] for row in answers], axis=1)
    ends = tuple(_end(row, index) for row in values[names[0]])
    return Trace(index, values, ends, tuple(listed), index_name, {"seconds": seconds}, optimum)


def _value(
    error: Callable[[Any, Random], Answer],
    n: float,
    seed: int,
    index_name: str,
    name: str,
    store: Store | None,
    progress: Progress | None,
) -> tuple[dict[str, float], float]:
    key = spec.key(["limit", error, index_name, n, seed, name, spec.source_key([error, Random])]) if store else ""
    kept = store.get(key) if store else None
    if kept is None:
        begun = time.perf_counter()
        answer = error(n, Random(seed, backend="numpy"))
        seconds = time.perf_counter() - begun
        found = {k: float(v) for k, v in (answer if isinstance(answer, Mapping) else {name: answer}).items()}
        if store:
            meta = {"loop": "limit", index_name: float(n), "seed": seed, "seconds": seconds, "names": list(found)}
            store.put(Record(key, meta, {"values": np.array(list(found.values()))}))
    else:
        found = dict(zip(kept.meta["names"], kept.arrays["values"].tolist(), strict=True))
        seconds = float(kept.meta["seconds"])
    if progress:
        progress(1)
    return found, seconds


def _end(row: np.ndarray[Any, Any], index: np.ndarray[Any, Any]) -> End:
    for value, at in zip(row, index, strict=True):
        if not math.isfinite(value):
            return End("diverged", float(at), "the value is not finite")
    return End("budget", float(index[-1]))
