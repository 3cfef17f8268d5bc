"""Measure: a figure with its interval, and how it was obtained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Measure:
    """A measured number and its 95 % interval; for a computed one, the interval is the number itself.

    >>> print(Measure(1.27, 1.2, 1.35, unit="x", runs=10))
    1.27 x [1.2, 1.35], 10 runs
    """

    value: float
    low: float
    high: float
    unit: str = ""
    runs: int = 0

    @classmethod
    def exact(cls, value: float, unit: str = "") -> Measure:
        """A number that is computed, not sampled."""
        return cls(float(value), float(value), float(value), unit)

    @classmethod
    def mean(cls, values: npt.ArrayLike, *, confidence: float = 0.95, unit: str = "") -> Measure:
        """The mean over independent runs, with Student's interval.

        Student's rather than the percentile bootstrap: with 5 to 20 runs the latter covers too little. A run that is
        not finite makes the mean infinite, never smaller.

        >>> print(Measure.mean([1.0, 2.0, 3.0]))
        2 [-0.484, 4.48], 3 runs
        """
        from scipy.stats import t

        sample = np.asarray(values, np.float64)
        if sample.size == 0:
            raise ValueError("the mean of no runs was asked for: give at least one value")
        if not np.isfinite(sample).all():
            return cls(math.inf, -math.inf, math.inf, unit, sample.size)
        centre = float(sample.mean())
        if sample.size == 1:
            return cls(centre, -math.inf, math.inf, unit, 1)
        half = float(t.ppf(0.5 + confidence / 2, sample.size - 1) * sample.std(ddof=1) / math.sqrt(sample.size))
        return cls(centre, centre - half, centre + half, unit, sample.size)

    @classmethod
    def ratio(cls, values: npt.ArrayLike, *, confidence: float = 0.95) -> Measure:
        """The geometric mean of positive ratios, one a run, with Student's interval on their logarithms."""
        logs = cls.mean(np.log(np.asarray(values, np.float64)), confidence=confidence)
        return cls(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), "x", logs.runs)

    @classmethod
    def share(cls, successes: int, runs: int, *, confidence: float = 0.95) -> Measure:
        """A proportion, with Wilson's interval.

        >>> print(Measure.share(9, 10))
        0.9 [0.596, 0.982], 10 runs
        """
        from scipy.stats import norm

        if not 0 <= successes <= runs or runs < 1:
            raise ValueError(f"{successes} successes in {runs} runs are no proportion: use 0 <= successes <= runs")
        z, p = float(norm.ppf(0.5 + confidence / 2)), successes / runs
        centre = (p + z * z / (2 * runs)) / (1 + z * z / runs)
        half = z * math.sqrt(p * (1 - p) / runs + z * z / (4 * runs * runs)) / (1 + z * z / runs)
        return cls(p, max(0.0, centre - half), min(1.0, centre + half), "", runs)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.low == self.high == self.value:
            return f"{self.value:.4g}{unit}"
        runs = f", {self.runs} runs" if self.runs else ""
        return f"{self.value:.3g}{unit} [{self.low:.3g}, {self.high:.3g}]{runs}"
