"""race: a grid of cells (problem x method x settings x seed), every method with the same tuning, seeds and budget."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tendsto.core import registry, spec
from tendsto.core.cell import Cell
from tendsto.core.iterate import seeds_of
from tendsto.core.measure import Measure
from tendsto.core.method import Method
from tendsto.core.problem import Problem
from tendsto.core.run import Tell, run_all
from tendsto.core.trace import Trace, stack
from tendsto.store import Store


@dataclass(frozen=True)
class Entry:
    """One method with one choice of its tuned settings, and the trace of its runs, one a seed."""

    name: str
    method: Method
    settings: Mapping[str, Any]
    trace: Trace

    def loss(self) -> float:
        """The mean over seeds of the last criterion; infinite where a run diverged."""
        return float(self.trace.final().mean())

    def __str__(self) -> str:
        settings = ", ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in self.settings.items())
        return f"{self.name} ({settings})" if settings else self.name


@dataclass(frozen=True)
class Race:
    """What a race measured.

    entries: every method with every choice of settings, in the order given.
    declined: reasons by name of methods that do not fit the problem.
    tune: the grid that was swept. target: the criterion that hitting times refer to.
    """

    problem: Problem
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]
    steps: int
    tune: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    declined: Mapping[str, str] = field(default_factory=dict[str, str])
    given_target: float | None = None

    @property
    def names(self) -> list[str]:
        """The methods that ran, in order."""
        return list(dict.fromkeys(entry.name for entry in self.entries))

    def settings(self, name: str) -> list[Entry]:
        """Return every choice of settings that was tried for a method."""
        found = [entry for entry in self.entries if entry.name == name]
        if not found:
            raise ValueError(f"{name!r} did not run; {', '.join(self.names)} did")
        return found

    def tuned(self, name: str) -> Entry:
        """Return the choice of settings with the least mean final criterion, chosen on the seeds of the race."""
        return min(self.settings(name), key=Entry.loss)

    @property
    def target(self) -> float:
        """The criterion that hitting times refer to: the one given, else the worst of the tuned methods' final ones."""
        if self.given_target is not None:
            return self.given_target
        losses = [self.tuned(name).loss() for name in self.names]
        finite = [loss for loss in losses if np.isfinite(loss)]
        return max(finite) if finite else float("inf")

    def hitting(self, name: str, axis: str | None = None) -> npt.NDArray[np.float64]:
        """Return where each run of the tuned method reaches the target, inf where it never does, shape (seeds,)."""
        return self._hits(self.tuned(name).trace, axis)

    def _hits(self, trace: Trace, axis: str | None) -> npt.NDArray[np.float64]:
        # Where everything diverged there is no target, and nothing has reached it.
        return trace.hitting(self.target, axis) if np.isfinite(self.target) else np.full(trace.runs, np.inf)

    def expected_running_time(self, name: str, axis: str | None = None) -> float:
        """Total cost of all runs, those that never reached the target included, over the number that did.

        Source: Hansen et al., *COCO: performance assessment* (2016), section 3.
        """
        trace = self.tuned(name).trace
        hits = self._hits(trace, axis)
        spent = np.nanmax(trace[axis], axis=1) if axis else np.full(trace.runs, trace.index[-1])
        reached = np.isfinite(hits)
        return float(np.where(reached, hits, spent).sum() / reached.sum()) if reached.any() else float("inf")

    def good_range(self, name: str) -> list[Entry]:
        """Return the settings of a method whose mean final criterion reaches the target."""
        target = self.target
        good = [(entry, entry.loss()) for entry in self.settings(name)]
        return [entry for entry, loss in good if np.isfinite(loss) and loss <= target + 1e-12 * abs(target)]

    def speedup(self, name: str, *, over: str) -> Measure:
        """Return how many times fewer iterations `name` needs than `over`, seed by seed, both tuned.

        In each seed the target is the worse of the two final criteria, so both reach it, nothing is censored, and a
        method is exactly as fast as itself. Where one diverged the target is the other's, and the answer is infinite.
        """
        first, second = self.tuned(name).trace, self.tuned(over).trace
        worse, better = np.maximum(first.final(), second.final()), np.minimum(first.final(), second.final())
        targets = np.where(np.isfinite(worse), worse, better)
        ratios = [
            max(second.select([run]).hitting(target)[0], 1.0) / max(first.select([run]).hitting(target)[0], 1.0)
            for run, target in enumerate(targets)
        ]
        return Measure.ratio(ratios)

    def difference(self, name: str, *, less: str, quantity: str | None = None) -> Measure:
        """Return the mean over seeds of a final quantity of `name` less that of another method, paired by seed."""
        return Measure.mean(self.tuned(name).trace.final(quantity) - self.tuned(less).trace.final(quantity))

    def table(self) -> str:
        """Return the outcome as a plain table, the best method first."""
        return importlib.import_module("tendsto.report").race_table(self)

    def report(self, path: str | Path) -> Path:
        """Write the outcome as one HTML page that opens from disk, and return its path."""
        # Named, not imported: a page is made of a race, and a race knows no pages.
        return importlib.import_module("tendsto.report").race_page(self, Path(path))


def race(
    problem: Problem | str,
    methods: Sequence[str | Method] | Mapping[str, Method] | str,
    *,
    steps: int = 1000,
    seeds: int | Sequence[int] = 5,
    tune: Mapping[str, Sequence[Any]] | None = None,
    target: float | None = None,
    record: int = 100,
    store: Store | str | Path | None = None,
    processes: int = 1,
    tell: Tell | None = None,
) -> Race:
    """Run methods against each other on one problem: the same seeds, budget and tuning grid for all.

    problem: a problem, or the name of one. methods: names, methods, both, methods by label, or "all".
    tune: values by name of a setting; every combination is run for every method that has such settings.
    target: the criterion that hitting times refer to.
    store: where finished cells are kept. Those already there are not run again, so an interrupted race resumes.
    processes: how many processes share the cells; 1 means this one.
    tell: told about progress, see `Tell`.

    Raises:
        ValueError: an unknown name, an empty grid, or no method that fits the problem.

    >>> from tendsto.optim import AdamRule, SGDRule
    >>> from tendsto.problems import Quadratic
    >>> result = race(Quadratic(dimension=5), {"sgd": SGDRule(), "adam": AdamRule()},
    ...               steps=50, seeds=2, tune={"lr": [0.01, 0.1, 1.0]})
    >>> str(result.tuned("sgd"))
    'sgd (lr=1)'
    """
    made = registry.make(problem) if isinstance(problem, str) else problem
    if not isinstance(made, Problem):
        raise ValueError(f"{problem!r} is not a problem but a {type(made).__name__}: see `tendsto problems`")
    listed, seed_list = _methods(methods), seeds_of(seeds)
    grid = dict(tune or {})
    for name, values in grid.items():
        if len(list(values)) == 0:
            raise ValueError(f"the grid of {name!r} is empty: give it at least one value")
    declined = {n: reason for n, m in listed.items() if (reason := m.declines(made))}
    choices = [(n, c, spec.replace(m, **c)) for n, m in listed.items() if n not in declined for c in _choices(m, grid)]
    if not choices:
        reasons = "; ".join(f"{n}: {reason}" for n, reason in declined.items())
        raise ValueError(f"no method fits {type(made).__name__}: {reasons or 'none was given'}")
    cells = [Cell(made, method, seed, steps, record) for _, _, method in choices for seed in seed_list]
    kept = Store(store) if isinstance(store, str | Path) else store
    traces = run_all(cells, store=kept, processes=processes, tell=tell)
    size = len(seed_list)
    entries = [
        Entry(name, method, choice, stack(traces[i * size : (i + 1) * size]))
        for i, (name, choice, method) in enumerate(choices)
    ]
    return Race(made, tuple(entries), tuple(seed_list), steps, grid, declined, target)


def _methods(methods: Sequence[str | Method] | Mapping[str, Method] | str) -> dict[str, Method]:
    """Return methods by label."""
    if methods == "all":
        return registry.methods()
    if isinstance(methods, str):
        methods = [methods]
    if isinstance(methods, Mapping):
        return dict(methods)
    listed: dict[str, Method] = {}
    for item in methods:
        method = registry.make(item) if isinstance(item, str) else item
        if not isinstance(method, Method):
            raise ValueError(f"{item!r} is not a method but a {type(method).__name__}: see `tendsto methods`")
        label = item if isinstance(item, str) else spec.code(method)
        if label in listed:
            raise ValueError(f"{label!r} was given twice: give each method once, or a dict with distinct labels")
        listed[label] = method
    return listed


def _choices(method: Method, grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of the grid's values for the settings that the method has."""
    own = {name: values for name, values in grid.items() if name in spec.fields_of(method)}
    return [dict(zip(own, combination, strict=True)) for combination in itertools.product(*own.values())]


def logspace(low: float, high: float, points: int) -> list[float]:
    """Return `points` numbers from `low` to `high` with equal ratios, rounded to four digits so that keys read well.

    >>> logspace(1e-3, 1e-1, 3)
    [0.001, 0.01, 0.1]
    """
    if not 0 < low <= high or points < 1:
        raise ValueError(f"logspace({low}, {high}, {points}) is empty: use 0 < low <= high and points of at least 1")
    return [float(f"{value:.4g}") for value in np.geomspace(low, high, points)]
