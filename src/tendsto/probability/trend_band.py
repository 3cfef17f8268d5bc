"""Bands for the trend of a non-stationary series that hold everywhere at once (Palm and Nagler, 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tendsto.probability.assumption import Assumption
from tendsto.probability.multipliers import GaussianLaw
from tendsto.probability.relative_clt import RelativeCLT, Variant
from tendsto.probability.series import load_pandas

__all__ = ["TrendBand", "smoothing_weights", "trend_band"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrendBand:
    """A trend with a simultaneous band at some observations; arrays of shape (points,) or (points, columns).

    positions: which observations, 0, ..., n - 1. time: their labels. law: of the errors of the estimates, all points.

    >>> band = trend_band(np.random.default_rng(0).standard_normal(200), points=5)
    >>> band.positions.tolist(), band.covers(np.zeros(5))
    ([35, 67, 100, 132, 164], True)
    """

    positions: NDArray[np.int64]
    time: Any
    estimate: Array
    low: Array
    high: Array
    confidence: float
    bandwidth: float
    law: GaussianLaw
    columns: tuple[Any, ...] | None
    assumptions: tuple[Assumption, ...]

    def covers(self, trend: Array) -> bool:
        """Whether the band holds this trend, given at `positions`, at every point."""
        return bool(((self.low <= trend) & (trend <= self.high)).all())

    def to_frame(self) -> Any:
        """A pandas DataFrame on the labels: columns estimate, low, high, below the series' own names if it has some."""
        pd = load_pandas()
        index = pd.Index(self.time)
        if self.columns is None:
            return pd.DataFrame({"estimate": self.estimate, "low": self.low, "high": self.high}, index=index)
        parts = {
            (name, kind): values[:, j]
            for j, name in enumerate(self.columns)
            for kind, values in (("estimate", self.estimate), ("low", self.low), ("high", self.high))
        }
        return pd.DataFrame(parts, index=index)


def smoothing_weights(n: int, positions: NDArray[np.int64], bandwidth: float) -> Array:
    """Epanechnikov weights ``K((i - position) / (n b))``, each row summing to 1; shape (points, n).

    >>> smoothing_weights(5, np.array([2]), 0.4).round(2).tolist()
    [[0.0, 0.3, 0.4, 0.3, 0.0]]
    """
    distance = (np.arange(n) - positions[:, None]) / (bandwidth * n)
    raw = np.maximum(1 - distance**2, 0)
    return raw / raw.sum(axis=1, keepdims=True)


def trend_band(
    x: Any,
    *,
    bandwidth: float | None = None,
    points: int = 101,
    confidence: float = 0.95,
    block: int | None = None,
    variant: Variant = "corrected",
    draws: int = 2000,
    rng: np.random.Generator | int = 0,
    refuse: bool = True,
) -> TrendBand:
    """Band that holds the trend ``i -> E X_i`` at all of ``points`` observations at once, with this confidence.

    The trend is estimated by local averages over ``bandwidth`` (a share of the series; by default ``n^{-1/3}``, so
    small that bias hides in noise) on either side. Their errors have the law `RelativeCLT.limit`; the largest of them,
    in standard deviations, is drawn, so the band is as wide at each place as the variance there asks. It spans
    [b, 1 - b] of the series, where averages are two-sided. Choose more points than windows: between sparse ones nothing
    is promised.

    Several columns share one band: it holds for all of them at once. refuse: whether to raise where a hypothesis fails.

    Raises ValueError for a bad series or setting, fewer than 2 points, and where a hypothesis fails. Source: Palm and
    Nagler, arXiv:2505.02197, application to trends; studentising and `variant="corrected"` are not the paper's.

    >>> t = np.arange(600) / 600
    >>> x = np.sin(3 * t) + (0.2 + t) * np.random.default_rng(2).standard_normal(600)
    >>> band = trend_band(x)
    >>> band.covers(np.sin(3 * t[band.positions]))
    True
    """
    n = len(x)
    b = n ** (-1 / 3) if bandwidth is None and n > 0 else bandwidth
    theorem = RelativeCLT(x, block, b, variant)
    if points < 2 or points != int(points):
        raise ValueError(f"points = {points} is no grid; an integer of at least 2 is needed")
    assert b is not None
    ends = int(np.ceil(b * n)), n - 1 - int(np.ceil(b * n))
    if ends[1] - ends[0] < 1:
        raise ValueError(f"bandwidth {b:g} leaves no place with two-sided averages; below 0.5 is needed")
    positions = np.unique(np.linspace(*ends, int(points)).round().astype(np.int64))
    weights = smoothing_weights(n, positions, b)
    law = theorem.limit(weights) if refuse else theorem.law(weights)
    critical = theorem.critical(law, theorem.degrees(weights), confidence, draws, np.random.default_rng(rng))
    estimate = weights @ theorem.data.values
    half = (critical * law.sd).reshape(estimate.shape)
    shaped = theorem.data.shaped
    return TrendBand(
        positions,
        theorem.data.labels(positions),
        shaped(estimate),
        shaped(estimate - half),
        shaped(estimate + half),
        confidence,
        b,
        law,
        theorem.data.columns,
        theorem.assumptions(),
    )
