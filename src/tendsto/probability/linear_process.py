"""Linear processes by FFT, and exact fractional Gaussian noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import gammaln

from tendsto.probability.innovations import Gaussian, Innovation

__all__ = ["LinearProcess", "fractional_autocovariance", "fractional_noise"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearProcess:
    """``x_k = Σ_{|l| ≤ Λ} c_l ξ_{k-l}`` with ``c_0 = 1``, ``c_l = |l|^{-σ}`` and independent innovations ξ of mean 0.

    decay: σ, in (1/2, 1]; short memory starts above 1. cutoff: Λ. two_sided: False drops the lags l < 0.

    What the cutoff leaves out has variance at most `truncation`; it vanishes so slowly near σ = 1/2 that moments must
    be those of the truncated process, as `autocovariance` gives them.

    Raises ValueError for σ ≤ 1/2 (no variance) or Λ < 1. Source: Kouritzin and Paul, arXiv:2007.06083, the model; the
    coefficients are the simplest with ``sup |l|^σ |c_l| < ∞``.

    >>> process = LinearProcess(0.7, cutoff=1000)
    >>> process.simulate(50, np.random.default_rng(0)).shape
    (50,)
    """

    decay: float
    cutoff: int
    innovation: Innovation = field(default_factory=Gaussian)
    two_sided: bool = True

    def __post_init__(self) -> None:
        if not self.decay > 0.5:
            raise ValueError(f"decay {self.decay} leaves no variance; above 1/2 is needed")
        if self.cutoff < 1 or self.cutoff != int(self.cutoff):
            raise ValueError(f"cutoff {self.cutoff} is no lag; an integer of at least 1 is needed")

    @cached_property
    def coefficients(self) -> Array:
        """``c_{-Λ}, ..., c_Λ`` (two-sided) or ``c_0, ..., c_Λ``."""
        right = np.concatenate([[1.0], np.arange(1, self.cutoff + 1, dtype=np.float64) ** -self.decay])
        return np.concatenate([right[:0:-1], right]) if self.two_sided else right

    def simulate(self, n: int, rng: np.random.Generator, series: int | None = None) -> Array:
        """One series, shape (n,), or several, shape (series, n). Time grows as (n + Λ) log(n + Λ)."""
        shape = (1 if series is None else series, n + len(self.coefficients) - 1)
        x = self.filtered(self.innovation.sample(shape, rng))
        return x[0] if series is None else x

    def filtered(self, innovations: Array) -> Array:
        """``Σ_l c_l ξ_{k-l}`` wherever all innovations are there; the last axis loses ``len(coefficients) - 1``."""
        c = self.coefficients
        size = next_fast_len(innovations.shape[-1], real=True)
        # Circular convolution of this length only spoils the first len(c) - 1 entries, which are dropped.
        product = irfft(rfft(innovations, size) * rfft(c, size), size)
        return product[..., len(c) - 1 : innovations.shape[-1]]

    def autocovariance(self, lags: int) -> Array:
        """Covariances at lags 0, ..., lags - 1 of the truncated process; infinite without variance."""
        c = self.coefficients
        size = next_fast_len(len(c) + lags, real=True)
        power = np.abs(rfft(c, size)) ** 2
        return self.innovation.variance * irfft(power, size)[:lags]

    @property
    def truncation(self) -> float:
        """Bound on the variance that is cut off: ``Var ξ Σ_{|l|>Λ} |l|^{-2σ} ≤ 2 Var ξ Λ^{1-2σ} / (2σ - 1)``."""
        sides = 2 if self.two_sided else 1
        return sides * self.innovation.variance * self.cutoff ** (1 - 2 * self.decay) / (2 * self.decay - 1)


def fractional_autocovariance(d: float, lags: int) -> Array:
    """Covariances of fractional noise ``(1 - B)^{-d} ξ`` with variance-1 innovations at lags 0, ..., lags - 1.

    ``γ(0) = Γ(1-2d) / Γ(1-d)²``, ``γ(h) = γ(h-1) (h-1+d) / (h-d)``. ValueError unless -1/2 < d < 1/2. Source: Hosking
    (1981), Biometrika 68(1).

    >>> fractional_autocovariance(0.0, 3).tolist()
    [1.0, 0.0, 0.0]
    """
    if not -0.5 < d < 0.5:
        raise ValueError(f"d = {d} is no exponent of stationary fractional noise; between -1/2 and 1/2 is needed")
    h = np.arange(1, lags)
    start = math.exp(gammaln(1 - 2 * d) - 2 * gammaln(1 - d))
    return start * np.concatenate([[1.0], np.cumprod((h - 1 + d) / (h - d))])


def fractional_noise(n: int, d: float, rng: np.random.Generator, series: int | None = None) -> Array:
    """Exact Gaussian fractional noise, shape (n,) or (series, n), by circulant embedding: nothing is truncated.

    Raises ValueError unless -1/2 < d < 1/2. Source: Davies and Harte (1987), Biometrika 74(1).

    >>> fractional_noise(100, 0.4, np.random.default_rng(0)).shape
    (100,)
    """
    covariance = fractional_autocovariance(d, n + 1)
    spectrum = rfft(np.concatenate([covariance, covariance[-2:0:-1]])).real
    # The embedding of this covariance is non-negative definite; what is below 0 is rounding.
    root = np.sqrt(np.maximum(spectrum, 0) * n)
    z = rng.standard_normal((1 if series is None else series, 2, n + 1))
    # At the ends of the spectrum the coefficients are real, with twice the variance of a real part.
    z[:, 0, [0, -1]] *= math.sqrt(2)
    z[:, 1, [0, -1]] = 0
    x = irfft(root * (z[:, 0] + 1j * z[:, 1]), 2 * n)[:, :n]
    return x[0] if series is None else x
