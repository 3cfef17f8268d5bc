"""Score of a smoothed Gaussian mixture in R^d, by differences of the log of its density.

Source: Gupta, Lee and Price (2023), arXiv:2302.02497: s_R = ∇f_R / f_R.
"""

from __future__ import annotations

import numpy as np


def log_density(x, weights, means, covariances, smoothing):
    total = 0.0
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        c = np.asarray(covariance) + smoothing
        away = np.asarray(x) - mean
        scale = np.sqrt(np.linalg.det(2 * np.pi * c))
        total += weight * np.exp(-0.5 * away @ np.linalg.inv(c) @ away) / scale
    return np.log(total)


def score(x, weights, means, covariances, smoothing, step=1e-5):
    found = []
    for i in range(len(x)):
        e = step * np.eye(len(x))[i]
        above, below = (log_density(x + s * e, weights, means, covariances, smoothing) for s in (1, -1))
        found.append((above - below) / (2 * step))
    return np.array(found)
