"""What limits the averages of powers or autocovariances of a person's own series: its tail, its memory, or neither."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import fftconvolve

from tendsto.core.measure import Measure
from tendsto.probability.assumption import Assumption
from tendsto.probability.product_rate import MarcinkiewiczLaw
from tendsto.probability.series import read_series
from tendsto.probability.tail_and_memory import memory_exponent, tail_index

__all__ = ["RateDiagnostic", "block_exponent", "innovations", "rate_diagnostic"]

Array = NDArray[np.float64]

_SEGMENTS = 8
SHORTEST = 1024
"""Below it eight parts hold too few blocks to see how sums grow."""


@dataclass(frozen=True)
class RateDiagnostic:
    """tail: index of the products of innovations. memory: exponent d, coefficients decay like ``l^{d-1}``.

    tail_exponent, memory_exponent: of the partial sums that each alone would give, in [1/2, 1], with what their
    estimates leave open. predicted: the larger of them. fitted: the growth that block sums show. limited_by: which
    mechanism is above 1/2 beyond doubt, the larger if both are. agrees: whether prediction and fit are compatible.

    >>> found = rate_diagnostic(np.random.default_rng(0).standard_normal(4096))
    >>> found.limited_by, found.agrees
    ('neither', True)
    """

    factors: int
    lag: int
    tail: Measure
    memory: Measure
    tail_exponent: Measure
    memory_exponent: Measure
    predicted: Measure
    fitted: Measure
    limited_by: Literal["tail", "memory", "neither"]
    agrees: bool

    def assumptions(self) -> tuple[Assumption, ...]:
        """Whether a law of large numbers with a rate is to be had at all."""
        tail, memory = self.tail, self.memory
        return (
            Assumption(
                "product tail above 1",
                "fails" if tail.high < 1 else "holds" if tail.low > 1 else "unknown",
                f"the tail index is {tail.value:.2f} [{tail.low:.2f}, {tail.high:.2f}]",
            ),
            Assumption(
                "decay in (1/2, 1]",
                "fails" if memory.low >= 0.5 else "holds" if memory.high < 0.5 else "unknown",
                f"the memory exponent d is {memory.value:.2f} [{memory.low:.2f}, {memory.high:.2f}]",
            ),
        )

    @property
    def largest_p(self) -> Measure:
        """The supremum of p with ``n^{-1/p} Σ (d_k - E d_k) -> 0``, by the prediction."""
        e = self.predicted
        return Measure(1 / e.value, 1 / e.high, 1 / e.low)


def rate_diagnostic(x: Any, *, factors: int = 2, lag: int = 0) -> RateDiagnostic:
    """Say how fast the average of ``x_k^factors``, or of ``x_k x_{k+lag}``, converges, and what limits it.

    The series is centred at its mean. Memory: local Whittle, of the series. Tail index: Hill's, of the same power of
    its innovations (residuals of an autoregression), with √n exceedances; the series itself, a sum of many, shows its
    tail much later.
    `MarcinkiewiczLaw` turns both into exponents of the partial sums, and `block_exponent` fits one directly.

    ``agrees`` allows 0.12 between the intervals of prediction and fit: slowly varying factors are worth that much at
    any length that people have. Where it is false, the model (linear, stationary) is in doubt, not the estimate alone.

    Raises ValueError for a bad series, several columns, fewer than 1024 values, or a lag with other than two factors.
    Source: Kouritzin and Paul, arXiv:2007.06083 (an earlier version estimates both exponents on stocks); the joint
    diagnosis is derived here.

    >>> x = np.random.default_rng(0).pareto(1.4, 8192)
    >>> found = rate_diagnostic(x, factors=1)
    >>> found.limited_by, found.largest_p.low < 1.4 < found.largest_p.high
    ('tail', True)
    """
    data = read_series(x)
    if data.values.shape[1] != 1:
        raise ValueError(f"one series is diagnosed at a time, not {data.values.shape[1]} columns")
    if data.n < SHORTEST:
        raise ValueError(f"the series has {data.n} values; growth of sums needs at least {SHORTEST}")
    if factors not in (1, 2, 3):
        raise ValueError(f"factors = {factors} is not 1, 2 or 3")
    if lag < 0 or lag >= data.n // 4 or (lag > 0 and factors != 2):
        raise ValueError(f"lag {lag} with {factors} factors is no autocovariance of {data.n} values")
    centred = data.values[:, 0] - data.values.mean()
    products = centred[: data.n - lag] * centred[lag:] if factors == 2 else centred**factors
    deviations = products - products.mean()
    tail = tail_index(innovations(centred) ** factors, count=math.isqrt(data.n))
    memory = memory_exponent(centred)
    tails = _monotone(tail, lambda a: 1 / min(max(a, 1.0), 2.0))
    memories = _monotone(memory, lambda d: _memory(d, factors))
    predicted = Measure(*(max(getattr(tails, k), getattr(memories, k)) for k in ("value", "low", "high")))
    fitted = block_exponent(deviations)
    limited: Literal["tail", "memory", "neither"] = "neither"
    if tails.low > 0.5 or memories.low > 0.5:
        by_tail = tails.value >= memories.value if memories.low > 0.5 and tails.low > 0.5 else tails.low > 0.5
        limited = "tail" if by_tail else "memory"
    agrees = predicted.low - 0.12 <= fitted.high and fitted.low <= predicted.high + 0.12
    return RateDiagnostic(factors, lag, tail, memory, tails, memories, predicted, fitted, limited, agrees)


def innovations(x: Array, order: int = 30) -> Array:
    """Residuals of the autoregression of this order that Yule-Walker's equations give, shape (n - order,).

    >>> x = np.convolve(np.random.default_rng(0).standard_normal(5000), [1.0, 0.8], mode="valid")
    >>> bool(abs(np.corrcoef(innovations(x)[1:], innovations(x)[:-1])[0, 1]) < 0.05)
    True
    """
    n = len(x)
    covariance = np.array([float(x[: n - h] @ x[h:]) for h in range(order + 1)])
    coefficients = solve_toeplitz(covariance[:-1], covariance[1:])
    return fftconvolve(x, np.concatenate([[1.0], -coefficients]), mode="valid")


def block_exponent(deviations: Array) -> Measure:
    """Slope of ``log median |block sum|`` on log length over dyadic lengths, the mean over eight parts of the series.

    Lengths go from 8 to an eighth of a part, so blocks are much shorter than the series whose mean was taken off.
    Raises ValueError for fewer than 1024 values.

    >>> round(block_exponent(np.random.default_rng(0).standard_normal(1 << 16)).value, 1)
    0.5
    """
    if len(deviations) < SHORTEST:
        raise ValueError(f"{len(deviations)} values are too few; growth of sums needs at least {SHORTEST}")
    slopes = []
    for part in np.array_split(deviations, _SEGMENTS):
        lengths = [2**j for j in range(3, int(np.log2(len(part) / 8)) + 1)]
        sums = [np.abs(part[: len(part) // m * m].reshape(-1, m).sum(axis=1)) for m in lengths]
        medians = np.maximum([np.median(s) for s in sums], 1e-300)
        slopes.append(np.polyfit(np.log(lengths), np.log(medians), 1)[0])
    return Measure.mean(slopes)


def _memory(d: float, factors: int) -> float:
    decay = min(max(1 - d, 0.5 + 1e-9), 1.0)
    return MarcinkiewiczLaw((decay,) * factors).memory_exponent


def _monotone(estimate: Measure, exponent: Any) -> Measure:
    """What a monotone function makes of an estimate and its interval."""
    value, ends = exponent(estimate.value), sorted([exponent(estimate.low), exponent(estimate.high)])
    return Measure(value, *ends)
