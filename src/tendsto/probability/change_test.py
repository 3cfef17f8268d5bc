"""Tests for a change of mean or of marginal law in a series whose variance and dependence may drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.multipliers import partial_sum_draws
from tendsto.probability.relative_clt import RelativeCLT
from tendsto.probability.series import Series, read_series

__all__ = ["ChangeTest", "change_test"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChangeTest:
    """statistic: the largest CUSUM. position: after how many values it is reached. time: the label of the next value.

    column: which column or threshold it is reached in. pvalue: the share of bootstrap draws at least as large.

    >>> change_test(np.random.default_rng(0).standard_normal(200), draws=99).draws
    99
    """

    statistic: float
    pvalue: float
    position: int
    time: Any
    column: Any
    draws: int
    assumptions: tuple[Assumption, ...]


def change_test(
    x: Any,
    *,
    of: Literal["mean", "distribution"] = "mean",
    thresholds: int = 19,
    block: int | None = None,
    draws: int = 2000,
    rng: np.random.Generator | int = 0,
    refuse: bool = True,
) -> ChangeTest:
    """Test that the mean, or the marginal law, is the same all along, whatever variance and dependence do.

    ``T = max_k n^{-1/2} |Σ_{i≤k} X_i - (k/n) Σ_i X_i|``, and its draws put ``V_i (X_i - X̄)`` in the place of X_i with
    dependent multipliers V. Where columns differ in size they are first put on one scale, their standard deviation. For
    "distribution", X_i is replaced by the indicators ``X_i ≤ t`` at ``thresholds`` quantiles t, and T is the maximum
    over these too. Time grows as draws · n · columns, memory does not grow with draws.

    Centring at the overall mean is exact under the hypothesis, and costs power, not level, where it is false.
    ``pvalue = (1 + #{draws ≥ T}) / (1 + draws)``, so it is never 0.

    Raises ValueError for a series that `read_series` refuses, a bad window, several columns with "distribution", and
    where an assumption of `RelativeCLT` fails (unless ``refuse=False``). A change itself imitates long memory, so
    memory is asked of the two parts that the largest CUSUM parts. Source: Palm and Nagler, arXiv:2505.02197,
    sequential empirical processes and tests; this statistic is the classical CUSUM, its use here is inferred.

    >>> x = np.random.default_rng(3).standard_normal(400)
    >>> change_test(x, draws=500).pvalue > 0.05
    True
    >>> x[200:] += 1
    >>> found = change_test(x, draws=500)
    >>> found.pvalue < 0.01, abs(found.position - 200) < 20
    (True, True)
    """
    if draws < 1:
        raise ValueError(f"draws = {draws} give no p-value; at least 1 is needed")
    data = read_series(x)
    values, names = _statistics(data, of, thresholds)
    n = data.n
    deviations = values - values.mean(axis=0)
    sums = np.abs(np.cumsum(deviations, axis=0)) / np.sqrt(n)
    position, column = (int(k) for k in np.unravel_index(sums.argmax(), sums.shape))
    statistic = float(sums[position, column])
    parted = data.values.copy()
    for part in (slice(0, position + 1), slice(position + 1, n)):
        parted[part] -= parted[part].mean(axis=0) if len(parted[part]) else 0
    theorem = RelativeCLT(parted, block)
    moments, memory, growth = theorem.assumptions()
    if of == "distribution":
        moments = Assumption(moments.name, "holds", "indicators are bounded")
    assumptions = (moments, memory, growth)
    if refuse:
        require("relative central limit theorem", *assumptions)
    share = np.arange(1, n + 1)[:, None] / n
    beyond = 0
    for piece in partial_sum_draws(deviations, theorem.window, draws, np.random.default_rng(rng)):
        bridge = piece - share * piece[:, -1:, :]
        beyond += int((np.abs(bridge).max(axis=(1, 2)) >= statistic).sum())
    after = min(position + 1, n - 1)
    label = data.labels(np.array([after]))[0]
    return ChangeTest(statistic, (1 + beyond) / (1 + draws), after, label, names[column], draws, assumptions)


def _statistics(data: Series, of: str, thresholds: int) -> tuple[Array, tuple[Any, ...]]:
    """The columns whose means are compared, and what they are called."""
    if of == "mean":
        return data.values / data.values.std(axis=0), data.columns or (0,)
    if of != "distribution":
        raise ValueError(f'of = {of!r} is unknown; "mean" or "distribution" is needed')
    if data.values.shape[1] != 1:
        raise ValueError(f"a change of law is looked for in one series, not in {data.values.shape[1]} columns")
    if thresholds < 1:
        raise ValueError(f"thresholds = {thresholds} tell no law apart; at least 1 is needed")
    levels = np.unique(np.quantile(data.values, np.arange(1, thresholds + 1) / (thresholds + 1)))
    levels = levels[levels < data.values.max()]
    if levels.size == 0:
        raise ValueError("the series takes its largest value so often that no quantile lies below it")
    return (data.values <= levels).astype(np.float64), tuple(levels.tolist())
