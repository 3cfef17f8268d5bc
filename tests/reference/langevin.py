"""One step of ULA and MALA, Roberts and Tweedie 1996, sections 1.4.1 and 1.4.2, particle by particle."""

from collections.abc import Callable

import numpy as np


def mala(
    x: np.ndarray, log_density: Callable, score: Callable, lr: float, noise: np.ndarray, uniform: np.ndarray
) -> np.ndarray:
    new = x.copy()
    for i in range(len(x)):
        y = x[i] + lr * score(x[i]) + np.sqrt(2 * lr) * noise[i]

        def log_q(to: np.ndarray, at: np.ndarray) -> float:
            gap = to - at - lr * score(at)
            return -(gap @ gap) / (4 * lr)

        a = log_density(y) + log_q(x[i], y) - log_density(x[i]) - log_q(y, x[i])
        if np.log(uniform[i]) < a:
            new[i] = y
    return new
