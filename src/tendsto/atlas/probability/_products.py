"""Sums of products of long-memory processes, and diagnoses of such series: a part of the card mslln."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from tendsto.core.random import Random
from tendsto.probability.innovations import CentredExponential, SymmetricPareto
from tendsto.probability.linear_process import LinearProcess
from tendsto.probability.product_process import ProductProcess
from tendsto.probability.product_rate import product_rate
from tendsto.probability.rate_diagnostic import rate_diagnostic

Quantity = Literal["square", "cube", "reduced cube"]


@dataclass(frozen=True)
class Sums:
    """Median over some series of ``|S_n - n d|`` and of its running supremum, for a power of one linear process.

    tail: of symmetric Pareto innovations; None: centred exponential ones. "reduced cube": ``x³ - 3 E x² x``, which
    has no reduced mean. A seed's series are the same at every n.
    """

    quantity: Quantity
    tail: float | None
    decay: float
    cutoff: int
    series: int
    longest: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        sums, largest = _paths(self, int(rng.seed))
        at = int(n).bit_length() - 1
        return {
            "median |S_n - n d|": float(np.median(sums[:, at])),
            "running supremum": float(np.median(largest[:, at])),
        }


@lru_cache(maxsize=2)
def _paths(sums: Sums, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``|S_n - n d|`` and ``max_{k≤n} |S_k - k d|`` at n = 1, 2, 4, ..., one row a series."""
    innovation = CentredExponential() if sums.tail is None else SymmetricPareto(sums.tail)
    x = LinearProcess(sums.decay, sums.cutoff, innovation)
    dyadic = 2 ** np.arange(int(sums.longest).bit_length()) - 1
    found = []
    for k in range(sums.series):
        generator = Random(seed, backend="numpy").at(k).generator("series")
        if sums.quantity == "reduced cube":
            path = x.simulate(sums.longest, generator)
            cube = ProductProcess((x, x, x))
            deviations = path**3 - cube.mean - 3 * x.autocovariance(1)[0] * path
        else:
            factors = 2 if sums.quantity == "square" else 3
            deviations = ProductProcess((x,) * factors).centred(sums.longest, generator)
        size = np.abs(np.cumsum(deviations))
        found.append((size[dyadic], np.maximum.accumulate(size)[dyadic]))
    return np.array([a for a, _ in found]), np.array([b for _, b in found])


@dataclass(frozen=True)
class Diagnoses:
    """Share of series of which the joint diagnosis says what limits the averages of their squares."""

    tail: float
    decay: float
    series: int
    shuffled: bool

    def __call__(self, n: float, rng: Random) -> float:
        process = LinearProcess(self.decay, int(4 * n), SymmetricPareto(self.tail))
        right = product_rate(self.decay, self.tail / 2, factors=2).limited_by
        generator = rng.generator("series")
        found = []
        for _ in range(self.series):
            x = process.simulate(int(n), generator)
            found.append(rate_diagnostic(generator.permutation(x) if self.shuffled else x).limited_by)
        return float(np.mean([name == right for name in found]))
