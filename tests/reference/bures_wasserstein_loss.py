"""The Bures-Wasserstein loss of a matrix and its critical values, as Brechet et al. (2023) write them."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.linalg import sqrtm

Matrix = np.ndarray


def loss(w: Matrix, cov: Matrix, tau: float = 0.0) -> float:
    """tr (WW' + tau I) + tr cov - 2 tr (cov^{1/2} (WW' + tau I) cov^{1/2})^{1/2}."""
    s, r = w @ w.T + tau * np.eye(len(w)), sqrtm(cov).real
    inside = np.linalg.eigvalsh(r @ s @ r).clip(min=0)
    return float(np.trace(s) + np.trace(cov) - 2 * np.sqrt(inside).sum())


def gradient(w: Matrix, cov: Matrix) -> Matrix:
    """2 (W - cov^{1/2} U V') with the thin SVD of cov^{1/2} W."""
    r = sqrtm(cov).real
    u, _, vt = np.linalg.svd(r @ w, full_matrices=False)
    return 2 * (w - r @ u @ vt)


def critical_values(eigenvalues: list[float], k: int) -> list[float]:
    """The sums over what is left out, least first."""
    n = len(eigenvalues)
    sets = itertools.combinations(range(n), k)
    return sorted(sum(l for i, l in enumerate(eigenvalues) if i not in chosen) for chosen in sets)
