"""Gated networks, their relaxed loss, the ELBO of the projected law, and Adam: one number at a time."""

import math


def network(theta, point, d, L, D):
    """f_theta of one point: per layer the weights row by row, then the biases; ReLU but for the last."""
    values, at = list(point), 0
    for layer in range(L):
        rows, columns = (1 if layer == L - 1 else D), len(values)
        new = []
        for r in range(rows):
            total = theta[at + rows * columns + r]
            for c in range(columns):
                total += theta[at + r * columns + c] * values[c]
            new.append(total if layer == L - 1 else max(total, 0.0))
        values, at = new, at + rows * (columns + 1)
    return values[0]


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def gate(logit, u):
    soft = sigmoid((math.log(u) - math.log(1 - u) + logit) / (2 / 3))
    return min(1.0, max(0.0, soft * 1.2 - 0.1))


def slab(m, s):
    return -math.log(s) + (s * s + m * m) / 2 - 0.5


def relaxed(mean, log_scale, logits, normal, uniform, x, y, d, L, D, share, heat, weight):
    theta = [gate(logits[t], uniform[t]) * (mean[t] + math.exp(log_scale[t]) * normal[t]) for t in range(len(mean))]
    error = sum((y[i] - network(theta, x[i], d, L, D)) ** 2 for i in range(len(x))) / len(x)
    divergence = 0.0
    for t in range(len(mean)):
        p = sigmoid(logits[t] - 2 / 3 * math.log(0.1 / 1.1))  # the gate is above 0
        divergence += p * math.log(p / share) + (1 - p) * math.log((1 - p) / (1 - share))
        divergence += p * slab(mean[t], math.exp(log_scale[t]))
    return heat * error + weight * divergence


def elbo(mean, scale, support, draws, x, y, d, L, D, alpha, sigma):
    """draws: standard normal numbers, one list a draw."""
    squares = 0.0
    for normal in draws:
        theta = [mean[t] + scale[t] * normal[t] if support[t] else 0.0 for t in range(len(mean))]
        squares += sum((y[i] - network(theta, x[i], d, L, D)) ** 2 for i in range(len(x))) / len(draws)
    divergence = math.log(math.comb(len(mean), sum(support)))
    divergence += sum(slab(mean[t], scale[t]) for t in range(len(mean)) if support[t])
    return -alpha / (2 * sigma**2) * squares - divergence
