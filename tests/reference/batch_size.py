"""Lau, Liu and Kolar, AdAdaGrad (2024): the batch sizes that the tests ask for, sample by sample, entry by entry.

`official_...` are those of the authors' code, tensor by tensor and micro-batch by micro-batch.
"""

import math

import numpy as np


def variance(values: list[float]) -> float:
    centre = sum(values) / len(values)
    return sum((v - centre) ** 2 for v in values) / (len(values) - 1)


def norm(gradients: np.ndarray, eta: float) -> int:
    b, d = gradients.shape
    g = gradients.mean(axis=0)
    noise = sum(variance(list(gradients[:, j])) for j in range(d))
    return max(b, math.ceil(noise / (eta**2 * float(g @ g))))


def coordinate_norm(gradients: np.ndarray, eta: float) -> int:
    b, d = gradients.shape
    g = gradients.mean(axis=0)
    return max(b, math.ceil(max(variance(list(gradients[:, j])) / (eta**2 * g[j] ** 2) for j in range(d))))


def inner_product(gradients: np.ndarray, theta: float) -> int:
    g = gradients.mean(axis=0)
    return max(len(gradients), math.ceil(variance([float(v @ g) for v in gradients]) / (theta**2 * float(g @ g) ** 2)))


def augmented(gradients: np.ndarray, theta: float, nu: float) -> int:
    g = gradients.mean(axis=0)
    across = np.array([v - (v @ g) / (g @ g) * g for v in gradients])
    noise = sum(variance(list(across[:, j])) for j in range(across.shape[1]))
    return max(inner_product(gradients, theta), math.ceil(noise / (nu**2 * float(g @ g))))


def official_norm(micro_batches: list[np.ndarray], eta: float) -> int:
    k, m, d = len(micro_batches), len(micro_batches[0]), micro_batches[0].shape[1]
    g = np.zeros(d)
    squared = np.zeros(d)
    within = np.zeros(d)
    for micro in micro_batches:
        for j in range(d):
            centre = sum(micro[:, j]) / m
            g[j] += centre / k
            squared[j] += centre**2 / k
            within[j] += variance(list(micro[:, j])) / k
    noise = sum(within[j] + squared[j] - g[j] ** 2 for j in range(d))
    return max(k * m, math.ceil(noise / (eta**2 * sum(g[j] ** 2 for j in range(d)))))


def official_inner_product(parameters: list[np.ndarray], theta: float) -> int:
    noise = square = 0.0
    for gradients in parameters:
        g = gradients.mean(axis=0)
        noise += variance([float(v @ g) for v in gradients])
        square += float(g @ g)
    return max(len(parameters[0]), math.ceil(noise / (theta**2 * square**2)))


def official_augmented(parameters: list[np.ndarray], theta: float, nu: float) -> int:
    noise = square = 0.0
    for gradients in parameters:
        g = gradients.mean(axis=0)
        across = np.array([v - (v @ g) / (g @ g) * g for v in gradients])
        noise += sum(variance(list(across[:, j])) for j in range(across.shape[1]))
        square += float(g @ g)
    return max(official_inner_product(parameters, theta), math.ceil(noise / (nu**2 * square)))
