"""Spectral risks: a loss averaged with the weights that an adversary chooses, and those weights exactly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tendsto.optim.settings import one_of

Array = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]
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


PENALTIES = ("chi2", "kl")


def spectral_weights(losses: npt.ArrayLike, sigma: npt.ArrayLike, shift_cost: float, *, penalty: str = "chi2") -> Array:
    """Return q, shape (n,), that maximises q . losses - shift_cost D(q) over P(sigma), hull of all permutations.

        penalty   D(q)                       q, with the losses l sorted
        chi2      n ||q - 1/n||^2            y - isotonic(y - sigma), y = 1/n + l / (2 n shift_cost)
        kl        sum_i q_i log(n q_i)       a / isotonic(a / sigma with weights sigma), a = exp(l / shift_cost)

    Without a shift cost, sigma in the order of losses. The gradient of the risk is sum_i q_i times that of loss i.
    The chi-square penalty is the paper's n ||q - 1/n||^2; the official code takes half of it.
    Costs n log n.

    Raises:
        ValueError: lengths differ, something is not finite, sigma is not an increasing spectrum, a negative shift cost,
            an unknown penalty, or losses so far apart that exp(l / shift_cost) is 0.

    Source: Mehta et al. (2024), appendix on computing the maximiser; the form for "kl" is derived here.

    >>> spectral_weights([3.0, 1.0, 2.0], [0.0, 0.0, 1.0], 0.0).tolist()
    [1.0, 0.0, 0.0]
    >>> spectral_weights([3.0, 1.0, 2.0], [0.0, 0.0, 1.0], 1.0).round(4).tolist()
    [0.5, 0.1667, 0.3333]
    """
    values, spectral = np.asarray(losses, np.float64), np.asarray(sigma, np.float64)
    one_of("penalty", penalty, PENALTIES)
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
    apart = float(values.max() - values.min())
    if penalty == "kl" and shift_cost > 0 and apart > 700 * shift_cost:
        raise ValueError(
            f"shift_cost = {shift_cost} is too small for losses {apart:g} apart: use at least {apart / 700:g}, or 0"
        )
    return sorted_weights(values, spectral, shift_cost, penalty)[0]


def sorted_weights(
    losses: Array, sigma: Array, shift_cost: float, penalty: str, order: Order | None = None
) -> tuple[Array, Order, Order]:
    """Return `spectral_weights` of each of many runs, the order of the losses, and where blocks begin in that order.

    losses: (..., n), not checked. order: one that nearly sorts them, which makes sorting fast; ties stay as they are in
    it. Weights and order: (..., n). A block is what the isotonic regression made equal; its
    first places are among all runs' sorted losses, one after another, with the total number at the end.
    """
    from scipy.optimize import isotonic_regression

    n = losses.shape[-1]
    if order is None:
        order = np.argsort(losses, axis=-1, kind="stable")
    else:
        nearly = np.take_along_axis(losses, order, axis=-1)
        order = np.take_along_axis(order, np.argsort(nearly, axis=-1, kind="stable"), axis=-1)
    ranked = np.take_along_axis(losses, order, axis=-1).reshape(-1, n)
    runs = len(ranked)
    if shift_cost == 0:
        q, blocks = np.broadcast_to(sigma, ranked.shape), np.arange(runs * n + 1)
    elif penalty == "chi2":
        y = 1 / n + ranked / (2 * n * shift_cost)
        z = y - sigma
        fitted, blocks = _isotonic_rows(y - sigma)
        q = y - fitted
    else:
        a = np.exp((ranked - ranked[:, -1:]) / shift_cost)
        # Where sigma is 0 a quotient is infinite, and joins the first one that is not.
        first = int(np.argmax(sigma > 0))
        heads = np.concatenate([a[:, : first + 1].sum(axis=1, keepdims=True), a[:, first + 1 :]], axis=1)
        weights = sigma[first:]
        z = np.log(heads / weights)
        u, blocks = np.empty_like(heads), [0]
        for run in range(runs):
            fit = isotonic_regression(np.exp(z[run] - z[run].max()), weights=weights)
            u[run] = fit.x * np.exp(z[run].max())
            blocks += [run * n + first + int(b) for b in fit.blocks[1:]]
        q, blocks = a / np.concatenate([np.repeat(u[:, :1], first, axis=1), u], axis=1), np.array(blocks)
    unsorted = np.empty(ranked.shape)
    np.put_along_axis(unsorted, order.reshape(-1, n), q, axis=1)
    return unsorted.reshape(losses.shape), order, blocks


def _isotonic_rows(z: Array) -> tuple[Array, Order]:
    """Return the isotonic regression of each row of z (runs, n), and the blocks of all, one row after another.

    A row that is not finite, or of quite another size than the rest, is fitted apart and disturbs none.
    """
    from scipy.optimize import isotonic_regression

    n = z.shape[1]
    spread = np.ptp(z, axis=1)
    usual = float(np.median(spread[np.isfinite(spread)])) if np.isfinite(spread).any() else 0.0
    wild = ~(spread <= 1e3 * usual + 1e-300)
    tame = np.flatnonzero(~wild)
    fitted, begun = np.full(z.shape, np.nan), np.ones(z.size + 1, bool)
    # Rows are told apart by heights, so that one regression serves all.
    steps = np.arange(len(tame))[:, None] * (2 * float(spread[tame].max(initial=0.0)) + 1)
    offset = z[tame].min(axis=1, initial=np.inf, keepdims=True)
    fit = isotonic_regression((z[tame] - offset + steps).ravel()) if len(tame) else None
    if fit is not None:
        fitted[tame] = fit.x.reshape(-1, n) + offset - steps
        starts = np.zeros(len(tame) * n, bool)
        starts[fit.blocks[:-1]] = True
        begun[:-1].reshape(-1, n)[tame] = starts.reshape(-1, n)
    for row in np.flatnonzero(wild):
        if np.isfinite(z[row]).all():
            fitted[row] = isotonic_regression(z[row]).x
    return fitted, np.flatnonzero(begun)
