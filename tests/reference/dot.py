"""Zhao, Cui, Song and Liang, DOT (2023): two momentum buffers, line by line, one tensor."""

from collections.abc import Callable

import numpy as np


def dot(
    theta: np.ndarray,
    task: Callable[[np.ndarray, int], np.ndarray],
    distill: Callable[[np.ndarray, int], np.ndarray],
    steps: int,
    lr: float,
    mu: float,
    delta: float,
    decay: float,
) -> np.ndarray:
    v_task = v_kd = None
    for t in range(steps):
        g_task = task(theta, t) + decay * theta
        g_kd = distill(theta, t)
        v_task = g_task if v_task is None else (mu - delta) * v_task + g_task
        v_kd = g_kd if v_kd is None else (mu + delta) * v_kd + g_kd
        theta = theta - lr * (v_task + v_kd)
    return theta
