"""Does a sequence keep oscillating around a level, or is it noise?"""

# NumPy's ufunc methods and SciPy carry no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as fisher
from scipy.stats import gamma

from tendsto.core.rate_curve import Array

LEAST_POINTS = 24
LEVEL = 1e-3
# Share of the variance that one frequency must hold to be an oscillation rather than a ripple in the noise.
LEAST_SHARE = 0.25
NEIGHBOURS = 8
FIRST = 5  # cycles in the window; fewer are a trend


@dataclass(frozen=True)
class Oscillation:
    """A significant spectral line: period in points, amplitude of each run (runs,) and growth of the amplitude."""

    period: float
    amplitude: Array
    growth: float
    p_value: float


def find_oscillation(values: Array) -> Oscillation | None:
    """The oscillation in evenly spaced values (runs, points), if one line stands out of a smooth spectrum.

    A cubic trend a run is removed; the Hann-windowed periodograms are averaged over runs. Under noise with a smooth
    spectrum the largest ordinate over the local level follows an F law, Bonferroni over frequencies; the local level is
    the larger of the medians of the neighbours on either side (red noise falls away on one side only).
    """
    runs, points = values.shape
    if points < LEAST_POINTS:
        return None
    basis = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, points), 3))[0]
    rest = values - (values @ basis) @ basis.T
    power = np.mean(np.abs(np.fft.rfft(rest * np.hanning(points), axis=1)) ** 2, axis=0)[1:]
    total = float(power.sum())
    if total <= 0:
        return None
    peak = FIRST - 1 + int(np.argmax(power[FIRST - 1 :]))
    # A Hann line is three ordinates wide: its neighbours begin beyond it.
    sides = [power[max(0, peak - 2 - NEIGHBOURS) : peak - 2], power[peak + 3 : peak + 3 + NEIGHBOURS]]
    levels = [(float(np.median(side)), side.size) for side in sides if side.size >= 2]
    level, size = max(levels)
    background = level * runs / gamma.ppf(0.5, runs)
    # The ordinate at half the sampling rate has one degree of freedom a run, the others two. A median of as many
    # ordinates knows the background about as well as a mean of half of them: hence an F law.
    freedom = runs if points % 2 == 0 and peak == power.size - 1 else 2 * runs
    tail = float(fisher.sf(power[peak] / background, freedom, runs * size)) if background > 0 else 0.0
    p_value = min(1.0, tail * power.size)
    share = float(power[max(0, peak - 2) : peak + 3].sum()) / total
    if p_value > LEVEL or share < LEAST_SHARE:
        return None
    middle = points // 2
    growth = float(rest[:, middle:].std() / max(rest[:, :middle].std(), np.finfo(np.float64).tiny))
    return Oscillation(points / (peak + 1), np.sqrt(2 * share) * rest.std(axis=1), growth, p_value)
