"""A person's series: numbers with their labels, read from a sequence, an array or a pandas object and given back so."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Series", "load_pandas", "read_series"]

Array = NDArray[np.float64]

SHORTEST = 20
"""Below it neither dependence nor a tail can be told from chance."""


@dataclass(frozen=True, eq=False)
class Series:
    """values: shape (n, columns), float64. index: n labels. columns: their names, None for a vector."""

    values: Array
    index: Any
    columns: tuple[Any, ...] | None

    @property
    def n(self) -> int:
        return self.values.shape[0]

    def labels(self, positions: NDArray[np.int64]) -> Any:
        """The labels of these observations: entries of the pandas index, or their positions 0, ..., n - 1."""
        return self.index[positions]

    def shaped(self, values: Array) -> Array:
        """Values with a last axis of columns, without it where the series is a vector."""
        return values[..., 0] if self.columns is None else values


def read_series(x: Any, what: str = "the series") -> Series:
    """Read a vector, or a matrix with one series a column; pandas objects keep their index and column names.

    Raises:
        TypeError: the values are no real numbers.
        ValueError: it is empty, shorter than 20, not finite somewhere, constant, or has more than two dimensions.

    >>> read_series([0.0, 1.0] * 10).values.shape
    (20, 1)
    """
    raw = np.asarray(x)
    if raw.dtype.kind not in "biuf":
        raise TypeError(f"{what} holds {raw.dtype} values; real numbers are needed")
    if raw.ndim not in (1, 2) or (raw.ndim == 2 and raw.shape[1] == 0):
        raise ValueError(f"{what} has shape {raw.shape}; (n,) or (n, columns) is needed")
    values = raw.astype(np.float64)
    if raw.ndim == 1:
        values = values[:, None]
    if raw.shape[0] < SHORTEST:
        said = "is empty" if raw.shape[0] == 0 else f"has {raw.shape[0]} values"
        raise ValueError(f"{what} {said}; at least {SHORTEST} are needed to tell dependence from chance")
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ValueError(f"{what} is {raw[at]} at position {at}; finite numbers are needed, so fill or drop gaps first")
    constant = np.flatnonzero((values == values[0]).all(axis=0))
    if constant.size:
        raise ValueError(f"{what} is constant at {values[0, constant[0]]:g}; there is nothing random to infer from")
    index = getattr(x, "index", None)
    labelled = index is not None and not callable(index)
    columns = tuple(getattr(x, "columns", range(values.shape[1]))) if raw.ndim == 2 else None
    return Series(values, index if labelled else np.arange(raw.shape[0]), columns)


def load_pandas() -> Any:
    """Return pandas, or raise ImportError that says how to get it: only tables that go out need it."""
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise ImportError("a table needs pandas: pip install 'tendsto[series]'") from error
