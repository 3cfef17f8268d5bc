"""Relative central limit theorem: inference on means of a series that never settles (Palm and Nagler, 2025).

Mean, variance and dependence of ``X_1, ..., X_n`` may drift, so ``n^{-1/2} Σ (X_i - E X_i)`` need not tend to anything.
It is close to the Gaussian law *with its own covariance at this n*, and dependent multipliers estimate that one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve
from scipy.stats import norm, t

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.multipliers import GaussianLaw, check_block, default_block, multiplier_law
from tendsto.probability.series import Series, load_pandas, read_series
from tendsto.probability.tail_and_memory import moments_above, short_memory

__all__ = ["MeanInterval", "RelativeCLT", "mean_interval"]

Array = NDArray[np.float64]
Variant = Literal["corrected", "paper"]


@dataclass(frozen=True, eq=False)
class RelativeCLT:
    """The theorem for one series: ``Σ_i w_i (X_i - E X_i)`` is close in law to ``N(0, Σ_n)``, for bounded weights w.

    series: n numbers, or a matrix or DataFrame with one series a column. block: the multipliers' window m, by default
    ``⌈2 n^{1/3}⌉``. bandwidth: the means E X_i are estimated by local averages over this share of the series to either
    side (Epanechnikov weights); None: by the overall mean, which makes intervals wider where it drifts.

    variant: "paper" takes ``Σ_n`` by multipliers on the residuals. "corrected", the default, also undoes what centring
    takes away from that (a factor that is exact for white noise) and gives quantiles the degrees of freedom of the
    variance estimate (Satterthwaite); both vanish as n grows, and are derived here.

    Raises ValueError for a series that `read_series` refuses, a window outside 1, ..., n, a bandwidth outside (0, 1/2],
    or a window too long for the bandwidth. Source: N. Palm and T. Nagler, arXiv:2505.02197: definition and bootstrap;
    the exact moment, mixing and window conditions are inferred.

    >>> theorem = RelativeCLT(np.random.default_rng(0).standard_normal(500))
    >>> [a.answer for a in theorem.assumptions()]
    ['holds', 'unknown', 'holds']
    >>> theorem.limit().sd.round(3)                       # of the mean; 1/√500 = 0.045
    array([0.043])
    """

    series: Any
    block: int | None = None
    bandwidth: float | None = None
    variant: Variant = "corrected"

    def __post_init__(self) -> None:
        if self.variant not in ("corrected", "paper"):
            raise ValueError(f'variant {self.variant!r} is unknown; "corrected" or "paper" is needed')
        if self.bandwidth is not None and not 1 / self.data.n < self.bandwidth <= 0.5:
            raise ValueError(f"bandwidth {self.bandwidth} is not above 1/n = {1 / self.data.n:g} and at most 0.5")
        check_block(self.window, self.data.n)
        if self.centring < 0.2:
            raise ValueError(
                f"block {self.window} is too long for residuals from means over {2 * self._reach + 1} values;"
                " a wider bandwidth or a shorter block is needed"
            )

    @cached_property
    def data(self) -> Series:
        return read_series(self.series)

    @property
    def window(self) -> int:
        """The window m of the multipliers."""
        return default_block(self.data.n) if self.block is None else self.block

    @cached_property
    def centres(self) -> Array:
        """Estimates of E X_i, shape (n, columns)."""
        values = self.data.values
        if self.bandwidth is None:
            return np.broadcast_to(values.mean(axis=0), values.shape)
        return self._smooth(values)

    @cached_property
    def residuals(self) -> Array:
        """``X_i - centre``, shape (n, columns)."""
        return self.data.values - self.centres

    @cached_property
    def centring(self) -> float:
        """The share of its variance that the multiplier sum of white noise keeps when centres are taken off."""
        n, m = self.data.n, self.window
        lags = 1 - np.abs(np.arange(-(m - 1), m)) / m
        if self.bandwidth is None:
            # (1/n²) Σ_ij (1 - |i-j|/m)_+ over n² pairs.
            return 1 - float((lags * (n - np.abs(np.arange(-(m - 1), m)))).sum()) / n**2
        w = self._weights / self._weights.sum()
        twice = np.convolve(w, w)
        reach = self._reach

        def at(sequence: Array, middle: int) -> Array:
            h = np.arange(-(m - 1), m) + middle
            inside = (h >= 0) & (h < len(sequence))
            return np.where(inside, sequence[np.clip(h, 0, len(sequence) - 1)], 0.0)

        return 1 - float((lags * (2 * at(w, reach) - at(twice, 2 * reach))).sum())

    def assumptions(self) -> tuple[Assumption, ...]:
        """What the series itself says of the hypotheses: "holds" means not contradicted by n values."""
        removed = 0 if self.bandwidth is None else math.ceil(1 / self.bandwidth)
        local = self._smooth(self.residuals**2)
        memory = short_memory(self.residuals, lowest=max(removed, 1), local_variance=local)
        return moments_above(2.0, self.residuals), memory, self._growth()

    def limit(self, weights: ArrayLike | None = None) -> GaussianLaw:
        """``N(0, Σ_n)``, the law of the errors of the K weighted sums (a column after the other, K first).

        weights: shape (n,) or (K, n); None: the mean. There is one such law for each n, and none for all of them.
        Raises ValueError where a hypothesis fails, or for weights of another shape.
        """
        require("relative central limit theorem", *self.assumptions())
        return self.law(weights)

    def law(self, weights: ArrayLike | None = None) -> GaussianLaw:
        """The same without asking the hypotheses: what the bootstrap gives, whether or not it means anything."""
        w = self.weights(weights)
        columns = self.data.values.shape[1]
        e = self.residuals / math.sqrt(self.centring) if self.variant == "corrected" else self.residuals

        def contributions(rows: slice) -> Array:
            return (w[:, rows].T[:, :, None] * e[rows][:, None, :]).reshape(-1, len(w) * columns)

        return multiplier_law(contributions, self.window, self.data.n)

    def degrees(self, weights: ArrayLike | None = None) -> Array:
        """Degrees of freedom of each variance in `law`, shape (K · columns,): infinite for the variant "paper".

        ``(Σ v)² / ((2m/3) Σ v²)`` with ``v_i = w_i² s_i²`` and s² the local mean of squared residuals: Satterthwaite's
        for the triangular kernel, whose squares sum to 2m/3.
        """
        w = self.weights(weights)
        if self.variant == "paper":
            return np.full(len(w) * self.data.values.shape[1], math.inf)
        scale = self._smooth(self.residuals**2)
        first, second = w**2 @ scale, w**4 @ scale**2
        m = self.window
        kernel = float(((1 - np.arange(1, m) / m) ** 2).sum() * 2 + 1)
        return np.maximum((first**2 / (kernel * np.maximum(second, 1e-300))).ravel(), 1.0)

    def critical(
        self, law: GaussianLaw, degrees: Array, confidence: float, draws: int, rng: np.random.Generator
    ) -> Array:
        """How many standard deviations hold all statistics of the law at once with this confidence, shape (k,)."""
        if not 0 < confidence < 1:
            raise ValueError(f"confidence {confidence} is not strictly between 0 and 1")
        if law.covariance.shape[0] == 1:
            level = (1 - confidence) / 2
        else:
            level = float(norm.sf(np.quantile(law.maximum(draws, rng), confidence)))
        return np.asarray(t.isf(level, degrees))

    def weights(self, weights: ArrayLike | None) -> Array:
        """The weights as an array of shape (K, n)."""
        n = self.data.n
        if weights is None:
            return np.full((1, n), 1 / n)
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim not in (1, 2) or w.shape[-1] != n or not np.isfinite(w).all():
            raise ValueError(
                f"weights of shape {w.shape} do not fit {n} values; finite ones of (n,) or (K, n) are needed"
            )
        return w.reshape(-1, n)

    @property
    def _reach(self) -> int:
        return int((self.bandwidth or 0.1) * self.data.n)

    @property
    def _weights(self) -> Array:
        offsets = np.arange(-self._reach, self._reach + 1) / ((self.bandwidth or 0.1) * self.data.n)
        return np.maximum(1 - offsets**2, 0)

    def _smooth(self, values: Array) -> Array:
        kernel = self._weights[:, None]
        mass = fftconvolve(np.ones((len(values), 1)), kernel, mode="same", axes=0)
        return fftconvolve(values, kernel, mode="same", axes=0) / mass

    def _growth(self) -> Assumption:
        """m must grow past the dependence, and more slowly than √n."""
        n, m, name = self.data.n, self.window, "window growing, below √n"
        if m > n // 4:
            return Assumption(name, "fails", f"m = {m} leaves fewer than 4 windows in n = {n}")
        early, late = self.residuals[:-m], self.residuals[m:]
        noise = np.sqrt(((early * late) ** 2).sum(axis=0))
        ratio = float(np.abs((early * late).sum(axis=0) / np.maximum(noise, 1e-300)).max())
        if ratio > 4:
            return Assumption(name, "fails", f"values m = {m} apart are correlated, {ratio:.1f} standard errors from 0")
        if m * m > n:
            return Assumption(name, "unknown", f"m² = {m * m} is above n = {n}")
        return Assumption(name, "holds", f"m = {m}, √n = {math.sqrt(n):.1f}, values m apart are uncorrelated")


@dataclass(frozen=True, eq=False)
class MeanInterval:
    """Means with intervals that hold simultaneously; a number, or an array of shape (K,), (columns,), (K, columns).

    columns: names of the columns, None for a vector. assumptions: what the series says of the hypotheses.

    >>> found = mean_interval(np.random.default_rng(0).standard_normal((200, 2)))
    >>> found.low.shape, [a.name for a in found.assumptions][0]
    ((2,), 'moments above 2')
    """

    estimate: Array
    low: Array
    high: Array
    standard_error: Array
    confidence: float
    columns: tuple[Any, ...] | None
    assumptions: tuple[Assumption, ...]

    def to_frame(self) -> Any:
        """A pandas DataFrame: a row a mean, columns estimate, low, high, standard_error. Needs pandas."""
        pd = load_pandas()
        parts = {name: getattr(self, name) for name in ("estimate", "low", "high", "standard_error")}
        flat = {name: np.ravel(value) for name, value in parts.items()}
        named = self.columns is not None and len(self.columns) == len(flat["low"])
        return pd.DataFrame(flat, index=pd.Index(self.columns) if named else None)


def mean_interval(
    x: Any,
    *,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
    block: int | None = None,
    bandwidth: float | None = None,
    variant: Variant = "corrected",
    draws: int = 2000,
    rng: np.random.Generator | int = 0,
    refuse: bool = True,
) -> MeanInterval:
    """Interval for the mean ``n^{-1} Σ E X_i`` of a series whose mean, variance and dependence may drift.

    weights: shape (n,) or (K, n), for ``Σ_i w_{k,i} E X_i`` instead; several of them, or several columns, get intervals
    that hold all at once, by ``draws`` from their joint law: rows with 1/k on the first k values give a band for the
    running mean. The other settings are those of `RelativeCLT`. refuse:
    whether to raise where a hypothesis fails; the answer lists them in any case.

    Raises ValueError for a bad series or setting, and where a hypothesis fails. Source: as `RelativeCLT`.

    >>> x = np.random.default_rng(0).standard_normal(400) + np.linspace(0, 1, 400)
    >>> found = mean_interval(x, bandwidth=0.2)
    >>> bool(found.low < 0.5 < found.high)
    True
    >>> mean_interval([1.0] * 50)
    Traceback (most recent call last):
        ...
    ValueError: the series is constant at 1; there is nothing random to infer from
    """
    theorem = RelativeCLT(x, block, bandwidth, variant)
    law = theorem.limit(weights) if refuse else theorem.law(weights)
    critical = theorem.critical(law, theorem.degrees(weights), confidence, draws, np.random.default_rng(rng))
    w = theorem.weights(weights)
    estimate = w @ theorem.data.values
    half = (critical * law.sd).reshape(estimate.shape)
    single = weights is None or np.ndim(weights) == 1

    def shaped(values: Array) -> Array:
        return theorem.data.shaped(values[0] if single else values)[()]

    return MeanInterval(
        shaped(estimate),
        shaped(estimate - half),
        shaped(estimate + half),
        shaped(law.sd.reshape(estimate.shape)),
        confidence,
        theorem.data.columns,
        theorem.assumptions(),
    )
