"""Two numbers that decide which limit theorem a series obeys: the index of its tail, the exponent of its memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from tendsto.core.measure import Measure
from tendsto.probability.assumption import Assumption

__all__ = ["memory_exponent", "moments_above", "short_memory", "tail_index"]

Array = NDArray[np.float64]


def tail_index(x: ArrayLike, *, count: int | None = None, confidence: float = 0.95) -> Measure:
    """Hill's estimate of a in ``P(|x| > t) ~ t^{-a}``, with the interval ``a (1 ± z / √count)`` (that of independence).

    ``1/a = (1/count) Σ_{i<count} log(|x|_(i) / |x|_(count))`` over the order statistics from the largest on. count: how
    many exceedances are used, by default ``⌈n^{2/3}⌉``. A tail thinner than a power gives a large, growing a. Raises
    ValueError where fewer than ``count + 1`` values differ from 0. Source: Hill (1975), Annals of Statistics 3(5).

    >>> tail_index(np.random.default_rng(0).pareto(3.0, 20_000) + 1).value.__round__(1)
    3.1
    """
    size = np.sort(np.abs(np.asarray(x, dtype=np.float64)).ravel())[::-1]
    count = math.ceil(size.size ** (2 / 3)) if count is None else count
    if not 1 <= count < np.count_nonzero(size):
        raise ValueError(f"{count} exceedances cannot be had from {np.count_nonzero(size)} values other than 0")
    mean = float(np.log(size[:count] / size[count]).mean())
    value = math.inf if mean == 0 else 1 / mean
    half = float(norm.ppf(0.5 + confidence / 2)) / math.sqrt(count)
    return Measure(value, value * max(0.0, 1 - half), value * (1 + half), runs=count)


def memory_exponent(x: ArrayLike, *, lowest: int = 1, count: int | None = None, confidence: float = 0.95) -> Measure:
    """Local Whittle estimate of d in a spectrum ``~ |λ|^{-2d}`` near 0, with the interval ``d ± z / (2 √count)``.

    Minimises ``log mean_j(λ_j^{2d} I_j) - 2d mean_j(log λ_j)`` over d in [-0.5, 1] and the ``count`` Fourier
    frequencies from number ``lowest`` on; by default ``⌊√n⌋`` of them. d = 0: short memory; 0 < d < 1/2: long memory,
    for ``x_k = Σ c_l ξ_{k-l}`` with ``c_l ~ l^{-σ}`` the exponent is d = 1 - σ. A trend makes d look large: remove it,
    and leave out the frequencies that were removed with it by ``lowest``. Raises ValueError where fewer than 4
    frequencies are left. Source: Robinson (1995), Annals of Statistics 23(5).

    >>> abs(memory_exponent(np.random.default_rng(0).standard_normal(5000)).value) < 0.15
    True
    """
    values = np.asarray(x, dtype=np.float64).ravel()
    n = values.size
    count = math.isqrt(n) if count is None else count
    last = min(lowest + count, (n - 1) // 2 + 1)
    if lowest < 1 or last - lowest < 4:
        raise ValueError(f"{max(0, last - lowest)} Fourier frequencies from {lowest} on tell no memory; 4 are needed")
    spectrum = np.abs(np.fft.rfft(values - values.mean())[lowest:last]) ** 2
    if not spectrum.any():
        raise ValueError("the series is constant; it has no memory to estimate")
    logs = np.log(2 * np.pi * np.arange(lowest, last) / n)
    contrast = logs - logs.mean()

    def criterion(d: float) -> float:
        return float(np.log(np.mean(np.exp(2 * d * contrast) * spectrum)))

    value = float(minimize_scalar(criterion, bounds=(-0.5, 1.0), method="bounded", options={"xatol": 1e-6}).x)
    # With few frequencies the spread of log λ is below its limit 1, and 2 √count would promise too much.
    half = float(norm.ppf(0.5 + confidence / 2)) / (2 * math.sqrt(float((contrast**2).sum())))
    return Measure(value, value - half, value + half, runs=last - lowest)


def moments_above(order: float, x: ArrayLike) -> Assumption:
    """Whether ``E|x|^r`` is finite for some r above ``order``, by `tail_index` of each column (one-sided, 5 %).

    "holds" is said of what the exceedances show: no sample excludes a heavier tail further out.

    >>> print(moments_above(2.0, np.random.default_rng(0).standard_cauchy(1000)))
    moments above 2 fails: the tail index is 1.07 [0.90, 1.25] (Hill, 100 exceedances)
    """
    columns = np.asarray(x, dtype=np.float64).reshape(len(np.asarray(x)), -1).T
    found = min((tail_index(column, confidence=0.9) for column in columns), key=lambda a: a.value)
    answer = "fails" if found.high < order else "holds" if found.low > order else "unknown"
    interval = f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    return Assumption(
        f"moments above {order:g}", answer, f"the tail index is {interval} (Hill, {found.runs} exceedances)"
    )


def short_memory(x: ArrayLike, *, lowest: int = 1, local_variance: ArrayLike | None = None) -> Assumption:
    """Whether the spectrum stays bounded near 0, by `memory_exponent` of each column: "fails" if d > 0 at 99 %.

    "holds" if d is below 1/4 besides. local_variance: of the shape of x; where the variance drifts the frequencies are
    correlated, and the interval is wider by ``(mean v²)^{1/2} / mean v``.

    >>> short_memory(np.random.default_rng(0).standard_normal(20_000)).answer
    'holds'
    """
    columns = np.asarray(x, dtype=np.float64).reshape(len(np.asarray(x)), -1).T
    n = columns.shape[1]
    if (n - 1) // 2 < lowest + 4:
        return Assumption("short memory", "unknown", f"{n} values are too few to tell")
    variance = np.ones_like(columns) if local_variance is None else np.asarray(local_variance).reshape(n, -1).T
    wider = np.sqrt((variance**2).mean(axis=1)) / np.maximum(variance.mean(axis=1), 1e-300)
    count = max(math.isqrt(n), 6)
    estimates = [memory_exponent(column, lowest=lowest, count=count, confidence=0.99) for column in columns]
    lows = [d.value - w * (d.value - d.low) for d, w in zip(estimates, wider, strict=True)]
    k = int(np.argmax(lows))
    value, low, high = estimates[k].value, lows[k], 2 * estimates[k].value - lows[k]
    answer = "fails" if low > 0 else "holds" if high < 0.25 else "unknown"
    interval = f"{value:.2f} [{low:.2f}, {high:.2f}]"
    witness = f"the memory exponent d is {interval} (local Whittle, {estimates[k].runs} frequencies)"
    hint = ", or a trend is left that a bandwidth would remove" if answer == "fails" else ""
    return Assumption("short memory", answer, witness + hint)
