"""The theorem of the paper asked literally: does phi fall at every step of gradient descent?

Source: Kreisler et al. 2023, arXiv 2305.13064.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .scalar_network import gfs_sharpness, gradient_descent


def sharpness_along(w: np.ndarray, lr: float, steps: int) -> list[float]:
    return [gfs_sharpness(point) for point in gradient_descent(w, lr, steps)]


def admissible(w: np.ndarray, lr: float) -> bool:
    return gfs_sharpness(w) <= 2 * np.sqrt(2) / lr


def rises(values: list[float], rtol: float = 1e-9) -> int:
    return sum(after > before * (1 + rtol) for before, after in pairwise(values))
