"""Distances between a sample and a law, with the band inside which chance alone keeps them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["dkw_band", "kolmogorov", "kolmogorov_discrete"]


def kolmogorov(sample: ArrayLike, cdf: Callable[[NDArray[np.float64]], ArrayLike]) -> float:
    """Kolmogorov distance ``sup_x |F_m(x) - F(x)|`` between a sample's distribution function and a continuous law.

    ``sample`` is a vector of m finite numbers; ``cdf`` is called once, on the sorted sample, and must be continuous
    (at an atom of F the supremum would need F's left limit too). Both sides of every jump of F_m are looked at, so
    the value is the exact supremum. Raises ValueError for an empty sample or one with a value that is not finite.

    >>> kolmogorov([0.25, 0.75], lambda x: x)
    0.25
    """
    ordered = np.sort(np.asarray(sample, dtype=np.float64), axis=None)
    if ordered.size == 0 or not np.isfinite(ordered).all():
        bad = ordered[~np.isfinite(ordered)].size
        raise ValueError(f"a sample of {ordered.size} values, {bad} of them not finite, has no distribution function")
    law = np.asarray(cdf(ordered), dtype=np.float64)
    steps = np.arange(ordered.size + 1) / ordered.size
    return float(max((steps[1:] - law).max(), (law - steps[:-1]).max()))


def kolmogorov_discrete(atoms: ArrayLike, masses: ArrayLike, cdf: Callable[[NDArray[np.float64]], ArrayLike]) -> float:
    """Kolmogorov distance between a discrete law and a continuous one, both sides of every atom looked at.

    ``atoms``: a vector of increasing finite numbers; ``masses``: their probabilities, which sum to 1 but for rounding
    (what is missing lies above the last atom). ``cdf`` is called once, on the atoms, and must be continuous.
    Raises ValueError for atoms that do not increase, or masses that are negative or sum to anything but 1.

    >>> kolmogorov_discrete([0.0, 1.0], [0.5, 0.5], lambda x: x)
    0.5
    """
    places, weights = np.asarray(atoms, dtype=np.float64), np.asarray(masses, dtype=np.float64)
    if places.ndim != 1 or places.size == 0 or places.shape != weights.shape:
        raise ValueError(
            f"atoms {places.shape} and masses {weights.shape} must be two vectors of one length, not empty"
        )
    if not np.isfinite(places).all() or not (np.diff(places) > 0).all():
        raise ValueError("atoms must be finite and increase: sort them, and merge equal ones")
    if not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError(f"masses from {weights.min()} of sum {weights.sum()} are no law: use non-negative, of sum 1")
    law = np.asarray(cdf(places), dtype=np.float64)
    after = np.cumsum(weights)
    return float(max((after - law).max(), (law - after + weights).max()))


def dkw_band(n: int, confidence: float = 0.95) -> float:
    """Half-width ``sqrt(log(2 / (1 - confidence)) / (2 n))`` of the Dvoretzky-Kiefer-Wolfowitz band.

    A sample of n independent draws from F lies within it, in Kolmogorov distance, with at least this confidence.
    Raises ValueError for n < 1 or a confidence outside (0, 1). Source: Massart (1990), Corollary 1.

    >>> round(dkw_band(400), 4)
    0.0679
    """
    if n < 1:
        raise ValueError(f"a sample of {n} values has no band; at least 1 is needed")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not strictly between 0 and 1")
    return math.sqrt(math.log(2 / (1 - confidence)) / (2 * n))
