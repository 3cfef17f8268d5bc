"""How far two clouds of points are from each other, as laws."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["energy_distance"]


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` between clouds, of shape (...).

    x: (..., n, d); y: (..., m, d); leading axes broadcast. All pairs count, a point with itself included, so that the
    value is that of the empirical laws: at least 0, and 0 only where they are equal.

    Source: Székely, Rizzo, *Energy statistics: a class of statistics based on distances* (2013), section 2.

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> energy_distance(zero, one).item(), energy_distance(one, one).item()
    (2.0, 0.0)
    """

    def between(a: Tensor, b: Tensor) -> Tensor:
        return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").mean((-1, -2))

    return 2 * between(x, y) - between(x, x) - between(y, y)
