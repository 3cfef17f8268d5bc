"""Shapes of noise on the line, smoothed by a Gaussian: density, score and Fisher information of f_r = f * N(0, r²)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import log_ndtr, logsumexp, ndtr

__all__ = ["GridNoise", "Information", "LaplaceNoise", "MixtureNoise", "Noise"]

Array = NDArray[np.float64]

# Panels of the quadrature, in widths of a component: densely where it is, and out into its tail.
_PANELS = np.array([0.0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 40])


class Information(NamedTuple):
    """Fisher information ``I_r`` (a number, or a matrix) and its numerical or Monte Carlo error."""

    value: float | Array
    error: float | Array


class Noise:
    """A known shape f of noise on the line. A subclass gives log_density, score, cdf, sample, mean, variance, features.

    ``score(x, r)`` is ``s_r = f_r'/f_r``; with ``I_r = E_{f_r} s_r²`` the score of shifted noise is
    ``E s_r(W - ε) ≈ I_r ε``, which is what a Newton step towards the location rests on.
    """

    @property
    def mean(self) -> float:
        raise NotImplementedError

    @property
    def variance(self) -> float:
        raise NotImplementedError

    def log_density(self, x: ArrayLike, r: float) -> Array:
        """``log f_r``, any shape."""
        raise NotImplementedError

    def score(self, x: ArrayLike, r: float) -> Array:
        """``f_r' / f_r``, any shape."""
        raise NotImplementedError

    def cdf(self, x: float) -> float:
        """Distribution function of f itself."""
        raise NotImplementedError

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        """Independent draws from f."""
        raise NotImplementedError

    def features(self) -> tuple[Array, Array]:
        """Centres and widths of what the quadrature must resolve."""
        raise NotImplementedError

    def quantile(self, probability: float) -> float:
        """The x with ``cdf(x) = probability``."""
        centres, widths = self.features()
        low, high = float((centres - 60 * widths).min()), float((centres + 60 * widths).max())
        return float(brentq(lambda x: self.cdf(x) - probability, low, high, xtol=1e-13))

    def information(self, r: float) -> Information:
        """``I_r``, which is at most 1/r² and grows as r falls; the error is that of halving the quadrature."""
        fine, coarse = (self.shifted_score(r, 0.0, points)[1] for points in (40, 20))
        return Information(fine, abs(fine - coarse))

    def shifted_score(self, r: float, shift: float, points: int = 20) -> tuple[float, float]:
        """Mean and variance of ``s_r(W - shift)``, W drawn from f_r."""
        centres, widths = self.features()
        spread = np.sqrt(widths**2 + check_smoothing(r) ** 2)
        panels = np.concatenate([-_PANELS[:0:-1], _PANELS])
        edges = (centres[:, None] + spread[:, None] * panels).ravel()
        edges = np.unique(np.concatenate([edges, edges + shift]))
        nodes, weights = np.polynomial.legendre.leggauss(points)
        half = np.diff(edges)[:, None] / 2
        x = ((edges[:-1, None] + half) + half * nodes).ravel()
        weights = (half * weights).ravel() * np.exp(self.log_density(x, r))
        score = self.score(x - shift, r)
        first = float(weights @ score)
        return first, float(weights @ score**2) - first**2


@dataclass(frozen=True)
class MixtureNoise(Noise):
    """A mixture of Gaussians ``Σ weights_k N(means_k, scales_k²)``; smoothed, its variances grow by r².

    Raises ValueError for weights that are no probabilities, a scale that is not positive, or lengths that differ.

    >>> spike = MixtureNoise((0.8, 0.2), (0.0, 0.0), (1.0, 0.02))
    >>> round(spike.variance, 2), round(1 / spike.information(0.1).value, 3)
    (0.8, 0.114)
    """

    weights: Sequence[float]
    means: Sequence[float]
    scales: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("weights", "means", "scales"):
            object.__setattr__(self, name, tuple(float(v) for v in np.atleast_1d(getattr(self, name))))
        w, m, s = (np.asarray(v) for v in (self.weights, self.means, self.scales))
        if not (w.shape == m.shape == s.shape and (w > 0).all() and abs(w.sum() - 1) < 1e-9):
            raise ValueError(f"weights {self.weights}, means {self.means}, scales {self.scales} are no mixture")
        if not (np.isfinite(m).all() and (s > 0).all() and np.isfinite(s).all()):
            raise ValueError(f"means {self.means}, scales {self.scales} must be finite, scales above 0")

    @property
    def mean(self) -> float:
        return float(np.dot(self.weights, self.means))

    @property
    def variance(self) -> float:
        return float(np.dot(self.weights, np.square(self.scales) + np.square(self.means))) - self.mean**2

    def features(self) -> tuple[Array, Array]:
        return np.asarray(self.means), np.asarray(self.scales)

    def log_density(self, x: ArrayLike, r: float) -> Array:
        return logsumexp(self._terms(np.asarray(x, np.float64), r), axis=0)

    def score(self, x: ArrayLike, r: float) -> Array:
        x = np.asarray(x, np.float64)
        # Components are walked rather than stacked: samples are large and components few.
        terms = self._terms(x, r)
        terms -= terms.max(axis=0)
        np.exp(terms, out=terms)
        above = sum(term * ((m - x) / (s**2 + r**2)) for term, m, s in zip(terms, self.means, self.scales, strict=True))
        return np.asarray(above / terms.sum(axis=0))

    def cdf(self, x: float) -> float:
        return float(sum(w * ndtr((x - m) / s) for w, m, s in zip(self.weights, self.means, self.scales, strict=True)))

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        which = np.searchsorted(np.cumsum(self.weights)[:-1], rng.random(shape), side="right")
        return np.asarray(self.means)[which] + np.asarray(self.scales)[which] * rng.standard_normal(shape)

    def _terms(self, x: Array, r: float) -> Array:
        """Logarithms of the weighted smoothed components, shape (components, *x.shape)."""
        rows = zip(self.weights, self.means, self.scales, strict=True)
        found = np.empty((len(self.weights), *x.shape))
        for i, (w, m, s) in enumerate(rows):
            variance = s**2 + r**2
            found[i] = math.log(w) - 0.5 * math.log(2 * math.pi * variance) - (x - m) ** 2 / (2 * variance)
        return found


@dataclass(frozen=True)
class LaplaceNoise(Noise):
    """Laplace noise of density ``exp(-|x|/b) / (2b)``; smoothed, a difference of two Gaussian tails in closed form.

    Raises ValueError for a scale b that is not positive.

    >>> round(LaplaceNoise(1.0).information(0.01).value, 2)
    0.99
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale {self.scale} is no width of a Laplace law; a positive number is needed")

    @property
    def mean(self) -> float:
        return 0.0

    @property
    def variance(self) -> float:
        return 2 * self.scale**2

    def features(self) -> tuple[Array, Array]:
        # The kink at 0 is as wide as the smoothing.
        return np.zeros(2), np.array([self.scale, 0.0])

    def log_density(self, x: ArrayLike, r: float) -> Array:
        return np.logaddexp(*self._sides(x, r)) + r**2 / (2 * self.scale**2) - math.log(2 * self.scale)

    def score(self, x: ArrayLike, r: float) -> Array:
        right, left = self._sides(x, r)
        return -np.tanh((right - left) / 2) / self.scale

    def cdf(self, x: float) -> float:
        tail = 0.5 * math.exp(-abs(x) / self.scale)
        return tail if x < 0 else 1 - tail

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.laplace(0.0, self.scale, shape)

    def _sides(self, x: ArrayLike, r: float) -> tuple[Array, Array]:
        """``log(e^{∓x/b} Φ(±x/r - r/b))``, the parts of f_r that come from either side of the kink."""
        x, b = np.asarray(x, np.float64), self.scale
        return log_ndtr(x / r - r / b) - x / b, log_ndtr(-x / r - r / b) + x / b


@dataclass(frozen=True, eq=False)
class GridNoise(Noise):
    """Noise whose density is known on an even grid, or is that of a sample; smoothed by fast convolution.

    points: evenly spaced. density: there, not negative; it is scaled to integrate to 1 and is 0 elsewhere. spread: the
    variance where the grid's own is not the noise's, such as inf for a heavy tail that the grid cuts off.

    Raises ValueError for points that are not even, a density with a value below 0 or not finite, or, when smoothed, r
    below two spacings.

    >>> x = np.linspace(-8, 8, 4001)
    >>> normal = GridNoise(x, np.exp(-x**2 / 2))
    >>> round(normal.information(0.5).value, 4)  # 1 / (1 + r²)
    0.8
    """

    points: Array
    density: Array
    spread: float | None = None

    def __post_init__(self) -> None:
        x, f = (np.asarray(v, np.float64) for v in (self.points, self.density))
        steps = np.diff(x) if x.ndim == 1 else np.empty(0)
        if x.size < 16 or f.shape != x.shape or not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.mean():
            raise ValueError(f"points of shape {x.shape}, density of {f.shape}: at least 16 evenly spaced are needed")
        if not ((f >= 0) & np.isfinite(f)).all() or f.sum() == 0:
            raise ValueError(f"a density from {f.min()} to {f.max()} is none; finite numbers from 0 on are needed")
        object.__setattr__(self, "points", x)
        object.__setattr__(self, "density", f / (f.sum() * (x[1] - x[0])))

    @classmethod
    def from_sample(cls, sample: ArrayLike, spacing: float) -> GridNoise:
        """The shape of a sample of the noise alone, each value shared out to the two grid points beside it."""
        values = np.asarray(sample, np.float64).ravel()
        if values.size < 2 or not np.isfinite(values).all() or np.ptp(values) == 0 or not spacing > 0:
            raise ValueError(
                f"a sample of {values.size} values, spaced {spacing}, has no shape; finite ones that vary do"
            )
        place = (values - values.min()) / spacing + 16
        left = place.astype(np.int64)
        mass = np.zeros(int(left.max()) + 18)
        np.add.at(mass, left, 1 - (place - left))
        np.add.at(mass, left + 1, place - left)
        return cls(values.min() + spacing * (np.arange(mass.size) - 16.0), mass)

    @property
    def spacing(self) -> float:
        return float(self.points[1] - self.points[0])

    @property
    def mean(self) -> float:
        return float(self.points @ self.density) * self.spacing

    @property
    def variance(self) -> float:
        own = float((self.points - self.mean) ** 2 @ self.density) * self.spacing
        return own if self.spread is None else self.spread

    def log_density(self, x: ArrayLike, r: float) -> Array:
        axis, density, _ = self._smoothed(r)
        with np.errstate(divide="ignore"):
            return np.log(np.interp(np.asarray(x, np.float64), axis, density, left=0.0, right=0.0))

    def score(self, x: ArrayLike, r: float) -> Array:
        axis, density, slope = self._smoothed(r)
        # Beyond the smoothed grid the density is a Gaussian tail that nothing has been seen of: the score stays put.
        tiny = np.finfo(np.float64).tiny
        inside = np.flatnonzero(density > 1e-12 * density.max())
        use = slice(inside[0], inside[-1] + 1)
        return np.interp(np.asarray(x, np.float64), axis[use], slope[use] / np.maximum(density[use], tiny))

    def cdf(self, x: float) -> float:
        mass = np.cumsum(self.density) * self.spacing
        return float(np.interp(x, self.points + self.spacing / 2, mass, left=0.0, right=1.0))

    def quantile(self, probability: float) -> float:
        mass = np.cumsum(self.density) * self.spacing
        return float(np.interp(probability, mass, self.points + self.spacing / 2))

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        mass = np.cumsum(self.density)
        index = np.searchsorted(mass, rng.random(shape) * mass[-1], side="right")
        return self.points[index] + self.spacing * (rng.random(shape) - 0.5)

    def shifted_score(self, r: float, shift: float, points: int = 20) -> tuple[float, float]:
        axis, density, _ = self._smoothed(r)
        use = slice(None, None, 2) if points < 40 else slice(None)
        weights = density[use] / density[use].sum()
        score = self.score(axis[use] - shift, r)
        first = float(weights @ score)
        return first, float(weights @ score**2) - first**2

    def _smoothed(self, r: float) -> tuple[Array, Array, Array]:
        """The grid widened by 8 r, with f_r and f_r' on it."""
        h = self.spacing
        if check_smoothing(r) < 2 * h:
            raise ValueError(f"r = {r} is not seen on a grid spaced {h:g}; at least {2 * h:g} is needed")
        reach = math.ceil(8 * r / h)
        offsets = h * np.arange(-reach, reach + 1)
        kernel = np.exp(-(offsets**2) / (2 * r**2))
        kernel /= kernel.sum()
        axis = self.points[0] + h * np.arange(-reach, self.points.size + reach)
        density = np.maximum(fftconvolve(self.density, kernel), 0.0)
        return axis, density, fftconvolve(self.density, -offsets / r**2 * kernel)


def check_smoothing(r: float) -> float:
    """Return r; ValueError unless it is a positive number."""
    if not 0 < r < math.inf:
        raise ValueError(f"smoothing r = {r} is no width; a positive number is needed")
    return r
