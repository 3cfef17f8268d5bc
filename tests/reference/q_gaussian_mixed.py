"""The likelihood of the q-Gaussian mixed model, group by group, with the scatter matrix written out."""

import numpy as np
from scipy.stats import multivariate_normal, multivariate_t

Array = np.ndarray


def log_likelihood(
    X: Array, y: Array, groups: Array, b: Array, b0: float, scale: float, group_scale: float, nu: float
) -> float:
    total = 0.0
    for label in np.unique(groups):
        here = groups == label
        d = int(here.sum())
        scatter = scale * np.eye(d) + group_scale * np.ones((d, d))
        centre = X[here] @ b + b0
        if np.isinf(nu):
            total += multivariate_normal(centre, scatter).logpdf(y[here])
        else:
            total += multivariate_t(centre, scatter, df=nu).logpdf(y[here])
    return float(total)


def effect(r: Array, scale: float, group_scale: float) -> float:
    """The best linear prediction of a group's intercept from its residuals."""
    d = len(r)
    covariance = scale * np.eye(d) + group_scale * np.ones((d, d))
    return float(group_scale * np.ones(d) @ np.linalg.solve(covariance, r))
