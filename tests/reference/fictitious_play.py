"""Entropic fictitious play on a grid of one parameter, as the paper writes it: densities, sums, one by one."""

import math

import numpy as np


def sine(terms):
    """Inputs, targets, and the neuron h(theta, x)."""
    x = [-2 + 4 * i / (terms - 1) for i in range(terms)]
    return x, [math.sin(2 * v) for v in x], lambda theta, v: 2 * math.tanh(theta * v - 0.7)


def gibbs(density, grid, width, x, y, h, temperature, decay):
    """The density ~ exp(-(1/temperature) [(1/n) sum_i l_i'(f_i) h(theta, x_i) + decay theta^2]) of the squared loss."""
    n = len(x)
    f = [sum(d * h(t, v) * width for d, t in zip(density, grid, strict=True)) for v in x]
    slopes = [f[i] - y[i] for i in range(n)]
    unnormalised = [
        math.exp(-(sum(slopes[i] * h(t, x[i]) for i in range(n)) / n + decay * t * t) / temperature) for t in grid
    ]
    total = sum(unnormalised) * width
    return [u / total for u in unnormalised], f, slopes, total


def objective(density, grid, width, x, y, h, temperature, decay):
    """L(mu) by sums, and D(g) for the g of mu."""
    n = len(x)
    _, f, g, total = gibbs(density, grid, width, x, y, h, temperature, decay)
    loss = sum((f[i] - y[i]) ** 2 / 2 for i in range(n)) / n
    moment = sum(d * t * t * width for d, t in zip(density, grid, strict=True))
    entropy = sum(d * math.log(d) * width for d in density if d > 0)
    # The conjugate of (z - y)^2 / 2 is g^2 / 2 + g y.
    dual = -sum(g[i] ** 2 / 2 + g[i] * y[i] for i in range(n)) / n - temperature * math.log(total)
    return loss + decay * moment + temperature * entropy, dual


def play(density, shares, grid, width, x, y, h, temperature, decay):
    """All densities mu^0, mu^1, ..., mu^{s+1} = (1 - gamma_s) mu^s + gamma_s hat_mu^s."""
    densities = [list(density)]
    for share in shares:
        hat = gibbs(densities[-1], grid, width, x, y, h, temperature, decay)[0]
        densities.append([(1 - share) * a + share * b for a, b in zip(densities[-1], hat, strict=True)])
    return np.array(densities)
