"""Prospect, the paper's order of updates and the code's, from given draws; SAGA."""

import numpy as np
from reference.spectral_problem import loss, loss_gradient
from reference.spectral_risk import chi2_weights


def paper(a, b, sigma, shift_cost, mu, lr, draws, logistic=False):
    n, d = a.shape
    w = np.zeros(d)
    l = [loss(a[i], b[i], w, logistic) for i in range(n)]
    g = [loss_gradient(a[i], b[i], w, logistic) + mu * w for i in range(n)]
    q = chi2_weights(l, sigma, shift_cost)
    rho = q.copy()
    mean = sum(rho[i] * g[i] for i in range(n))
    points = [w]
    for i, j in draws:
        new = loss_gradient(a[i], b[i], w, logistic) + mu * w
        v = n * q[i] * new - n * rho[i] * g[i] + mean
        l[j] = loss(a[j], b[j], w, logistic)
        w = w - lr * v
        q = chi2_weights(l, sigma, shift_cost)
        mean = mean + q[i] * new - rho[i] * g[i]
        g[i], rho[i] = new, q[i]
        points.append(w)
    return np.array(points)


def official(a, b, sigma, shift_cost, mu, lr, draws, logistic=False):
    n, d = a.shape
    w = np.zeros(d)
    l = [loss(a[i], b[i], w, logistic) for i in range(n)]
    g = [loss_gradient(a[i], b[i], w, logistic) for i in range(n)]
    q = chi2_weights(l, sigma, shift_cost)
    rho = q.copy()
    mean = sum(rho[i] * g[i] for i in range(n))
    points = [w]
    for i in draws:
        new = loss_gradient(a[i], b[i], w, logistic)
        seen = loss(a[i], b[i], w, logistic)
        v = n * q[i] * new - n * rho[i] * g[i] + mean
        w = (w - lr * v) / (1 + lr * mu)
        weight = q[i]
        l[i] = seen
        q = chi2_weights(l, sigma, shift_cost)
        mean = mean + weight * new - rho[i] * g[i]
        g[i], rho[i] = new, weight
        points.append(w)
    return np.array(points)


def saga(a, b, mu, lr, draws):
    """SAGA on the mean of (a_i . w - b_i)^2 / 2 + (mu/2) ||w||^2."""
    n, d = a.shape
    w = np.zeros(d)
    g = [(a[i] @ w - b[i]) * a[i] + mu * w for i in range(n)]
    points = [w]
    for i in draws:
        new = (a[i] @ w - b[i]) * a[i] + mu * w
        v = new - g[i] + sum(g) / n
        g[i] = new
        w = w - lr * v
        points.append(w)
    return np.array(points)
