"""Trace: what was recorded, as labelled arrays over (run, index), and why each run ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tendsto.core.rate import Rate
    from tendsto.core.verdict import Verdict

Array = npt.NDArray[np.float64]

HUGE = 1e150
"""Beyond it squares overflow; a run that came so far has diverged, whatever its end says."""


@dataclass(frozen=True)
class End:
    """Why a run ended: "budget", "target" reached at `at`, "diverged" at `at`, or "failed" with `reason`.

    >>> str(End("diverged", at=17))
    'diverged at 17'
    """

    kind: Literal["budget", "target", "diverged", "failed"]
    at: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        where = "" if self.at is None else f" at {self.at:g}"
        return f"{self.kind}{where}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Trace:
    """The record of one or more runs of the same thing.

    index: shape (points,), increasing, or decreasing as a mesh does; what it counts is `along` ("iteration", "n", ...).
    values: by name, arrays (runs, points), NaN after the end of a run. The first name is the criterion.
    axes: other x-axes by name ("calls", "seconds", "bytes"), arrays (runs, points).
    ends: one a run. seeds: one a run. optimum: the limit of the criterion where known.
    meta: plain data on what ran: specification, versions, threads, kind of equality promised.
    """

    index: Array
    values: Mapping[str, Array]
    ends: tuple[End, ...]
    seeds: tuple[int, ...]
    along: str = "iteration"
    axes: Mapping[str, Array] = field(default_factory=dict[str, Array])
    optimum: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        shape = (len(self.seeds), len(self.index))
        for name, array in {**self.values, **self.axes}.items():
            if array.shape != shape:
                raise ValueError(
                    f"{name!r} has shape {array.shape}, but {shape[0]} runs at {shape[1]} indices were said"
                )

    @property
    def criterion(self) -> str:
        """The name of the quantity whose limit is asked for."""
        return next(iter(self.values))

    @property
    def runs(self) -> int:
        return len(self.seeds)

    def __getitem__(self, name: str) -> Array:
        """Return a recorded quantity or axis, shape (runs, points)."""
        if name in self.values:
            return self.values[name]
        if name in self.axes:
            return self.axes[name]
        raise KeyError(f"{name!r} was not recorded; recorded are {', '.join([*self.values, *self.axes])}")

    def gap(self, name: str | None = None) -> Array:
        """Return the criterion less its optimum where that is known, else the quantity itself."""
        if name is None or name == self.criterion:
            return self[self.criterion] - (self.optimum or 0.0)
        return self[name]

    def final(self, name: str | None = None) -> Array:
        """Return the last recorded value of each run, shape (runs,); NaN or inf for a run that diverged."""
        values = self[name or self.criterion]
        last = np.array([row[~np.isnan(row)][-1] if (~np.isnan(row)).any() else np.nan for row in values])
        return np.array(
            [np.inf if end.kind in ("diverged", "failed") else v for v, end in zip(last, self.ends, strict=True)]
        )

    def hitting(self, target: float, axis: str | None = None) -> Array:
        """Return where each run's criterion first reaches `target`, shape (runs,); inf for a run that never does.

        `axis` names another x-axis than the index.
        """
        reached = self[self.criterion] <= target
        where = self[axis] if axis else np.broadcast_to(self.index, reached.shape)
        first = reached.argmax(axis=1)
        return np.where(reached.any(axis=1), where[np.arange(self.runs), first], np.inf)

    def rate(self, name: str | None = None, *, axis: str | None = None) -> Rate:
        """Fit the law at which a quantity (the criterion's gap, if none is named) tends to its limit.

        Along an index that decreases, a mesh h, the law is one of k = 1/h: C k^-p is C h^p.

        >>> mesh = np.array([0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625])
        >>> trace = Trace(mesh, {"error": mesh[None] ** 2}, (End("budget"),), (0,), along="h")
        >>> rate = trace.rate()
        >>> rate.kind, round(rate.order, 6)
        ('power', 2.0)
        """
        from tendsto.core.rate import fit_rate

        gap = self.gap(name)
        return fit_rate(
            self._steps() if axis is None else self[axis].mean(axis=0), np.where(np.abs(gap) < HUGE, gap, np.nan)
        )

    def verdict(self, name: str | None = None, *, target: float | None = None) -> Verdict:
        """Say whether a quantity converges, with the reason and the figures."""
        from tendsto.core.verdict import judge

        goal = target if target is None or name not in (None, self.criterion) else target - (self.optimum or 0.0)
        ended = sum(end.kind == "diverged" for end in self.ends)
        known = self.optimum is not None or name not in (None, self.criterion)
        gap = self.gap(name)
        gap = np.where(np.abs(gap) >= HUGE, np.inf, gap)
        return judge(self._steps(), gap, target=goal, optimum_known=known, ended_diverged=ended)

    def _steps(self) -> Array:
        """The index, or where it decreases its inverse: what grows as the limit is approached."""
        return 1 / self.index if self.index[-1] < self.index[0] else self.index

    def select(self, runs: list[int]) -> Trace:
        """Return the trace of some of the runs."""
        return Trace(
            self.index,
            {name: array[runs] for name, array in self.values.items()},
            tuple(self.ends[i] for i in runs),
            tuple(self.seeds[i] for i in runs),
            self.along,
            {name: array[runs] for name, array in self.axes.items()},
            self.optimum,
            self.meta,
        )


def stack(traces: list[Trace]) -> Trace:
    """Return the traces of single runs of the same thing as one trace."""
    if not traces:
        raise ValueError("there are no traces to stack")
    first = traces[0]
    return Trace(
        first.index,
        {name: np.concatenate([t.values[name] for t in traces]) for name in first.values},
        tuple(end for t in traces for end in t.ends),
        tuple(seed for t in traces for seed in t.seeds),
        first.along,
        {name: np.concatenate([t.axes[name] for t in traces]) for name in first.axes},
        first.optimum,
        first.meta,
    )
