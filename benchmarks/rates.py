"""Are rates and verdicts calibrated? Coverage of the 95 % interval and false alarms on synthetic curves of known law.

    python benchmarks/rates.py                  the full table, written to benchmarks/results/rates.md
    python benchmarks/rates.py --quick          the same in small, printed only

Each draw is one experiment: `seeds` noisy curves of a known law. Coverage counts draws in which the law's family was
chosen (the interval is within that family); how often it was chosen stands beside it. The bound tested for a violation
is the exact mean (or the exact 0.95 quantile) of the noisy curve at every k: the tightest bound that is true.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tendsto.core.rate import fit_rate
from tendsto.core.verdict import exceeds, judge

Array = NDArray[np.float64]

POINT_SD, RUN_SD, ADDITIVE_SD = 0.2, 0.3, 0.02
FAMILIES = ("linear", "power", "power-floor", "exponential-floor", "log-power")
NOISES = ("multiplicative", "additive")
SEEDS = (5, 10, 20)
POINTS = (50, 1000, 10000)
HEADER = (
    "| family | noise | seeds | points | coverage | chosen | none | false violated (mean) | false violated (quantile) "
    "| false diverged | ms a fit |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


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
    """Noisy curves (seeds, points): log-normal a point and a run, or normal of constant size."""
    points = rng.standard_normal((seeds, curve.size))
    if noise == "additive":
        return curve + ADDITIVE_SD * points
    return curve * np.exp(POINT_SD * points + RUN_SD * rng.standard_normal((seeds, 1)))


def bounds(curve: Array, noise: str) -> tuple[Array, Array]:
    """The exact mean and 0.95 quantile of a noisy curve at every k."""
    if noise == "additive":
        return curve, curve + ADDITIVE_SD * norm.ppf(0.95)
    sd = np.hypot(POINT_SD, RUN_SD)
    return curve * np.exp(sd**2 / 2), curve * np.exp(sd * norm.ppf(0.95))


@dataclass
class Cell:
    """Counts over the draws of one row of the table."""

    family: str
    noise: str
    seeds: int
    points: int
    draws: int
    covered: int = 0
    chosen: int = 0
    none: int = 0
    violated_mean: int = 0
    violated_quantile: int = 0
    diverged: int = 0
    seconds: float = 0.0

    @property
    def coverage(self) -> float:
        return self.covered / max(self.chosen, 1)

    def __str__(self) -> str:
        share = [self.chosen, self.none, self.violated_mean, self.violated_quantile, self.diverged]
        shares = " | ".join(f"{100 * s / self.draws:.2f} %" for s in share)
        return (
            f"| {self.family} | {self.noise} | {self.seeds} | {self.points} | {100 * self.coverage:.1f} % | {shares} "
            f"| {1e3 * self.seconds / self.draws:.1f} |"
        )


def measure(case: tuple[str, str, int, int, int]) -> Cell:
    """One row: `draws` experiments of one case."""
    cell = Cell(*case)
    k = np.arange(1.0, cell.points + 1)
    curve, truth = law(cell.family, k)
    mean, quantile = bounds(curve, cell.noise)
    # log 1 = 0: k = 1 carries neither law nor noise there.
    inner = slice(1, None) if cell.family == "log-power" else slice(None)
    rng = np.random.default_rng([FAMILIES.index(cell.family), NOISES.index(cell.noise), cell.seeds, cell.points])
    for _ in range(cell.draws):
        values = noisy(curve, cell.noise, cell.seeds, rng)
        start = time.perf_counter()
        rate = fit_rate(k, values)
        cell.seconds += time.perf_counter() - start
        cell.none += rate.kind == "none"
        if rate.kind == cell.family:
            cell.chosen += 1
            cell.covered += rate.interval[0] <= truth <= rate.interval[1]
        cell.diverged += judge(k, values, rate=rate).kind == "diverged"
        seen = values[:, inner]
        cell.violated_mean += exceeds(seen, mean[inner], mode="expectation").violated
        cell.violated_quantile += exceeds(seen, quantile[inner], mode="high-probability").violated
    return cell


def faults(cell: Cell) -> list[str]:
    """What of this row misses the acceptance test, in words."""
    low, high = (0.93, 0.97) if cell.seeds >= 10 else (0.90, 1.0)
    where = f"{cell.family}, {cell.noise}, {cell.seeds} seeds, {cell.points} points"
    found = []
    if not low <= cell.coverage <= high:
        found.append(f"{where}: coverage {100 * cell.coverage:.1f} %")
    alarms = {"violated (mean)": cell.violated_mean, "violated (quantile)": cell.violated_quantile}
    for name, count in (alarms | {"diverged": cell.diverged}).items():
        if count >= 0.01 * cell.draws:
            found.append(f"{where}: false {name} {100 * count / cell.draws:.2f} %")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="100 draws, 50 and 1000 points, nothing written")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    points = POINTS[:2] if options.quick else POINTS
    draws = 100 if options.quick else options.draws
    cases = [(*case, draws) for case in itertools.product(FAMILIES, NOISES, SEEDS, points)]
    print(HEADER, flush=True)
    cells: list[Cell] = []
    with ProcessPoolExecutor(options.workers) as pool:
        for cell in pool.map(measure, cases):
            cells.append(cell)
            print(cell, flush=True)
    found = [fault for cell in cells for fault in faults(cell)]
    summary = "\n".join(f"- {fault}" for fault in found) or "- none"
    print(f"\nOutside the acceptance test:\n{summary}")
    if options.quick:
        return
    asked = (
        f"{draws} draws a row. Asked: coverage 93 to 97 % with 10 seeds or more, at least 90 % with 5; false alarms "
        f"under 1 %.\nNoise: multiplicative, log sd {POINT_SD} a point and {RUN_SD} a run; additive, sd {ADDITIVE_SD} "
        "where the curve starts near 1. The time of a fit was taken with both cores busy."
    )
    rows = "\n".join(str(cell) for cell in cells)
    table = f"{HEADER}\n{rows}"
    text = f"# Calibration of rates and verdicts\n\n{asked}\n\n{table}\n\n## Outside the acceptance test\n\n{summary}\n"
    target = Path(__file__).parent / "results" / "rates.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    print(f"written to {target}")


if __name__ == "__main__":
    main()
