"""The largest jump of a gradient along a segment, by looking at many neighbouring points."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

Vector = np.ndarray


def largest_change(gradient: Callable[[Vector], Vector], x: Vector, y: Vector, pieces: int) -> tuple[float, float]:
    """The largest change of the gradient over one of `pieces` equal parts, and the share of the way where it is."""
    shares = np.linspace(0, 1, pieces + 1)
    gradients = [gradient(x + s * (y - x)) for s in shares]
    changes = [float(np.linalg.norm(b - a)) for a, b in pairwise(gradients)]
    at = int(np.argmax(changes))
    return changes[at], float(shares[at : at + 2].mean())
