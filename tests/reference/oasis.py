"""Jahani et al., OASIS (2021), Algorithm 1, line by line."""

from collections.abc import Callable

import numpy as np

Function = Callable[..., np.ndarray]


def oasis(
    w: np.ndarray,
    gradient: Function,
    product: Function,
    warm_up: list[np.ndarray],
    draws: list[np.ndarray],
    beta2: float,
    alpha: float,
    eta0: float,
    momentum: float = 0.0,
    lr: float | None = None,
) -> tuple[np.ndarray, list[float]]:
    """The first step is taken with D_0; `draws` holds z_1, z_2, ... of the others. Returns w and the step sizes."""
    d = np.mean([z * product(w, z) for z in warm_up], axis=0)
    m = (1 - momentum) * gradient(w)
    eta, theta = (eta0 if lr is None else lr), np.inf
    w_old, w = w, w - eta * m / np.maximum(np.abs(d), alpha)
    etas = [eta]
    for z in draws:
        d = beta2 * d + (1 - beta2) * z * product(w, z)
        scale = np.maximum(np.abs(d), alpha)
        if lr is None:
            change = gradient(w) - gradient(w_old)
            primal = np.sqrt(np.sum(scale * (w - w_old) ** 2))
            dual = np.sqrt(np.sum(change**2 / scale))
            candidates = [np.sqrt(1 + theta) * eta] + ([primal / (2 * dual)] if dual > 0 else [])
            new = min(candidates)
            new = new if np.isfinite(new) else eta
            theta, eta = new / eta, new
        m = momentum * m + (1 - momentum) * gradient(w)
        w_old, w = w, w - eta * m / scale
        etas.append(eta)
    return w, etas
