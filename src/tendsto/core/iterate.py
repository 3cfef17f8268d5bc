"""iterate: run one method on one problem, from several seeds, and record it."""

from __future__ import annotations

from collections.abc import Sequence

from tendsto.core.cell import Cell, Progress, run_cells
from tendsto.core.method import Method
from tendsto.core.problem import Problem
from tendsto.core.trace import Trace, stack


def seeds_of(seeds: int | Sequence[int]) -> list[int]:
    """Return a list of seeds: 0, ..., n - 1 for a number n, else the seeds given.

    Raises:
        ValueError: there are none, or one occurs twice.
    """
    listed = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"seeds = {seeds!r} names no runs: use a number of at least 1, or a list of distinct seeds")
    return listed


def iterate(
    method: Method,
    problem: Problem,
    *,
    steps: int,
    seeds: int | Sequence[int] = 1,
    record: int = 100,
    target: float | None = None,
    lanes: bool = True,
    progress: Progress | None = None,
) -> Trace:
    """Run `method` on `problem` for `steps` iterations from each seed; return the trace, one run a seed.

    Runs are lanes of one batched computation where method and problem allow it, unless `lanes` is False. Nothing is
    stored: for runs that should be kept and resumed, see `race`.

    Raises:
        Declined: the method does not fit the problem; the message says why.

    >>> from tendsto.optim import SGD
    >>> from tendsto.problems import Quadratic
    >>> trace = iterate(SGD.rule(lr=0.1), Quadratic(dimension=5), steps=50, seeds=3)
    >>> trace.runs, [str(end) for end in trace.ends]
    (3, ['budget at 50', 'budget at 50', 'budget at 50'])
    """
    cells = [Cell(problem, method, seed, steps, record, target) for seed in seeds_of(seeds)]
    if lanes:
        return stack(run_cells(cells, progress))
    return stack([trace for cell in cells for trace in run_cells([cell], progress)])
