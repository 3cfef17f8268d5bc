"""Series that break one hypothesis after the other, and what is measured on them: a part of the card relative-clt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import lfilter
from scipy.stats import kstwobign, norm

from tendsto.core.random import Random
from tendsto.probability.change_test import change_test
from tendsto.probability.distance import kolmogorov
from tendsto.probability.innovations import Gaussian, Innovation
from tendsto.probability.linear_process import fractional_noise
from tendsto.probability.relative_clt import RelativeCLT, mean_interval
from tendsto.probability.trend_band import TrendBand, smoothing_weights, trend_band


@dataclass(frozen=True)
class Drifting:
    """The drifting series of the note: neither the variance nor the dependence ever settles."""

    innovation: Innovation = field(default_factory=Gaussian)

    def coefficients(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """s(i) and the autoregression's coefficient, i = 1, ..., n."""
        log = np.log(np.arange(1, n + 1))
        return np.abs(1 + 0.9 * np.sin(2 * log)) + 0.1, 0.5 * np.cos(log)

    def sample(self, n: int, series: int, rng: np.random.Generator) -> np.ndarray:
        scale, phi = self.coefficients(n)
        x = self.innovation.sample((n, series), rng)
        for i in range(1, n):
            x[i] += phi[i] * x[i - 1]
        return (scale[:, None] * x).T

    def deviation(self, n: int) -> float:
        """Exact standard deviation of ``n^{-1/2} Σ X_i``: how much each innovation adds, by the recursion backwards."""
        scale, phi = self.coefficients(n)
        total, carried = 0.0, 0.0
        for i in range(n - 1, -1, -1):
            carried = scale[i] + (phi[i + 1] * carried if i + 1 < n else 0.0)
            total += carried**2
        return math.sqrt(total / n)


@dataclass(frozen=True)
class Autoregression:
    """A stationary series ``X_i = φ X_{i-1} + ξ_i``, of variance ``1 / (1 - φ²)`` times that of ξ."""

    phi: float
    innovation: Innovation = field(default_factory=Gaussian)

    def sample(self, n: int, series: int, rng: np.random.Generator) -> np.ndarray:
        # 200 values are thrown away: 0.7^200 is below rounding.
        return lfilter([1.0], [1.0, -self.phi], self.innovation.sample((series, n + 200), rng))[:, 200:]

    def deviation(self, n: int) -> float:
        lag = np.arange(1, n)
        return math.sqrt((1 + 2 * ((1 - lag / n) * self.phi**lag).sum()) / (1 - self.phi**2))


@dataclass(frozen=True)
class LongMemory:
    """Fractional noise."""

    d: float

    def sample(self, n: int, series: int, rng: np.random.Generator) -> np.ndarray:
        return fractional_noise(n, self.d, rng, series)


Process = Drifting | Autoregression | LongMemory


@dataclass(frozen=True)
class Normality:
    """Kolmogorov distance of the sum from the Gaussian of its own variance, and from one Gaussian for all n.

    The latter's deviation is the geometric mean of the smallest and the largest, for which the larger distance is least.
    """

    process: Drifting | Autoregression
    along: tuple[int, ...]
    series: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        sums = self.process.sample(int(n), self.series, rng.generator("series")).sum(axis=1) / math.sqrt(n)
        all_n = [self.process.deviation(k) for k in self.along]
        one = math.sqrt(min(all_n) * max(all_n))
        own = self.process.deviation(int(n))
        return {
            "its own variance": kolmogorov(sums / own, norm.cdf),
            "one variance for all n": kolmogorov(sums / one, norm.cdf),
        }


@dataclass(frozen=True)
class MeanCoverage:
    """Share of series whose 95 % interval holds the mean, 0: by multipliers, and by the independent standard error.

    "distance" is the Kolmogorov distance of the mean from the Gaussian with the mean bootstrap variance of the series.
    """

    process: Process
    series: int
    block: int | None = None

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        sample = self.process.sample(int(n), self.series, rng.generator("series"))
        found = [mean_interval(x, block=self.block, refuse=False) for x in sample]
        means, errors = (np.array([float(getattr(f, k)) for f in found]) for k in ("estimate", "standard_error"))
        independent = np.abs(sample.mean(axis=1)) <= norm.ppf(0.975) * sample.std(axis=1, ddof=1) / math.sqrt(n)
        return {
            "multipliers": float(np.mean([f.low <= 0 <= f.high for f in found])),
            "independent": float(independent.mean()),
            "distance": kolmogorov(means / math.sqrt(np.mean(errors**2)), norm.cdf),
        }


def trend(n: int, positions: np.ndarray) -> np.ndarray:
    """One period of a sine, of amplitude 1 in noise of deviation about 1."""
    return np.sin(2 * np.pi * positions / n)


def stationary_width(x: np.ndarray, band: TrendBand, plain: TrendBand) -> float:
    """Half-width that stationary theory gives: one long-run variance (Bartlett, the same window) for all places.

    plain: the band at the same positions for a stationary series, whose law gives the quantile of the maximum.
    """
    n = len(x)
    long_run = RelativeCLT(x, bandwidth=band.bandwidth).law(np.full(n, n**-0.5)).sd[0]
    critical = np.quantile(plain.law.maximum(2000, np.random.default_rng(0)), 0.95)
    # At a place with averages to both sides; they all have the same weights.
    weights = smoothing_weights(n, band.positions[:1], band.bandwidth)
    return float(critical * long_run * np.sqrt((weights**2).sum()))


@dataclass(frozen=True)
class BandCoverage:
    """Share of series whose trend lies within the band at all of 101 points, and mean widths, for four bands."""

    series: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        n = int(n)
        generator = rng.generator("series")
        plain = trend_band(generator.standard_normal(n), refuse=False)
        mu = trend(n, np.arange(n))
        counts: dict[str, list[float]] = {}
        for k, noise in enumerate(Drifting().sample(n, self.series, generator)):
            x = mu + noise
            band = trend_band(x, refuse=False, rng=k)
            error = np.abs(band.estimate - mu[band.positions])
            bonferroni = norm.isf(0.025 / len(band.positions)) * band.law.sd
            published = trend_band(x, refuse=False, rng=k, variant="paper")
            halves = {
                "multipliers": (band.high - band.low) / 2,
                "stationary": np.array(stationary_width(x, band, plain)),
                "Bonferroni": bonferroni,
                "multipliers as published": (published.high - published.low) / 2,
            }
            for name, half in halves.items():
                counts.setdefault(name, []).append(float((error <= half).all()))
                counts.setdefault(f"width, {name}", []).append(2 * float(half.mean()))
        return {name: float(np.mean(values)) for name, values in counts.items()}


@dataclass(frozen=True)
class Level:
    """Share of drifting series without a change in which the CUSUM test at 5 % finds one."""

    series: int
    draws: int

    def __call__(self, n: float, rng: Random) -> dict[str, float]:
        sample = Drifting().sample(int(n), self.series, rng.generator("series"))
        found = [change_test(x, draws=self.draws, rng=k, refuse=False) for k, x in enumerate(sample)]
        # Stationary theory: the largest CUSUM over the long-run deviation has Kolmogorov's law.
        deviation = np.array([RelativeCLT(x).law(np.full(int(n), n**-0.5)).sd[0] / x.std() for x in sample])
        classical = kstwobign.sf(np.array([f.statistic for f in found]) / deviation)
        return {
            "multipliers": float(np.mean([f.pvalue <= 0.05 for f in found])),
            "stationary": float((classical <= 0.05).mean()),
        }


@dataclass(frozen=True)
class Refusals:
    """Share of series that the theorem refuses."""

    process: Process
    series: int
    block: int | None = None

    def __call__(self, n: float, rng: Random) -> float:
        sample = self.process.sample(int(n), self.series, rng.generator("series"))
        return float(
            np.mean([any(a.answer == "fails" for a in RelativeCLT(x, self.block).assumptions()) for x in sample])
        )
