"""Records of cells and of evidence: append-only, content-addressed, safe to kill at any instant."""

from __future__ import annotations

from tendsto.store.files import StoreError
from tendsto.store.record import Damaged, Record, read
from tendsto.store.store import Checkpoint, DamagedRecordWarning, Store

__all__ = ["Checkpoint", "Damaged", "DamagedRecordWarning", "Record", "Store", "StoreError", "read"]
