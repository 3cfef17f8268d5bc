"""Cells whose records can be recomputed by anyone who knows their number. Imported by tests and by their scripts."""

from __future__ import annotations

import hashlib

import numpy as np

from tendsto.store import Record


def key_of(cell: int) -> str:
    return hashlib.sha256(f"cell {cell}".encode()).hexdigest()


def record_of(cell: int) -> Record:
    # Sizes from nothing to 400 kB, so that a kill may come in the middle of a write.
    values = np.arange(50_000 * (cell % 4) // 3, dtype=np.float64) + cell
    return Record(key_of(cell), {"cell": cell}, {"x": values, "end": np.array([np.nan, cell])})
