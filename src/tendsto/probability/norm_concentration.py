"""How far a subgamma vector is from 0: the norm bound of Gupta, Lee and Price (2023) beside an elementary one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tendsto.probability.noise_vector import as_covariance

__all__ = ["NormBound", "subgamma_norm_bound"]


@dataclass(frozen=True)
class NormBound:
    """value: the smaller of the two bounds, and winner: which. recalled: the paper's, from memory. proved: by a net."""

    value: float
    winner: Literal["recalled", "proved"]
    recalled: float
    proved: float


def subgamma_norm_bound(
    covariance: ArrayLike, scale: float, delta: float, *, constants: tuple[float, float] = (4.0, 16.0)
) -> NormBound:
    """A number that ``|X|`` exceeds with probability at most delta, X a (Σ, C)-subgamma vector in R^d.

    That is, ``log E exp(v·X) ≤ vᵀΣv / 2`` for ``|v| ≤ 1/C``. The smaller of

    - recalled: ``√(Tr Σ) + a √(|Σ| log(2/δ)) + b C log(2/δ)``, (a, b) = constants;
    - proved: ``2 max(√(2 |Σ| L), 2 C L)``, ``L = d log 5 + log(1/δ)``: the tail ``exp(-min(t²/(2σ²), t/(2C)))`` of each
      ``v·X`` over a ½-net of the sphere, which has at most 5^d points.

    covariance: Σ, (d, d), symmetric and positive semidefinite. scale: C ≥ 0, where 0 is the subgaussian case.

    Raises ValueError for a Σ that is no covariance, C below 0, or delta outside (0, 1). Source: Gupta, Lee and Price,
    arXiv:2302.02497; form and constants are recalled, to be verified, and the paper's last term, a minimum of 4 C d and
    a mixed term of lower order, is left out. The proved bound is elementary.

    >>> bound = subgamma_norm_bound(1.545 * np.eye(5), 2.0, 0.01)
    >>> bound.winner, round(bound.proved, 1)
    ('proved', 101.2)
    """
    matrix = np.asarray(covariance, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] == 0:
        raise ValueError(f"a matrix of shape {matrix.shape} is no covariance; a square one is needed")
    matrix = as_covariance(matrix, matrix.shape[0])
    if not 0 <= scale < math.inf:
        raise ValueError(f"scale C = {scale} is no number from 0 on; 0 is the subgaussian case")
    if not 0 < delta < 1:
        raise ValueError(f"delta {delta} is not strictly between 0 and 1")
    largest = float(np.linalg.eigvalsh(matrix)[-1])
    a, b = constants
    log = math.log(2 / delta)
    recalled = math.sqrt(float(np.trace(matrix))) + a * math.sqrt(largest * log) + b * scale * log
    length = matrix.shape[0] * math.log(5) + math.log(1 / delta)
    proved = 2 * max(math.sqrt(2 * largest * length), 2 * scale * length)
    return NormBound(min(recalled, proved), "recalled" if recalled <= proved else "proved", recalled, proved)
