"""The experiments behind benchmarks/rates.py: synthetic curves whose law or verdict is known, and what is said of them.

Each function measures one case and returns counts over its draws; a draw is one experiment of `seeds` noisy curves.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tendsto.core.rate import Rate, fit_rate
from tendsto.core.verdict import exceeds, judge

Array = NDArray[np.float64]
Counts = dict[str, float]

POINT_SD, RUN_SD, ADDITIVE_SD = 0.2, 0.3, 0.02
FAMILIES = ("linear", "power", "power-floor", "exponential-floor", "log-power")
FEW_FAMILIES = (*FAMILIES, "superlinear")  # which leaves no more points than these
NOISES = ("multiplicative", "additive", "half-normal")


def law(family: str, k: Array) -> tuple[Array, float]:
    """The curve at k (points,) and its true headline parameter."""
    last = k[-1]
    if family == "linear":
        return np.exp(-8 * k / last), float(np.exp(-8 / last))
    if family == "power":
        return k**-0.8, 0.8
    if family == "power-floor":
        return 1 / k + 0.05, 1.0
    if family == "exponential-floor":
        return np.exp(-12 * k / last) + 0.05, float(np.exp(-12 / last))
    return np.log(k) / k, 1.0


def noisy(curve: Array, noise: str, seeds: int, rng: np.random.Generator) -> Array:
    """Noisy curves (seeds, points).

    multiplicative: log-normal a point and a run. additive: normal of constant size. half-normal: the curve is the size
    of a normal error that each run draws anew at each index, as `limit` records it.
    """
    points = rng.standard_normal((seeds, curve.size))
    if noise == "additive":
        return curve + ADDITIVE_SD * points
    if noise == "half-normal":
        return curve * np.abs(points)
    return curve * np.exp(POINT_SD * points + RUN_SD * rng.standard_normal((seeds, 1)))


def bounds(curve: Array, noise: str) -> tuple[Array, Array]:
    """The exact mean and 0.95 quantile of a noisy curve at every k."""
    if noise == "additive":
        return curve, curve + ADDITIVE_SD * norm.ppf(0.95)
    sd = np.hypot(POINT_SD, RUN_SD)
    return curve * np.exp(sd**2 / 2), curve * np.exp(sd * norm.ppf(0.95))


def headline(rate: Rate) -> float:
    return rate.factor if rate.kind in ("linear", "exponential-floor") else rate.order


def coverage(family: str, noise: str, seeds: int, points: int, draws: int) -> Counts:
    """How often the interval covers, and how often *violated* and *diverged* are said falsely."""
    k = np.arange(1.0, points + 1)
    curve, truth = law(family, k)
    mean, quantile = bounds(curve, noise)
    # log 1 = 0: k = 1 carries neither law nor noise there.
    inner = slice(1, None) if family == "log-power" else slice(None)
    rng = np.random.default_rng([FAMILIES.index(family), NOISES.index(noise), seeds, points])
    count: Counter[str] = Counter()
    seconds = 0.0
    for _ in range(draws):
        values = noisy(curve, noise, seeds, rng)
        start = time.perf_counter()
        rate = fit_rate(k, values)
        seconds += time.perf_counter() - start
        count["none"] += rate.kind == "none"
        if rate.kind == family:
            count["chosen"] += 1
            count["covered"] += rate.interval[0] <= truth <= rate.interval[1]
        count["diverged"] += judge(k, values, rate=rate).kind == "diverged"
        seen = values[:, inner]
        count["violated (mean)"] += exceeds(seen, mean[inner], mode="expectation").violated
        count["violated (quantile)"] += exceeds(seen, quantile[inner], mode="high-probability").violated
    return dict(count) | {"seconds": seconds}


def few_law(family: str, grid: str, points: int) -> tuple[Array, Array, float]:
    """Index (points,), curve and true headline, as a short walk to a limit has them: 32, 64, ... or 10, 20, ..."""
    if family == "superlinear":
        k = np.arange(1.0, points + 1)
        return k, 0.9 ** (1.5**k), 1.5
    n: Array = np.exp2(np.arange(5.0, 5 + points)) if grid == "doubling" else 10 * np.arange(1.0, points + 1)
    share, step = (n - n[0]) / (n[-1] - n[0]), n[-1] - n[0]
    match family:
        case "power":
            return n, (n / n[0]) ** -0.5, 0.5
        case "linear":
            return n, np.exp(-6 * share), float(np.exp(-6 / step))
        case "power-floor":
            return n, n[0] / n + 0.05, 1.0
        case "exponential-floor":
            return n, np.exp(-10 * share) + 0.05, float(np.exp(-10 / step))
        case _:
            return n, np.log(n) / n * (n[0] / np.log(n[0])), 1.0


def few(family: str, grid: str, noise: str, seeds: int, points: int, draws: int) -> Counts:
    """Which law is chosen with 6 to 12 points, and how often the true one is named as possible where it is not."""
    n, curve, truth = few_law(family, grid, points)
    rng = np.random.default_rng([FEW_FAMILIES.index(family), NOISES.index(noise), seeds, points, len(grid)])
    count: Counter[str] = Counter()
    for _ in range(draws):
        rate = fit_rate(n, noisy(curve, noise, seeds, rng))
        count[rate.kind] += 1
        if rate.kind == family:
            count["covered"] += rate.interval[0] <= truth <= rate.interval[1]
        count["named"] += family in rate.possible
    return dict(count)


def tail(case: str, seeds: int, points: int, rng: np.random.Generator) -> Array:
    """Curves (seeds, points) whose right verdict is known."""
    k = np.arange(1.0, points + 1)
    share = k / points
    z = rng.standard_normal((seeds, points))
    match case:
        case "power":
            return 2 / k * np.exp(0.2 * z)
        case "linear":
            return np.exp(-5 * share + 0.2 * z)
        case "ripple that dies away":
            return np.exp(-10 * share) * (1 + 0.5 * np.sin(0.5 * k)) * np.exp(0.05 * z)
        case "floor":
            return (3 * np.exp(-25 * share) + 0.1) * np.exp(0.2 * z)
        case "additive floor":
            return 3 * np.exp(-25 * share) + 0.1 + 0.02 * z
        case "oscillation":
            return 0.5 + 0.2 * np.sin(0.9 * k + rng.uniform(0, 2 * np.pi, (seeds, 1))) + 0.1 * z
        case "2-cycle":
            return 0.5 + 0.1 * (-1) ** k + 0.02 * z
        case "growth":
            return 0.1 * np.exp(2 * share + 0.2 * z)
        case "noise around zero":
            return 0.1 * z
        case _:
            return np.exp(np.cumsum(z, axis=1) / np.sqrt(points))  # random walk of logs: no trend to be seen


TAILS = {
    "power": "converging",
    "linear": "converging",
    "ripple that dies away": "converging",
    "floor": "stalled",
    "additive floor": "stalled",
    "oscillation": "oscillating",
    "2-cycle": "oscillating",
    "growth": "diverged",
    "noise around zero": "not enough evidence",
    "random walk": "not enough evidence",
}


def verdicts(case: str, seeds: int, points: int, draws: int) -> Counts:
    """Which verdict is said."""
    rng = np.random.default_rng([list(TAILS).index(case), seeds, points])
    k = np.arange(1.0, points + 1)
    return dict(Counter(judge(k, tail(case, seeds, points, rng)).kind for _ in range(draws)))


def seconds_of_a_fit(family: str, noise: str, draws: int) -> Counts:
    """Seconds of the slowest of `draws` fits of 100 seeds of 10,000 points."""
    k = np.arange(1.0, 10_001)
    rng = np.random.default_rng(0)
    slowest = 0.0
    for _ in range(draws):
        values = noisy(law(family, k)[0], noise, 100, rng)
        start = time.perf_counter()
        fit_rate(k, values)
        slowest = max(slowest, time.perf_counter() - start)
    return {"seconds": slowest}


EXPERIMENTS: dict[str, Callable[..., Counts]] = {
    "coverage": coverage,
    "few": few,
    "verdicts": verdicts,
    "seconds": seconds_of_a_fit,
}
