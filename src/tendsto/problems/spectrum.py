"""The largest eigenvalue of a small symmetric matrix, also where a run has diverged."""

from __future__ import annotations

import torch
from torch import Tensor


def top_eigenvalue(matrix: Tensor) -> Tensor:
    """Return the largest eigenvalue of a symmetric matrix (n, n), a scalar; inf where an entry is not finite.

    >>> top_eigenvalue(torch.tensor([[2.0, 0.0], [0.0, float("nan")]])).item()
    inf
    """
    finite = matrix.isfinite().all()
    # LAPACK refuses matrices that are not finite, and with them all other lanes.
    top = torch.linalg.eigvalsh(torch.where(finite, matrix, torch.zeros_like(matrix)))[-1]
    return torch.where(finite, top, torch.full_like(top, torch.inf))
