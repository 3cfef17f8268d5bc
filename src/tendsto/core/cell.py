"""Cell: one run of one method on one problem, identified by its content; and how cells are run as lanes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tendsto.core import spec
from tendsto.core.checkpoint import Saved
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Declined, Problem
from tendsto.core.random import Random
from tendsto.core.trace import End, Trace
from tendsto.core.tree import tree_map
from tendsto.engines.lanes import KINDS, Batch

Progress = Callable[[int], None]
"""Told how many iterations were done since the last call, summed over runs."""


@dataclass(frozen=True)
class Cell:
    """One run: its content is its key.

    record: how many points of the curve are kept, spaced evenly and logarithmically, ends included.
    target: where given, the run stops when the recorded criterion reaches it.
    """

    problem: Problem
    method: Method
    seed: int
    steps: int
    record: int = 100
    target: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps = {self.steps} is no budget: use a whole number of at least 1")
        if self.record < 2:
            raise ValueError(f"record = {self.record} keeps no curve: use a whole number of at least 2")
        reason = self.method.declines(self.problem)
        if reason:
            raise Declined(f"{type(self.method).__name__} declines {type(self.problem).__name__}: {reason}")

    def key(self) -> str:
        """The name under which this run is kept: its specification and the sources that can change its numbers."""
        return spec.key([self, spec.source_key([self.problem, self.method, Cell, Random, *KINDS.values()])])

    def lanes(self) -> str | None:
        """How this cell may share a computation: "vmap", "leading" or None."""
        return self.method.lanes if self.method.lanes == self.problem.lanes else None

    def group(self) -> str:
        """Cells of the same group may be lanes of one computation: they differ in seed and in float settings only."""
        floats = {name: 0.0 for name, value in spec.fields_of(self.method).items() if isinstance(value, float)}
        method = spec.substitute(self.method, floats)
        return spec.key([self.problem, method, sorted(floats), self.steps, self.record, self.target, self.lanes()])


def recorded(steps: int, points: int) -> npt.NDArray[np.int64]:
    """Return the iterations that are recorded: 0, `steps`, and about `points` more, half evenly, half logarithmically.

    >>> recorded(10, 100).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    """
    if steps < points:
        return np.arange(steps + 1)
    even = np.linspace(0, steps, points // 2 + 1)
    return np.unique(np.concatenate([even, np.geomspace(1, steps, points - points // 2)]).round().astype(np.int64))


class _Run:
    """The pure functions of one cell, its hyperparameters and seed left open."""

    def __init__(self, cell: Cell, calls: Counter[str]):
        self.problem, self.method, self.steps, self.calls = cell.problem, cell.method, cell.steps, calls
        self.offers = cell.problem.offers()
        self.exact = type(cell.problem).sample is Problem.sample

    def _rng(self, seed: Any, step: Any) -> Random:
        return Random(seed, step, backend=self.problem.backend)

    def init(self, values: Mapping[str, Any], seed: Any) -> Any:
        rng = self._rng(seed, 0)
        oracle = Oracle(self.problem, rng.fork("oracle"), calls=self.calls, offers=self.offers)
        return spec.substitute(self.method, values).init(oracle, rng.fork("method"))

    def sample(self, seed: Any, step: Any) -> Any:
        if self.exact:
            return None
        return self.problem.sample(self._rng(seed, step).fork("oracle").fork("sample"))

    def step(self, state: Any, values: Mapping[str, Any], seed: Any, sample: Any, step: Any) -> tuple[Any, Any]:
        rng = self._rng(seed, step)
        oracle = Oracle(self.problem, rng.fork("oracle"), sample=sample, calls=self.calls, offers=self.offers)
        return spec.substitute(self.method, values).step(state, oracle, rng.fork("method"))

    def point(self, state: Any) -> Any:
        return state["x"]

    def measure(self, point: Any) -> Mapping[str, Any]:
        return {self.problem.criterion_name: self.problem.criterion(point), **self.problem.metrics(point)}


def run_cells(cells: list[Cell], progress: Progress | None = None, saved: Saved | None = None) -> list[Trace]:
    """Run cells of one group as lanes and return one trace a cell, in order.

    saved: where given, how far the cells came is kept there now and then and at an interrupt, and they go on from it.

    Raises:
        ValueError: the cells are of more than one group.
    """
    if len({cell.group() for cell in cells}) > 1:
        raise ValueError(f"{len(cells)} cells of different groups were given: lanes share problem, method and budget")
    kind = cells[0].lanes()
    if kind is None and len(cells) > 1:
        return [trace for cell in cells for trace in run_cells([cell], progress)]
    if cells[0].problem.stateful:
        saved = None
    if kind == "vmap" and len(cells) == 1:
        kind = None
    import torch

    calls: Counter[str] = Counter()
    batch = KINDS[kind](_Run(cells[0], calls), _varying(cells), [c.seed for c in cells], tree_map)
    # A run on its way to overflow is marked when it is there; NumPy need not warn of it as well.
    with torch.no_grad(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _Recording(cells, batch, calls, progress, saved).run()


def _varying(cells: list[Cell]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the float settings that differ between cells. The others stay the Python numbers that they are."""
    settings = [spec.fields_of(cell.method) for cell in cells]
    floats = [name for name, value in settings[0].items() if isinstance(value, float)]
    table = {name: np.array([s[name] for s in settings]) for name in floats}
    return {name: column for name, column in table.items() if len(cells) > 1 and (column != column[0]).any()}


class _Recording:
    """The loop over iterations: advances a batch, masks what has ended, keeps what is to be recorded."""

    def __init__(
        self, cells: list[Cell], batch: Batch, calls: Counter[str], progress: Progress | None, saved: Saved | None
    ):
        self.cells, self.batch, self.calls, self.progress, self.saved = cells, batch, calls, progress, saved
        self.index = recorded(cells[0].steps, cells[0].record)
        self.columns: list[dict[str, npt.NDArray[np.float64]]] = []
        self.costs: list[tuple[float, float]] = []
        self.ends: list[End | None] = [None] * len(cells)
        self.alive = np.ones(len(cells), bool)
        self.left = len(cells)

    def run(self) -> list[Trace]:
        first, state, seconds = self.resume() or self.begin()
        reached = first, state, seconds, Counter(self.calls)
        if first < self.cells[0].steps and self.left:
            # One step thrown away: what is compiled or allocated on first use is outside the clock and uncounted.
            self.batch.advance(state, first + 1)
            self.calls.clear()
            self.calls.update(reached[-1])
        try:
            for step in range(first + 1, self.cells[0].steps + 1):
                if not self.left:
                    break
                begun = time.perf_counter()
                new, info = self.batch.advance(state, step)
                seconds += time.perf_counter() - begun
                finite = self.batch.finite(new)
                if not finite.all():
                    self.mark(~finite, lambda s=step: End("diverged", s, "the iterate is not finite"))
                state = new if self.left == len(self.cells) else self.batch.freeze(self.alive, new, state)
                if step == self.index[len(self.columns)]:
                    self.keep(step, state, info, seconds)
                if self.saved:
                    reached = step, state, seconds, Counter(self.calls)
                    if self.saved.due():
                        self.save(*reached)
            if len(self.cells) > 1:
                # A kill while its records are written then leaves no part of a batch to be run as a smaller one.
                self.save(*reached)
        except KeyboardInterrupt:
            if reached[0] > first:
                self.save(*reached)
            raise
        return [self.trace(lane) for lane in range(len(self.cells))]

    def begin(self) -> tuple[int, Any, float]:
        state = self.batch.init()
        self.keep(0, state, {}, 0.0)
        return 0, state, 0.0

    def save(self, step: int, state: Any, seconds: float, calls: Counter[str]) -> None:
        """Save how far the batch was after `step`; what an interrupted step has left behind is passed over."""
        if self.saved is None:
            return
        points = int(np.searchsorted(self.index, step, side="right"))
        ends = [[e.kind, e.at, e.reason] if e and (e.at or 0) <= step else None for e in self.ends]
        meta = {"step": step, "seconds": seconds, "calls": dict(calls), "costs": self.costs[:points], "ends": ends}
        columns = self.columns[:points]
        meta |= {"columns": [list(column) for column in columns]}
        self.saved.save(state, meta, {"columns": np.array([row for column in columns for row in column.values()])})

    def resume(self) -> tuple[int, Any, float] | None:
        """Take up what `save` has saved; None where there is nothing."""
        found = self.saved.load() if self.saved else None
        if found is None:
            return None
        state, record = found
        rows = iter(record.arrays["columns"])
        self.columns = [{name: next(rows) for name in names} for names in record.meta["columns"]]
        self.costs = [(calls, seconds) for calls, seconds in record.meta["costs"]]
        self.ends = [None if end is None else End(*end) for end in record.meta["ends"]]
        self.alive = np.array([end is None for end in self.ends])
        self.left = int(self.alive.sum())
        self.calls.update(record.meta["calls"])
        return record.meta["step"], state, record.meta["seconds"]

    def mark(self, ended: npt.NDArray[np.bool_], end: Callable[[], End]) -> None:
        for lane in np.flatnonzero(ended & self.alive):
            self.ends[lane] = end()
            self.alive[lane] = False
            self.left -= 1

    def keep(self, step: int, state: Any, info: Mapping[str, Any], seconds: float) -> None:
        values = self.batch.measure(state)
        criterion = values[self.cells[0].problem.criterion_name]
        self.mark(~np.isfinite(criterion), lambda: End("diverged", step, "the criterion is not finite"))
        column = {name: np.where(self.alive, v, np.nan) for name, v in values.items()}
        column |= {f"info.{name}": np.where(self.alive, v, np.nan) for name, v in self.batch.numbers(info).items()}
        target = self.cells[0].target
        if target is not None:
            self.mark(criterion <= target, lambda: End("target", step))
        self.columns.append(column)
        self.costs.append((float(self.calls.total()), seconds / self.batch.size))
        if self.progress and step:
            done = int(self.index[len(self.columns) - 1] - self.index[len(self.columns) - 2])
            self.progress(done * len(self.cells))

    def trace(self, lane: int) -> Trace:
        names = [*self.columns[0], *(n for n in self.columns[-1] if n not in self.columns[0])]
        missing = len(self.index) - len(self.columns)

        def padded(values: list[float]) -> npt.NDArray[np.float64]:
            return np.array([[*values, *[np.nan] * missing]])

        cell = self.cells[lane]
        return Trace(
            index=self.index.astype(np.float64),
            values={n: padded([float(c[n][lane]) if n in c else np.nan for c in self.columns]) for n in names},
            ends=(self.ends[lane] or End("budget", cell.steps),),
            seeds=(cell.seed,),
            axes={"calls": padded([c for c, _ in self.costs]), "seconds": padded([s for _, s in self.costs])},
            optimum=cell.problem.optimum(),
            meta={"lanes": self.batch.size, "calls": dict(self.calls), "threads": _threads()},
        )


def _threads() -> int:
    import torch

    return torch.get_num_threads()
