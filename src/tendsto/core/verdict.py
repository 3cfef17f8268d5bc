"""Does a sequence converge? A verdict is a value with its evidence."""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta as beta_law
from scipy.stats import t as student

from tendsto.core.exceedance import Exceedance, exceeds
from tendsto.core.oscillation import find_oscillation
from tendsto.core.rate import Rate, fit_rate
from tendsto.core.rate_curve import Array, as_runs, ends
from tendsto.core.rate_families import FLOOR_KINDS

__all__ = ["Exceedance", "Verdict", "exceeds", "judge"]

Kind = Literal["converged", "converging", "stalled", "oscillating", "diverged", "not enough evidence"]

GROWTH_LEVEL = 1e-3  # one-sided; a false "diverged" must stay well under 1 %
NEGLIGIBLE = 1e-3  # a fall by less of the whole range is not one
FLAT = 0.05  # a level that moves by less over the last half of the index is flat
LEAST_POINTS = 8
NAN = float("nan")


@dataclass(frozen=True)
class Verdict:
    """Whether a sequence converges, with the reason and the figure that decided it.

    `value` and its 95 % `interval`: the share of runs (converged, or diverged by runs that broke off), the relative
    fall or rise over the last half of the index (converging, diverged by growth), the level (stalled), the amplitude
    (oscillating); nan where there is no evidence.
    """

    kind: Kind
    reason: str
    value: float
    interval: tuple[float, float]
    rate: Rate | None

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


@dataclass(frozen=True)
class _Tail:
    """Mean levels (replicates, 4) over the quarters of the last half of the index; changes are relative to `scale`."""

    levels: Array
    scale: float
    optimum_known: bool

    def change(self, before: list[int], after: list[int]) -> Array:
        """Change (replicates,) of the level between quarters, relative to each level before where all are positive."""
        old, new = self.levels[:, before].mean(axis=1), self.levels[:, after].mean(axis=1)
        return (new - old) / (old if self.optimum_known and old.min() > 0 else self.scale)


def _share(count: int, runs: int) -> tuple[float, float]:
    """95 % Clopper-Pearson interval."""
    low = 0.0 if count == 0 else float(beta_law.ppf(0.025, count, runs - count + 1))
    high = 1.0 if count == runs else float(beta_law.ppf(0.975, count + 1, runs - count))
    return low, high


def _interval(sample: Array, level: float = 0.05) -> tuple[float, float]:
    """Two-sided Student interval for the mean; rounding counts as noise."""
    mean = float(sample.mean())
    error = max(float(sample.std(ddof=1)), 1e-12 * float(np.abs(sample).max())) / np.sqrt(sample.size)
    half = float(student.isf(level / 2, sample.size - 1)) * error
    return mean - half, mean + half


def _tail(index: Array, values: Array, optimum_known: bool) -> _Tail | None:
    """Levels over the last half; one or two runs are cut into four pieces a quarter to have replicates at all."""
    runs = values.shape[0]
    pieces = 1 if runs >= 3 else 4
    first, last = index[0], index[-1]
    marks = last - (last - first) / 2 * (1 - np.arange(4 * pieces + 1) / (4 * pieces))
    edges = np.searchsorted(index, marks, side="right")
    edges[-1] = index.size
    if np.any(np.diff(edges) == 0):
        return None
    cut = np.add.reduceat(values[:, : edges[-1]], edges[:-1], axis=1) / np.diff(edges)
    levels = cut.reshape(runs, 4, pieces).transpose(0, 2, 1).reshape(runs * pieces, 4)
    scale = float(np.abs(levels[:, :2].mean()))
    if not optimum_known:
        mean = values.mean(axis=0)
        scale = float(mean.max() - mean.min())
    return _Tail(levels, scale, optimum_known) if scale > 0 else None


def _broken(runs: int, broken: int, rate: Rate | None) -> Verdict:
    reason = f"{broken} of {runs} runs diverged (not finite, or ended so)"
    return Verdict("diverged", reason, broken / runs, _share(broken, runs), rate)


def _reached(values: Array, length: NDArray[np.int64], target: float, rate: Rate | None) -> Verdict | None:
    """Converged if every run ends at the target: the mean of its last twentieth, or its last value if it stopped."""
    final = np.array([run[max(0, n - max(1, n // 20)) : n].mean() for run, n in zip(values, length, strict=True)])
    lasts = values[np.arange(length.size), length - 1]
    early = length < values.shape[1]
    # A run that stopped early may have stopped because it arrived: its last value counts.
    at_target = np.where(early, lasts, final) <= target
    count, runs = int(at_target.sum()), length.size
    interval = _share(count, runs)
    if count == runs or float(beta_law.ppf(0.05, count, runs - count + 1) if count else 0.0) > 0.5:
        reason = f"{count} of {runs} runs ended at or below the target {target:g}"
        return Verdict("converged", reason, count / runs, interval, rate)
    return None


def _growing(tail: _Tail, rate: Rate | None) -> Verdict | None:
    change = tail.change([0], [3])
    means = tail.levels.mean(axis=0)
    low = _interval(change, 2 * GROWTH_LEVEL)[0]
    if low > 0 and change.mean() > FLAT and np.all(np.diff(means) > 0):
        low95, high95 = _interval(change)
        reason = f"the level rises by {100 * change.mean():.3g} % over the last half"
        return Verdict("diverged", reason, float(change.mean()), (low95, high95), rate)
    return None


def _oscillating(index: Array, values: Array, tail: _Tail, rate: Rate | None) -> Verdict | None:
    late = index >= index[0] + (index[-1] - index[0]) / 2
    steps = np.diff(index[late])
    if steps.size == 0 or steps.max() > 1.5 * np.median(steps):
        return None
    found = find_oscillation(values[:, late])
    if found is None or found.growth < 0.8 or tail.change([0, 1], [2, 3]).mean() < -0.2:
        return None
    amplitude = found.amplitude
    if amplitude.mean() < 0.02 * tail.scale:
        return None
    interval = _interval(amplitude) if amplitude.size > 1 else (NAN, NAN)
    level = float(tail.levels.mean())
    reason = f"oscillates around {level:.3g} with amplitude {amplitude.mean():.3g} and period {found.period:.3g} points"
    return Verdict("oscillating", reason, float(amplitude.mean()), interval, rate)


def _settling(index: Array, tail: _Tail, optimum_known: bool, rate: Rate | None) -> Verdict | None:
    """Converging or stalled, by the fall over the last half and by what is left above a fitted floor."""
    fall = -tail.change([0, 1], [2, 3])
    low, high = _interval(fall)
    level = tail.levels[:, 2:].mean(axis=1)
    level_low, level_high = _interval(level)
    left = None
    if rate is not None and rate.kind in FLOOR_KINDS:
        end = float(rate.predict(index[-1:])[0])
        left = (end - rate.floor) / (abs(end) if optimum_known else tail.scale)
    at_floor = left is not None and left < 2 * FLAT
    # Flat by a test of equivalence: the 90 % interval of the fall lies within the margin (Schuirmann 1987).
    flat_low, flat_high = _interval(fall, 0.1)
    flat = flat_low > -FLAT and flat_high < FLAT
    if not optimum_known:
        # How much is left is not known either: a fall that is seen counts, unless it is nothing to the whole.
        flat = flat and not (low > 0 and fall.mean() > NEGLIGIBLE)
        at_floor = True
    if (level_low > 0 or not optimum_known) and flat and (at_floor or left is None):
        note = "" if optimum_known else " (the optimum is unknown: this may be it)"
        reason = f"level {level.mean():.3g} [{level_low:.3g}, {level_high:.3g}], flat over the last half{note}"
        return Verdict("stalled", reason, float(level.mean()), (level_low, level_high), rate)
    if low > 0 and (optimum_known or fall.mean() > NEGLIGIBLE):
        law = f"; {rate}" if rate is not None and rate.kind != "none" else ""
        reason = f"falls by {100 * fall.mean():.3g} % [{100 * low:.3g}, {100 * high:.3g}] over the last half{law}"
        return Verdict("converging", reason, float(fall.mean()), (low, high), rate)
    return None


def judge(
    index: ArrayLike,
    values: ArrayLike,
    *,
    target: float | None = None,
    optimum_known: bool = True,
    ended_diverged: int = 0,
    rate: Rate | None = None,
    seed: int = 0,
) -> Verdict:
    """Judge values (runs, points) along index (points,): gaps with limit zero, or raw if not `optimum_known`.

    In this order: *diverged* if a run broke off (`ended_diverged` counts those known to have) or the level grows over
    the last half of the index (one-sided level 1e-3); *converged* if the runs end at the target, or at rounding level;
    *oscillating* if one frequency stands out of the noise and does not die away; *stalled* if the level is above zero
    and flat to 5 % (equivalence test); *converging* if it falls significantly; otherwise *not enough evidence*.
    One or two runs are judged by pieces of their tails. `rate` is fitted if not given.

    Raises ValueError on wrong shapes or on `ended_diverged` outside 0 to runs.

    >>> import numpy as np
    >>> k = np.arange(1, 101)
    >>> judge(k, 0.9**k * np.ones((5, 1)), target=1e-3).kind
    'converged'
    """
    k, y = as_runs(index, values)
    runs = y.shape[0]
    if not 0 <= ended_diverged <= runs:
        raise ValueError(f"ended_diverged is {ended_diverged}; it must lie between 0 and the {runs} runs")
    length, broken = ends(y)
    if broken.any() or ended_diverged:
        return _broken(runs, max(int(broken.sum()), ended_diverged), rate)
    if rate is None:
        rate = fit_rate(k, y, seed=seed, families=None if optimum_known else FLOOR_KINDS)
    arrived = None if target is None else _reached(y, length, target, rate)
    common = int(length.min())
    shared_k, shared = k[:common], y[:, :common]
    tail = _tail(shared_k, shared, optimum_known) if common >= LEAST_POINTS else None
    verdict = None if tail is None else _growing(tail, rate)
    verdict = verdict or arrived
    if verdict is not None:
        return verdict
    if optimum_known and np.abs(shared[:, -1]).max() <= 64 * np.finfo(np.float64).eps * np.abs(shared[:, 0]).mean():
        last = float(shared[:, -1].mean())
        return Verdict("converged", f"ended at rounding level, {last:.2g}", 1.0, _share(runs, runs), rate)
    if tail is None:
        reason = f"{common} points shared by all runs, too few or too uneven to see a tail"
        return Verdict("not enough evidence", reason, NAN, (NAN, NAN), rate)
    verdict = _oscillating(shared_k, shared, tail, rate) or _settling(shared_k, tail, optimum_known, rate)
    if verdict is not None:
        return verdict
    low, high = _interval(-tail.change([0, 1], [2, 3]))
    reason = (
        f"the change over the last half is between {-100 * high:.3g} and {-100 * low:.3g} %: neither fall nor floor"
    )
    return Verdict("not enough evidence", reason, NAN, (NAN, NAN), rate)
