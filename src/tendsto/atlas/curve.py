"""Curves: the pictures of claims, from numbers that a claim has computed anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tendsto.core.trace import End, Trace


def curve(
    name: str, along: str, index: npt.ArrayLike, values: npt.ArrayLike, seeds: Sequence[int] | None = None
) -> Trace:
    """Return a quantity called `name` against what was varied, `along`, as a trace that a picture can be drawn from.

    index: (points,). values: (points,), or (runs, points) for bands over runs. seeds: one a run, else 0, 1, ...

    Raises:
        ValueError: shapes that do not fit.

    >>> trace = curve("error", "width", [64, 128, 256], [0.3, 0.2, 0.1])
    >>> trace.along, trace["error"].tolist()
    ('width', [[0.3, 0.2, 0.1]])
    """
    at, rows = np.asarray(index, np.float64), np.atleast_2d(np.asarray(values, np.float64))
    ends = (End("budget", float(at[-1])),) * len(rows)
    return Trace(at, {name: rows}, ends, tuple(range(len(rows)) if seeds is None else seeds), along)
