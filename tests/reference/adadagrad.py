"""Lau, Liu and Kolar, AdAdaGrad (2024), Algorithm 1 with AdaGrad-Norm and the norm test, line by line."""

from collections.abc import Callable

import numpy as np

from .batch_size import norm


def adadagrad_norm(
    x: np.ndarray,
    gradients: Callable[[np.ndarray, int, int], np.ndarray],
    steps: int,
    lr: float,
    initial: float,
    eta: float,
    batch: int,
    largest: int,
) -> tuple[np.ndarray, list[int]]:
    """`gradients(x, k, b)` are those of the b samples drawn at step k, (b, d)."""
    s, sizes = initial, []
    for k in range(1, steps + 1):
        each = gradients(x, k, batch)
        sizes.append(batch)
        g = each.mean(axis=0)
        s = s + g @ g
        x = x - lr * g / np.sqrt(s)
        batch = min(norm(each, eta), largest) if batch < largest else batch
    return x, sizes
