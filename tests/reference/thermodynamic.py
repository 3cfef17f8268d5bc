"""The law of dx = -(A x - b) dt + sqrt(2 / beta) dW from x0, by matrix functions, and its simulation step by step."""

import numpy as np
import scipy.linalg

Array = np.ndarray


def law(a: Array, b: Array, x0: Array, t: float, beta: float) -> tuple[Array, Array]:
    """Mean and covariance: that solves A S + S A = (2 / beta)(I - e^{-At} e^{-At}), as S' = -A S - S A + 2 I / beta."""
    decay = scipy.linalg.expm(-a * t)
    goal = scipy.linalg.solve(a, b)
    filled = 2 / beta * (np.eye(len(b)) - decay @ decay)
    return goal + decay @ (x0 - goal), scipy.linalg.solve_continuous_lyapunov(a, filled)


def relax(a: Array, b: Array, x: Array, dt: float, steps: int) -> Array:
    """The noiseless device, one Euler step after another."""
    for _ in range(steps):
        x = x - dt * (a @ x - b)
    return x
