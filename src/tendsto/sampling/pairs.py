"""Pairs of points in bounded memory: squared distances block by block, and their median."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tendsto.problems.once import once

AT_ONCE = 2**17
"""Pairs whose numbers are held at once: a megabyte in float64, which stays in the cache."""

MEDIAN_OF = 1000
"""The most particles whose pairs the median is taken over: of more, that many evenly spaced ones stand for all."""


def blocks(n: int, m: int) -> Iterator[slice]:
    """Split n rows of m pairs each into slices of at most `AT_ONCE` pairs.

    >>> [(s.start, s.stop) for s in blocks(5, AT_ONCE // 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    rows = max(1, AT_ONCE // max(m, 1))
    return (slice(first, min(first + rows, n)) for first in range(0, n, rows))


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return ||x_i - y_j||^2, (..., n, m), for x (..., n, d) and y (..., m, d), as one matrix product.

    Its error is about 1e-16 ||x_i - c||^2 in float64, c the mean of y: small beside a bandwidth, not beside 0.

    >>> squared_distances(torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0]])).tolist()
    [[9.0], [4.0]]
    """
    centre = y.mean(-2, keepdim=True)
    x, y = x - centre, y - centre
    xx, yy = (x * x).sum(-1, keepdim=True), (y * y).sum(-1, keepdim=True)
    left = torch.cat([-2 * x, xx, torch.ones_like(xx)], -1)
    right = torch.cat([y, torch.ones_like(yy), yy], -1)
    return (left @ right.mT).clamp_min(0)


def median_squared_distance(x: Tensor) -> Tensor:
    """Return the median of all n^2 squared distances, each point's own 0 included, of shape (...), for x (..., n, d).

    Beyond `MEDIAN_OF` points, of the pairs of that many evenly spaced ones.

    >>> median_squared_distance(torch.tensor([[0.0], [1.0]])).item()
    0.5
    """
    n = x.shape[-2]
    if n > MEDIAN_OF:
        x = x[..., _spaced(n), :]
        n = MEDIAN_OF
    if n == 1:
        return torch.zeros_like(x[..., 0, 0])
    # In order come n zeros, then every distance between two points twice: one half of the pairs is enough.
    once_each = squared_distances(x, x).flatten(-2)[..., _upper(n)]
    low, high = ((n * n - 1) // 2 - n) // 2, (n * n // 2 - n) // 2
    upper = once_each.kthvalue(max(high, 0) + 1, dim=-1).values
    if low == high:
        return upper
    if low < 0:
        return upper / 2
    # The largest that is not above `upper`, when `upper` itself is set aside once.
    below = once_each < upper[..., None]
    less = torch.where(below, once_each, -torch.inf).amax(-1)
    return (torch.where(below.sum(-1) > low, less, upper) + upper) / 2


@once
def _upper(n: int) -> Tensor:
    i, j = torch.triu_indices(n, n, 1)
    return i * n + j


@once
def _spaced(n: int) -> Tensor:
    return torch.arange(MEDIAN_OF) * n // MEDIAN_OF
