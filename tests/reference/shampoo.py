"""Gupta, Koren and Singer, Shampoo (2018), Algorithm 1, one matrix, line by line."""

import numpy as np


def power(a: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(a)
    return vectors @ np.diag(values**exponent) @ vectors.T


def shampoo(w: np.ndarray, gradients: list[np.ndarray], lr: float, eps: float) -> np.ndarray:
    w = w.copy()
    left, right = eps * np.eye(w.shape[0]), eps * np.eye(w.shape[1])
    for g in gradients:
        left = left + g @ g.T
        right = right + g.T @ g
        w = w - lr * power(left, -1 / 4) @ g @ power(right, -1 / 4)
    return w
