"""How far two clouds of points are from each other, as laws.

All are batched over leading axes and walk pairs in blocks, so that memory grows with the number of points.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import require
from tendsto.sampling.kernels import RBF, Kernel
from tendsto.sampling.pairs import blocks

__all__ = ["energy_distance", "mmd", "sliced_wasserstein", "wasserstein", "wasserstein_1d"]


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` between clouds, of shape (...).

    x: (..., n, d); y: (..., m, d); leading axes broadcast. All pairs count, a point with itself included, so that the
    value is that of the empirical laws: at least 0, and 0 only where they are equal.

    Source: Székely, Rizzo, *Energy statistics: a class of statistics based on distances* (2013), section 2.

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> energy_distance(zero, one).item(), energy_distance(one, one).item()
    (2.0, 0.0)
    """

    return 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y)


def mean_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return E|X - Y| over all pairs, of shape (...).

    >>> mean_distance(torch.zeros(1, 1), torch.tensor([[1.0], [3.0]])).item()
    2.0
    """

    def part(rows: slice) -> Tensor:
        return torch.cdist(x[..., rows, :], y, compute_mode="donot_use_mm_for_euclid_dist").sum((-1, -2))

    n, m = x.shape[-2], y.shape[-2]
    return sum(map(part, blocks(n, m))) / (n * m)  # type: ignore[reportReturnType]


def mmd(x: Tensor, y: Tensor, kernel: Kernel | None = None) -> Tensor:
    """Return the squared maximum mean discrepancy E k(X, X') + E k(Y, Y') - 2 E k(X, Y), of shape (...).

    x: (..., n, d); y: (..., m, d). All pairs count, so it is at least 0. Default kernel: RBF; the bandwidth, where it
    is left to the median rule, is that of y.

    Source: Gretton et al. 2012, *A kernel two-sample test*, equation 5 (the biased statistic).

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> round(mmd(zero, one, RBF(bandwidth=1.0)).item(), 4)
    0.7869
    """
    kernel = kernel or RBF()
    h2 = kernel.squared_bandwidth(y)

    def between(a: Tensor, b: Tensor) -> Tensor:
        parts = (kernel(a[..., rows, :], b, h2).sum((-1, -2)) for rows in blocks(a.shape[-2], b.shape[-2]))
        return sum(parts) / (a.shape[-2] * b.shape[-2])  # type: ignore[reportReturnType]

    return between(x, x) + between(y, y) - 2 * between(x, y)


def wasserstein_1d(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    """Return W_p between clouds on the line, exactly, of shape (...): the p-norm of the difference of quantiles.

    x: (..., n); y: (..., m), of any two sizes.

    >>> round(wasserstein_1d(torch.tensor([0.0, 1.0]), torch.tensor([0.5]), p=1).item(), 4)
    0.5
    """
    n, m = x.shape[-1], y.shape[-1]
    # Both quantile functions are constant between these levels, whole numbers of 1/(n m).
    edges = torch.unique(torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]))
    at, width = edges[:-1], edges.diff().to(x.dtype) / (n * m)
    gap = x.sort(-1).values[..., at // m] - y.sort(-1).values[..., at // n]
    return (gap.abs() ** p * width).sum(-1) ** (1 / p)


def sliced_wasserstein(x: Tensor, y: Tensor, rng: Random, projections: int = 100, p: float = 2.0) -> Tensor:
    """Return (mean over directions of W_p^p of the projected clouds)^(1/p), of shape (...).

    x: (..., n, d); y: (..., m, d). rng draws the directions, uniform on the sphere.

    Raises:
        ValueError: fewer than one projection.

    Source: Bonneel et al. 2015, *Sliced and Radon Wasserstein barycenters of measures*.

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> sliced_wasserstein(zero, one, Random(0)).item()
    1.0
    """
    if projections < 1:
        raise ValueError(f"projections = {projections} look nowhere: use a whole number of at least 1")
    directions = rng.normal("directions", (x.shape[-1], projections), x.dtype)
    directions = directions / directions.norm(dim=0)
    return (wasserstein_1d((x @ directions).mT, (y @ directions).mT, p) ** p).mean(-1) ** (1 / p)


def wasserstein(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    """Return W_p between clouds, exactly, by linear programming, of shape (...).

    x: (..., n, d); y: (..., m, d). Time grows as the cube of n: up to some thousands of points.

    Raises:
        ImportError: POT is not installed; the message names the extra "sampling".

    >>> round(wasserstein(torch.zeros(1, 2), torch.ones(1, 2)).item(), 4)
    1.4142
    """
    ot: Any = require("ot", extra="sampling")
    lead = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    pairs = zip(
        *(c.detach().double().expand(*lead, *c.shape[-2:]).reshape(-1, *c.shape[-2:]) for c in (x, y)), strict=True
    )
    costs = [torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").numpy() ** p for a, b in pairs]
    found = [ot.emd2([], [], cost, numItermax=10_000_000) for cost in costs]
    return torch.tensor(found, dtype=x.dtype).clamp_min(0).reshape(lead) ** (1 / p)
