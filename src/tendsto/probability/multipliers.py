"""Dependent Gaussian multipliers, and the laws of statistics that are weighted with them.

A moving average ``V_i = m^{-1/2} (Z_i + ... + Z_{i+m-1})`` of independent normals Z has mean 0, variance 1 at every i,
the ends included, and ``Cov(V_i, V_j) = (1 - |i - j| / m)_+``: the triangular kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GaussianLaw", "block_multipliers", "default_block", "multiplier_law", "partial_sum_draws"]

Array = NDArray[np.float64]

# Numbers of one temporary array: 4 MB, whatever the number of draws.
_PIECE = 1 << 19


def default_block(n: int) -> int:
    """Window ``m = ⌈2 n^{1/3}⌉``: it grows, and more slowly than √n.

    >>> default_block(2000)
    26
    """
    return int(np.ceil(2 * n ** (1 / 3) - 1e-9))


def check_block(block: int, n: int) -> int:
    """Return the window m, or raise ValueError unless it is an integer from 1 to n."""
    if block != int(block) or not 1 <= block <= n:
        raise ValueError(f"block {block} is no window of a series of {n} values; an integer from 1 to {n} is needed")
    return int(block)


def block_multipliers(n: int, block: int, draws: int, rng: np.random.Generator) -> Array:
    """Draw dependent multipliers, shape (draws, n): Gaussian, mean 0, variance 1, covariance ``(1 - |i - j| / m)_+``.

    By cumulative sums, so the cost does not depend on the window m = ``block``. Raises ValueError for a window outside
    1, ..., n. Source: Palm and Nagler, arXiv:2505.02197, section on bootstrap inference (their default is inferred).

    >>> block_multipliers(100, 7, 3, np.random.default_rng(0)).shape
    (3, 100)
    """
    block = check_block(block, n)
    sums = np.empty((draws, n + block))
    sums[:, 0] = 0
    np.cumsum(rng.standard_normal((draws, n + block - 1)), axis=1, out=sums[:, 1:])
    return (sums[:, block:] - sums[:, :n]) / np.sqrt(block)


def partial_sum_draws(residuals: ArrayLike, block: int, draws: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield draws of the sequential process ``k -> n^{-1/2} Σ_{i≤k} V_i e_i``, in pieces of bounded memory.

    residuals: shape (n,) or (n, columns), the columns sharing their multipliers. Each piece has shape
    (some draws, n) or (some draws, n, columns). Raises ValueError for a window outside 1, ..., n.

    >>> pieces = list(partial_sum_draws([1.0, -1.0, 2.0], 2, 5, np.random.default_rng(0)))
    >>> sum(len(piece) for piece in pieces)
    5
    """
    e = np.asarray(residuals, dtype=np.float64)
    n = e.shape[0]
    at_once = max(1, _PIECE // e.size)
    for start in range(0, draws, at_once):
        v = block_multipliers(n, block, min(at_once, draws - start), rng)
        product = v * e if e.ndim == 1 else v[:, :, None] * e
        np.cumsum(product, axis=1, out=product)
        product /= np.sqrt(n)
        yield product


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """The centred Gaussian law with this covariance, shape (k, k); it may be singular.

    >>> GaussianLaw(np.eye(2)).sd.tolist()
    [1.0, 1.0]
    """

    covariance: Array

    @property
    def sd(self) -> Array:
        """Standard deviations, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))

    def sample(self, draws: int, rng: np.random.Generator) -> Array:
        """Independent draws, shape (draws, k)."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        return rng.standard_normal((draws, len(values))) @ root.T

    def maximum(self, draws: int, rng: np.random.Generator) -> Array:
        """Draws of ``max_k |N_k| / sd_k``, shape (draws,); components without variance are left out."""
        sd = self.sd
        live = sd > 0
        if not live.any():
            return np.zeros(draws)
        return np.abs(self.sample(draws, rng)[:, live] / sd[live]).max(axis=1)


def multiplier_law(
    contributions: ArrayLike | Callable[[slice], Array], block: int, n: int | None = None
) -> GaussianLaw:
    """Law, given the data, of ``Σ_i V_i c_i`` for contributions c of shape (n, k): Gaussian, so no draw is needed.

    Its covariance is ``Σ_{|h|<m} (1 - |h|/m) Σ_i c_i c_{i+h}ᵀ``, the Bartlett (Newey-West) one; it is summed as BᵀB
    over the moving sums ``B_j = m^{-1/2} Σ_{j-m<i≤j} c_i``, hence never negative.

    contributions: an array, or a function that gives the rows of a slice of 0, ..., n - 1, so that a large one never
    exists as a whole; then ``n`` is needed. Raises ValueError for a window outside 1, ..., n.

    >>> multiplier_law([[1.0], [2.0], [-1.0]], 1).covariance.tolist()
    [[6.0]]
    """
    if callable(contributions):
        if n is None:
            raise ValueError("contributions given as a function need n, the number of their rows")
        rows = contributions
    else:
        whole = np.asarray(contributions, dtype=np.float64)
        whole, n = whole.reshape(len(whole), -1), len(whole)
        rows = whole.__getitem__
    block = check_block(block, n)
    width = rows(slice(0, 1)).shape[1]
    at_once = max(4 * block, _PIECE // width)
    covariance = np.zeros((width, width))
    before = np.zeros((block - 1, width))
    for start in range(0, n, at_once):
        # What follows the last row is 0, for as long as a window still reaches back into the series.
        piece = rows(slice(start, min(start + at_once, n)))
        after = block - 1 if start + at_once >= n else 0
        seen = np.concatenate([before, piece, np.zeros((after, width))])
        sums = np.cumsum(np.concatenate([np.zeros((1, width)), seen]), axis=0)
        moving = sums[block:] - sums[: len(sums) - block]
        covariance += moving.T @ moving
        before = seen[len(seen) - (block - 1) :] if block > 1 else before
    return GaussianLaw(covariance / block)
