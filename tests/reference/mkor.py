"""Mozaffari et al., MKOR (2023), on a network of two tanh layers and cross-entropy, backpropagated by hand."""

from typing import Any

import numpy as np

Array = np.ndarray


def backpropagate(w1: Array, w2: Array, images: Array, labels: Array) -> list[tuple[Array, Array]]:
    """Inputs with a one appended, and gradients of each example's own loss at the outputs, for both layers."""
    b = len(images)
    a1 = np.hstack([images, np.ones((b, 1))])
    hidden = np.tanh(a1 @ w1.T)
    a2 = np.hstack([hidden, np.ones((b, 1))])
    logits = a2 @ w2.T
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    g2 = p - np.eye(logits.shape[1])[labels]
    g1 = (g2 @ w2[:, :-1]) * (1 - hidden**2)
    return [(a1, g1), (a2, g2)]


def inverse_update(p: Array, v: Array, gamma: float, variant: str) -> Array:
    outer = np.outer(v, v)
    if variant == "exact":
        return np.linalg.inv(gamma * np.linalg.inv(p) + (1 - gamma) * outer)
    if variant == "printed":
        scale = (1 - gamma) / (gamma**2 * (1 + gamma * (1 - gamma) * v @ p @ v))
        return gamma * p + scale * p @ outer @ p
    v = np.clip(v, -100, 100)
    p = 0.95 * p + 0.05 * np.eye(len(v))
    return p - p @ np.outer(v, v) @ p / (1 + v @ p @ v)


def mkor(
    weights: list[Array],
    batches: list[tuple[Array, Array]],
    lr: float,
    momentum: float,
    every: int,
    variant: str,
    threshold: float,
    zeta: float = 0.9,
    gamma: float = 0.95,
    half: bool = False,
) -> list[Array]:
    """Weights (outputs, inputs + 1) after SGD with momentum on the preconditioned gradients."""
    weights = [w.copy() for w in weights]
    moments = [np.zeros_like(w) for w in weights]
    left = [np.eye(w.shape[0]) for w in weights]
    right = [np.eye(w.shape[1]) for w in weights]
    for k, (images, labels) in enumerate(batches):
        pairs = backpropagate(*weights, images, labels)
        for i, (a, g) in enumerate(pairs):
            gradient = g.T @ a / len(a)
            if k % every == 0:
                for side, v in ((left, g.mean(axis=0)), (right, a.mean(axis=0))):
                    if np.abs(side[i]).max() > threshold:
                        side[i] = zeta * side[i] + (1 - zeta) * np.eye(len(v))
                    v = float16(v).astype(np.float64) if half else v
                    side[i] = inverse_update(side[i], v, gamma, variant)
                    side[i] = in_half(side[i], variant == "exact") if half else side[i]
            step = left[i] @ gradient @ right[i]
            step *= np.linalg.norm(gradient) / np.linalg.norm(step)
            moments[i] = momentum * moments[i] + step
            weights[i] -= lr * moments[i]
    return weights


def float16(x: Any) -> Any:
    """Rounded to the nearest by way of float32, as torch rounds float64 to float16."""
    return np.asarray(x).astype(np.float32).astype(np.float16)


def in_half(p: Array, upwards: bool) -> Array:
    """An inverse in float16, entry by entry; upwards, the diagonal takes up the errors of its row and is rounded up."""
    half = float16(p)
    if upwards:
        p = (p + p.T) / 2
        half = float16(p)
        for i in range(len(p)):
            least = p[i, i] + sum(abs(float(half[i, j]) - p[i, j]) for j in range(len(p)) if j != i)
            near = float16(least)
            half[i, i] = near if float(near) >= least else np.nextafter(near, np.float16(np.inf))
    return half.astype(np.float64)
