"""Spectral risks: a loss averaged with the weights that an adversary chooses, and those weights exactly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tendsto.optim.settings import one_of

Array = npt.NDArray[np.float64]
RISKS = ("cvar", "extremile", "esrm")


def spectrum(risk: str, n: int, parameter: float) -> Array:
    """Return sigma_1 <= ... <= sigma_n, sum 1: the weights of the sorted losses in a spectral risk, shape (n,).

    sigma_i is the integral of s over ((i-1)/n, i/n):

        risk         s(u)                                     parameter
        cvar         1[u >= p] / (1 - p)                      p in [0, 1), the share of losses left out
        extremile    r u^(r-1)                                r >= 1
        esrm         rho e^(-rho (1-u)) / (1 - e^(-rho))      rho > 0

    Raises:
        ValueError: an unknown risk, n below 1, or a parameter out of its range.

    Source: Mehta, Roulet, Pillutla, Harchaoui, Distributionally Robust Optimization with Bias and Variance Reduction
    (2024, arXiv 2310.13863), section 2.

    >>> spectrum("cvar", 4, 0.5).tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    one_of("risk", risk, RISKS)
    if n < 1:
        raise ValueError(f"n = {n} is no number of losses: use a whole number of at least 1")
    u = np.arange(n + 1) / n
    if risk == "cvar":
        if not 0 <= parameter < 1:
            raise ValueError(f"parameter = {parameter} leaves no losses to average: use a share in [0, 1)")
        total = np.maximum(u - parameter, 0) / (1 - parameter)
    elif risk == "extremile":
        if not 1 <= parameter < math.inf:
            raise ValueError(f"parameter = {parameter} is no extremile: use a number of at least 1")
        total = u**parameter
    else:
        if not 0 < parameter < math.inf:
            raise ValueError(f"parameter = {parameter} is no aversion to risk: use a number above 0")
        total = np.expm1(parameter * u) / math.expm1(parameter)
    return np.diff(total)


def spectral_weights(losses: npt.ArrayLike, sigma: npt.ArrayLike, shift_cost: float) -> Array:
    """Return q, shape (n,), that maximises q . losses - shift_cost n ||q - 1/n||^2 over P(sigma).

    P(sigma) is the hull of all permutations of sigma. q is the projection of y = 1/n + losses / (2 n shift_cost) onto
    it: with y sorted, y less the isotonic regression of y - sigma. Without a shift cost, sigma in the order of losses.
    The gradient of the risk is sum_i q_i times that of loss i. n log n.

    The penalty is the chi-square divergence, as the paper's n ||q - 1/n||^2; the official code takes half of it.

    Raises:
        ValueError: lengths differ, something is not finite, sigma is not an increasing spectrum, a negative shift cost.

    Source: Mehta et al. (2024), appendix on computing the maximiser.

    >>> spectral_weights([3.0, 1.0, 2.0], [0.0, 0.0, 1.0], 0.0).tolist()
    [1.0, 0.0, 0.0]
    >>> spectral_weights([3.0, 1.0, 2.0], [0.0, 0.0, 1.0], 1.0).round(4).tolist()
    [0.5, 0.1667, 0.3333]
    """
    from scipy.optimize import isotonic_regression

    values, spectral = np.asarray(losses, np.float64), np.asarray(sigma, np.float64)
    if values.ndim != 1 or values.shape != spectral.shape or not values.size:
        raise ValueError(
            f"losses {values.shape} and sigma {spectral.shape} do not match: give two vectors of one length"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"losses[{int(np.argmin(np.isfinite(values)))}] is not finite: weights need finite losses")
    if (np.diff(spectral) < -1e-12).any() or spectral[0] < 0 or abs(spectral.sum() - 1) > 1e-9:
        raise ValueError(
            f"sigma with sum {spectral.sum():g} is no spectrum: it must increase from 0 or more, with sum 1"
        )
    if not 0 <= shift_cost < math.inf:
        raise ValueError(f"shift_cost = {shift_cost} is not allowed: use a finite number of at least 0")
    order, n = np.argsort(values, kind="stable"), len(values)
    q = np.empty(n)
    if shift_cost == 0:
        q[order] = spectral
        return q
    y = 1 / n + values[order] / (2 * n * shift_cost)
    q[order] = y - isotonic_regression(y - spectral).x
    return q
