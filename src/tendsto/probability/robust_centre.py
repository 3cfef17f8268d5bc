"""Crude estimates of a location, to begin from: matched quantiles and medians of means, with what they can be off."""

from __future__ import annotations

import functools
import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.noise import Noise
from tendsto.probability.noise_vector import ProductNoise, VectorNoise

__all__ = ["Initial", "initial_errors", "initial_location", "median_of_means", "parts_of"]

Array = NDArray[np.float64]
Initial = Literal["quantile", "median", "median-of-means"]

_SHARES = (0.5, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def median_of_means(samples: ArrayLike, blocks: int, *, vector: bool = False) -> Array:
    """The median of the means of ``blocks`` blocks, over the last axis; the geometric median for vectors.

    samples: (..., n), or (..., n, d) with ``vector``. The last n mod blocks values are left out. Raises ValueError
    unless 1 ≤ blocks ≤ n.

    >>> median_of_means([1.0, 2.0, 3.0, 4.0, 100.0, 200.0], 3)
    np.float64(3.5)
    """
    x = np.asarray(samples, np.float64)
    x = x if vector else x[..., None]
    n = x.shape[-2]
    if not 1 <= blocks <= n:
        raise ValueError(f"{n} values do not fill {blocks} blocks; 1 to {n} are possible")
    size = n // blocks
    means = x[..., : blocks * size, :].reshape(*x.shape[:-2], blocks, size, x.shape[-1]).mean(axis=-2)
    if not vector:
        return np.median(means[..., 0], axis=-1)
    centre = means.mean(axis=-2)
    for _ in range(50):  # Weiszfeld's iteration
        away = np.linalg.norm(means - centre[..., None, :], axis=-1, keepdims=True)
        weight = 1 / np.maximum(away, 1e-12 * (1 + np.abs(centre).max()))
        centre = (weight * means).sum(axis=-2) / weight.sum(axis=-2)
    return centre


def initial_location(samples: ArrayLike, noise: Noise | VectorNoise, how: Initial, delta: float) -> Array:
    """The crude estimate λ_1 of each sample: a robust centre of the samples less that of the noise.

    "quantile" matches the quantile that tells most, "median" the quantile 1/2 (both on the line); "median-of-means"
    takes ``8 log(1/δ)`` blocks, at most n/2. Raises ValueError for another name, or a quantile in several dimensions.

    >>> from tendsto.probability.noise import LaplaceNoise
    >>> initial_location([1.0, 4.0, 5.0], LaplaceNoise(), "median", 0.05)
    np.float64(4.0)
    """
    x = np.asarray(samples, np.float64)
    vector = isinstance(noise, VectorNoise)
    if how not in ("quantile", "median", "median-of-means"):
        raise ValueError(f"initial {how!r} is unknown; 'quantile', 'median' or 'median-of-means' is needed")
    if how == "median-of-means":
        return median_of_means(x, _blocks(x.shape[-2 if vector else -1], delta), vector=vector) - noise.mean
    if isinstance(noise, VectorNoise):
        raise ValueError(f"a {how} is taken on the line; in several dimensions use initial = 'median-of-means'")
    share = 0.5 if how == "median" else _best_quantile(noise, x.shape[-1], delta)[1]
    return np.quantile(x, share, axis=-1) - noise.quantile(share)


def _blocks(n: int, delta: float) -> int:
    return max(1, min(n // 2, math.ceil(8 * math.log(1 / delta))))


def parts_of(noise: Noise | VectorNoise) -> list[Noise]:
    """The independent shapes on the line that the noise is made of; none where there are no such."""
    if isinstance(noise, Noise):
        return [noise]
    return list(noise.coordinates) if isinstance(noise, ProductNoise) else []


def initial_errors(noise: Noise | VectorNoise, how: Initial, n: int, delta: float) -> list[float]:
    """How far λ_1 is with probability 1 - delta, in each part.

    A quantile by Hoeffding's inequality for the count below; median-of-means by its usual bound ``2 σ √(blocks/n)``.
    """
    parts = parts_of(noise)
    if how == "median-of-means":
        return [2 * math.sqrt(p.variance * _blocks(n, delta) / n) for p in parts]
    return [_best_quantile(p, n, delta, (0.5,) if how == "median" else _SHARES)[0] for p in parts]


@functools.lru_cache(maxsize=256)
def _best_quantile(noise: Noise, n: int, delta: float, shares: tuple[float, ...] = _SHARES) -> tuple[float, float]:
    """The least error of a matched quantile, with probability 1 - delta, and that quantile; the first of equals.

    The count of those below a point is within ``√(n log(2/δ) / 2)`` of its mean.
    """
    away = math.sqrt(math.log(2 / delta) / (2 * n))
    found = [(math.inf, 0.5)]
    for q in shares:
        if away < q < 1 - away:
            low, middle, high = (noise.quantile(level) for level in (q - away, q, q + away))
            found.append((max(high - middle, middle - low), q))
    return min(found, key=lambda row: row[0])
