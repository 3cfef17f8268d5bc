"""Martins Gomes et al., AdaFisher (2024), from inputs and output gradients of linear layers, step by step."""

import numpy as np

Array = np.ndarray


def unit(x: Array) -> Array:
    return (x - x.min()) / (x.max() - x.min() + 1e-6)


class AdaFisher:
    """Weights are (outputs, inputs + 1), the bias last."""

    def __init__(self, weights: list[Array], lr: float, every: int, variant: str, decay: float, decoupled: bool):
        self.weights, self.lr, self.every, self.variant = [w.copy() for w in weights], lr, every, variant
        self.decay, self.decoupled, self.steps = decay, decoupled, 0
        self.m = [np.zeros_like(w) for w in weights]
        self.h = [np.ones(w.shape[1]) for w in weights]
        self.s = [np.ones(w.shape[0]) for w in weights]

    def step(self, pairs: list[tuple[Array, Array]]) -> None:
        """`pairs` are inputs (b, in + 1) and gradients (b, out) of each example's own loss."""
        gamma, beta, damping = 0.8, 0.9, 1e-3
        old, new = (0.1 * gamma, 0.01 * gamma) if self.variant == "official" else (1 - gamma, gamma)
        self.steps += 1
        for i, (a, g) in enumerate(pairs):
            s = g / len(a)  # the loss is a mean
            if (self.steps - 1) % self.every == 0:
                self.h[i] = old * self.h[i] + new * unit((a**2).mean(axis=0))
                self.s[i] = old * self.s[i] + new * unit((s**2).mean(axis=0))
            fisher = np.outer(self.s[i], self.h[i]) + damping
            gradient = s.T @ a + (0 if self.decoupled else self.decay * self.weights[i])
            self.m[i] = beta * self.m[i] + (1 - beta) * gradient
            update = self.m[i] / (1 - beta**self.steps) / fisher
            self.weights[i] = self.weights[i] - self.lr * (
                update + (self.decay * self.weights[i] if self.decoupled else 0)
            )
