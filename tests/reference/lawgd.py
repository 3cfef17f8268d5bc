"""LAWGD for N(0, 1), whose generator has Hermite polynomials He_k / sqrt(k!) as eigenfunctions, with eigenvalues k."""

import math

import numpy as np
from numpy.polynomial.hermite_e import hermeval


def lawgd(x: np.ndarray, modes: int) -> np.ndarray:
    """-(1/n) sum_j grad_1 K(x_i, x_j); He_k' = k He_{k-1}."""

    def he(k: int, at: np.ndarray) -> np.ndarray:
        return hermeval(at, [0.0] * k + [1.0])

    return -sum(k * he(k - 1, x) * he(k, x).mean() / (math.factorial(k) * k) for k in range(1, modes + 1))
