"""Malitsky and Mishchenko (2020), Algorithm 1, line by line."""

from collections.abc import Callable

import numpy as np


def adgd(w: np.ndarray, gradient: Callable[..., np.ndarray], steps: int, eta0: float) -> tuple[np.ndarray, list[float]]:
    eta, theta = eta0, np.inf
    g_old = gradient(w)
    w_old, w = w, w - eta * g_old
    etas = [eta]
    for _ in range(steps - 1):
        g = gradient(w)
        new = min(np.sqrt(1 + theta) * eta, np.linalg.norm(w - w_old) / (2 * np.linalg.norm(g - g_old)))
        theta, eta = new / eta, new
        w_old, w, g_old = w, w - eta * g, g
        etas.append(eta)
    return w, etas
