"""Is a measured sequence above a theorem's bound beyond doubt?"""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from tendsto.core.rate_curve import Array, as_runs, bin_edges

Mode = Literal["sure", "expectation", "high-probability"]
MODES = ("sure", "expectation", "high-probability")


@dataclass(frozen=True)
class Exceedance:
    """Outcome of `exceeds`: violated or not, at which position, with figures.

    `slack` is the least of (bound - measured) / |bound| over k, measured being the largest run (sure), the mean
    (expectation) or the 1 - beta quantile (high-probability); negative where it lies above. `tightness` is the largest
    ratio of mean to bound over k where the bound is positive. `p_value` is corrected for looking at every k.
    """

    violated: bool
    at: int | None
    slack: float
    tightness: float
    p_value: float

    def __str__(self) -> str:
        said = f"violated at point {self.at}" if self.violated else "not violated"
        return f"{said}: slack {self.slack:.3g}, tightness {self.tightness:.3g}, p = {self.p_value:.2g}"


def _blocks(points: int) -> NDArray[np.int64]:
    return bin_edges(np.arange(1.0, points + 1), bins=10)


def _mean_p_values(excess: Array, start: NDArray[np.int64], rtol: float) -> Array:
    """One-sided Student p-value a block that the mean excess (runs, points) over the block is positive."""
    runs, points = excess.shape
    size = np.diff(np.append(start, points))
    block = np.add.reduceat(excess, start, axis=1) / size
    mean = block.mean(axis=0) - rtol
    if runs == 1:
        return np.ones(start.size)
    spread = block.std(axis=0, ddof=1)
    # Few runs may agree by chance where the quantity is discrete: no block is taken to be much quieter than the rest.
    spread = np.maximum(spread, 0.25 * np.sqrt(np.mean(spread**2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(spread > 0, mean * np.sqrt(runs) / spread, np.where(mean > 0, np.inf, -np.inf))
    return np.asarray(student.sf(statistic, runs - 1), np.float64)


def _share_p_values(above: NDArray[np.bool_], start: NDArray[np.int64], beta: float) -> Array:
    """p-value a block that runs lie above with probability over beta; the binomial tail's Chernoff bound.

    exp(-n KL(share, beta)) also bounds the tail of averages over a block, whose terms are dependent (Hoeffding 1963,
    theorem 1).
    """
    runs, points = above.shape
    size = np.diff(np.append(start, points))
    share = np.add.reduceat(above.mean(axis=0), start) / size
    inner = np.clip(share, 1e-300, 1.0)
    outer = np.clip(1 - share, 1e-300, 1.0)
    divergence = share * np.log(inner / beta) + (1 - share) * np.log(outer / (1 - beta))
    return np.where(share > beta, np.exp(-runs * divergence), 1.0)


def exceeds(
    values: ArrayLike,
    bound: ArrayLike,
    *,
    mode: Mode,
    beta: float = 0.05,
    level: float = 0.01,
    rtol: float = 1e-9,
) -> Exceedance:
    """Whether values (runs, points) contradict bound (points,), said falsely with probability below `level`.

    sure: some run lies above the bound by more than rtol |bound|.
    expectation: the mean over runs lies above; Student's test of (value - bound) / |bound| averaged over blocks of k
    (each a consequence of the theorem), Bonferroni over blocks. One run decides nothing.
    high-probability: more than a share beta of runs lies above; tail bound for the binomial, Bonferroni over blocks.

    Points after the first run's end (NaN) are left out, except for "sure". An infinite value lies above every bound.

    Raises ValueError on wrong shapes, mode, beta or level.

    >>> import numpy as np
    >>> exceeds(np.full((5, 3), 2.0), np.ones(3), mode="sure").violated
    True
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; it must be one of {list(MODES)}")
    if not (0 < beta < 1 and 0 < level < 1):
        raise ValueError(f"beta is {beta} and level {level}; both must lie between 0 and 1")
    b = np.asarray(bound, dtype=np.float64)
    y = as_runs(np.arange(b.size), values)[1]
    if b.ndim != 1 or not np.all(np.isfinite(b)):
        raise ValueError(f"bound has shape {b.shape}; it must be one-dimensional and finite")
    recorded = ~np.isnan(y)
    points = b.size if mode == "sure" else int(np.argmin(np.append(recorded.all(axis=0), False)))
    y, b, recorded = y[:, :points], b[:points], recorded[:, :points]
    if points == 0 or not recorded.any():
        return Exceedance(False, None, float("nan"), float("nan"), 1.0)
    scale = np.where(b == 0, 1.0, np.abs(b))
    excess = np.where(recorded, (y - b) / scale, -np.inf)
    count = np.maximum(recorded.sum(axis=0), 1)
    mean = np.where(recorded, y, 0.0).sum(axis=0) / count
    positive = (b > 0) & recorded.any(axis=0)
    tightness = float(np.max(mean[positive] / b[positive])) if positive.any() else float("nan")
    if mode == "sure":
        measured = excess.max(axis=0)
        over = measured > rtol
        at = int(np.argmax(over)) if over.any() else None
        return Exceedance(bool(over.any()), at, float(-measured.max()), tightness, 0.0 if over.any() else 1.0)
    start = _blocks(points)
    if mode == "expectation":
        measured = (mean - b) / scale
        infinite = np.isinf(measured)
        if infinite.any():
            return Exceedance(True, int(np.argmax(infinite)), -float("inf"), tightness, 0.0)
        p_values = _mean_p_values(excess, start, rtol)
    else:
        rank = int((excess.shape[0] - 1) * (1 - beta))
        measured = np.partition(excess, rank, axis=0)[rank]
        p_values = _share_p_values(excess > rtol, start, beta)
    p_value = float(min(1.0, p_values.min() * start.size))
    # Half the level is kept in reserve: the bound may be attained at every k, and no sample is exactly normal.
    if p_value >= level / 2:
        return Exceedance(False, None, float(-measured.max()), tightness, p_value)
    block = int(np.argmax(p_values * start.size < level / 2))
    stop = int(start[block + 1]) if block + 1 < start.size else points
    worst = measured if mode == "expectation" else np.mean(excess > rtol, axis=0) - beta
    at = int(start[block] + np.argmax(worst[start[block] : stop] > 0))
    return Exceedance(True, at, float(-measured.max()), tightness, p_value)
