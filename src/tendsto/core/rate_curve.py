"""From raw curves to the bin averages, noise model and whitening that a rate is fitted on.

Two scales are possible. On the *log* scale the fit sees the seed mean of log values, right for multiplicative noise and
for log-values that walk at random. On the *linear* scale it sees the seed mean of the values, right for additive noise,
where values near the floor may be negative and a logarithm would be biased. The likelier of a normal and a log-normal
law over seeds decides; one value that is not positive settles it for linear.
"""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma

Array = NDArray[np.float64]

# No recorded curve follows a law more exactly than its arithmetic: the least noise assumed, relative to a value.
RELATIVE_NOISE = 1e-6
# From so many points on, laws and scales compete as equals.
ENOUGH_POINTS = 48
# With fewer, the scale is linear only where a normal law is likelier by far: small noise looks the same on both, and
# on the log scale a curve that falls over decades is seen whole.
LEAN = 3.0


@dataclass(frozen=True)
class Curve:
    """Bin averages of many runs on one scale, with their noise model.

    `mean` and `deviation` are on the scale (`log` or not); `nodes` (2, bins) are two indices a bin whose average
    reproduces the bin's mean and variance of the index, or (1, bins) where a bin is one point; `scatter` is the
    standard deviation of one run in a bin, its random level removed; `correlation` (bins - 1,) links neighbouring bins.
    """

    log: bool
    nodes: Array  # (1 or 2, bins)
    mean: Array  # (bins,)
    deviation: Array  # (runs, bins)
    scatter: Array  # (bins,)
    correlation: Array  # (bins - 1,)
    first: Array  # (bins,) first index of a bin
    last: Array  # (bins,) last index of a bin

    @property
    def runs(self) -> int:
        return self.deviation.shape[0]

    @property
    def bins(self) -> int:
        return self.mean.size

    def whiten(self, vectors: Array) -> Array:
        """`vectors` (..., bins) in units in which the seed mean's noise is uncorrelated with variance one."""
        scaled = vectors * (np.sqrt(self.runs) / self.scatter)
        out = scaled.copy()
        out[..., 1:] -= self.correlation * scaled[..., :-1]
        out[..., 1:] /= np.sqrt(1 - self.correlation**2)
        return out

    def from_bin(self, start: int) -> Curve:
        """The same curve without its first `start` bins."""
        return Curve(
            self.log,
            self.nodes[:, start:],
            self.mean[start:],
            self.deviation[:, start:],
            self.scatter[start:],
            self.correlation[start:],
            self.first[start:],
            self.last[start:],
        )


def as_runs(index: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    """Check and return index (points,) and values (runs, points) as float64.

    Raises ValueError on wrong shapes or on an index that does not increase.
    """
    k = np.asarray(index, dtype=np.float64)
    y = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if k.ndim != 1 or k.size == 0:
        raise ValueError(f"index has shape {k.shape}; it must be one-dimensional and not empty")
    if y.ndim != 2 or y.shape[1] != k.size or y.shape[0] == 0:
        raise ValueError(f"values have shape {np.shape(values)}; they must be (runs, {k.size}) for this index")
    if not np.all(np.isfinite(k)) or k[0] < 0 or np.any(np.diff(k) <= 0):
        raise ValueError(f"index runs from {k[0]} to {k[-1]}; it must be finite, nonnegative and strictly increasing")
    return k, y


def ends(values: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Recorded length of each run, and whether it broke off: an infinite value, a NaN before its end, or no value."""
    finite = np.isfinite(values)
    if finite.all():
        runs, points = values.shape
        return np.full(runs, points), np.zeros(runs, dtype=np.bool_)
    length = np.where(finite.any(axis=1), values.shape[1] - np.argmax(finite[:, ::-1], axis=1), 0)
    broken = (finite.sum(axis=1) < length) | np.isinf(values).any(axis=1) | (length == 0)
    return length, broken


def bin_edges(index: Array, bins: int = 40) -> NDArray[np.int64]:
    """First position of each bin: `bins` bins even in log index merged with `bins` even in index, none empty."""
    if index.size <= 2 * bins:
        return np.arange(index.size)
    steps = np.arange(bins) / bins
    logs = np.exp(np.log(index[0]) + steps * np.log(index[-1] / index[0]))
    marks = np.concatenate([logs, index[0] + steps * (index[-1] - index[0])])
    return np.unique(np.searchsorted(index, marks, side="left"))


def smooth(values: Array, use: NDArray[np.bool_], degree: int, beside: Array | None = None) -> Array:
    """A polynomial of low degree over bin number, and a multiple of `beside`, fitted to the entries in `use`."""
    x = np.linspace(-1, 1, values.size)
    basis = np.polynomial.legendre.legvander(x, min(degree, max(0, int(use.sum()) // 6)))
    if beside is not None:
        basis = np.column_stack([basis, beside])
    solution = np.linalg.lstsq(basis[use], values[use], rcond=None)[0]
    return basis @ solution


def _log_is_likelier(linear: Array, logs: Array, lean: float) -> bool:
    """Whether values over seeds look log-normal rather than normal (profile likelihood, summed over bins)."""
    tiny = np.finfo(np.float64).tiny
    runs = linear.shape[0]
    if runs < 3:
        return True
    normal = -0.5 * runs * np.log(linear.var(axis=0) + tiny)
    lognormal = -0.5 * runs * np.log(logs.var(axis=0) + tiny) - logs.sum(axis=0)
    known = linear.var(axis=0) > (RELATIVE_NOISE * linear.mean(axis=0)) ** 2
    return bool(np.sum((lognormal - normal)[known]) >= -lean)


def _scatter(squares: Array, floor: Array, freedom: int, size: NDArray[np.int64]) -> Array:
    """Smooth standard deviation over bins of `size` points from noisy squares with `freedom` degrees of freedom each.

    Averaging takes from the noise of a point what it leaves of a run's: a power of the bin's size, whatever its shape.
    """
    known = squares > floor**2
    if known.sum() < 3:
        return np.sqrt(np.maximum(squares, floor**2))
    bias = digamma(freedom / 2) - np.log(freedom / 2)
    logs = np.log(np.where(known, squares, 1.0)) - bias
    return np.maximum(np.exp(0.5 * smooth(logs, known, 2, np.log(size))), floor)


def _noise(mean: Array, deviation: Array, log: bool, size: NDArray[np.int64]) -> tuple[Array, Array]:
    """Scatter of one run (bins,) and correlation of neighbouring bins (bins - 1,), random level of a run removed."""
    runs, bins = deviation.shape
    floor = (
        np.full(bins, RELATIVE_NOISE) if log else RELATIVE_NOISE * np.maximum(np.abs(mean), np.abs(mean).max() * 1e-9)
    )
    if runs == 1:
        # One run tells its noise only by what neighbours do not share.
        roughness = np.zeros(bins)
        if bins >= 3:
            roughness[1:-1] = (mean[1:-1] - 0.5 * (mean[:-2] + mean[2:])) ** 2 / 1.5
        return _scatter(roughness, floor, 1, size), np.zeros(bins - 1)
    level = np.ones(bins) if log else mean
    first = _scatter(np.sum(deviation**2, axis=0) / (runs - 1), floor, runs - 1, size)
    weight = level / first**2
    rest = deviation - np.outer(deviation @ weight / (level @ weight), level)
    scatter = _scatter(np.sum(rest**2, axis=0) / (runs - 1), floor, runs - 1, size)
    scaled = rest / scatter
    products = np.sum(scaled[:, 1:] * scaled[:, :-1], axis=0) / (runs - 1)
    everywhere = np.ones(bins - 1, dtype=np.bool_)
    # A nuisance parameter: it weighs the points, the interval comes from the seeds whatever it is.
    return scatter, np.clip(smooth(products, everywhere, 1), 0.0, 0.99)


def make_curve(index: Array, values: Array) -> Curve:
    """Average finite values (runs, points) over bins, choose the scale and estimate the noise."""
    start = bin_edges(index)
    stop = np.append(start[1:], index.size)
    size = stop - start
    if start.size == index.size:
        nodes = index[None]
        linear = values
        logs = np.log(values) if values.min() > 0 else None
    else:
        centre = np.add.reduceat(index, start) / size
        spread = np.sqrt(np.maximum(np.add.reduceat(index**2, start) / size - centre**2, 0.0))
        nodes = np.stack([centre - spread, centre + spread])
        linear = np.add.reduceat(values, start, axis=1) / size
        logs = np.add.reduceat(np.log(values), start, axis=1) / size if values.min() > 0 else None
    lean = LEAN if index.size < ENOUGH_POINTS else 0.0
    log = logs is not None and _log_is_likelier(linear, logs, lean)
    scaled = logs if log and logs is not None else linear
    mean = scaled.mean(axis=0)
    deviation = scaled - mean
    scatter, correlation = _noise(mean, deviation, log, size)
    return Curve(log, nodes, mean, deviation, scatter, correlation, index[start], index[stop - 1])
