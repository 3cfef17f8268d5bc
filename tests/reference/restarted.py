"""R-clipped-SSTM, stage after stage, on a given list of stages."""

from collections.abc import Callable, Sequence

import numpy as np
from reference.clipped import sstm

Vector = np.ndarray


def restarted(
    x: Vector,
    gradient: Callable[[Vector, int], Vector],
    samples: Sequence[int],
    smooth: float,
    stages: Sequence[tuple[int, float, float]],
) -> list[Vector]:
    """stages: number of steps, slowness a, and level, of each. Every stage sees the samples that come next."""
    points = [x]
    for steps, a, level in stages:
        now, samples = samples[:steps], samples[steps:]
        points += sstm(points[-1], gradient, now, smooth, a, level)[1:]
    return points
