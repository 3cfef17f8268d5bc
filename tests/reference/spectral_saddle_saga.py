"""SaddleSAGA on a spectral risk, from given draws; the weights' step written as a projection onto P(sigma)."""

import numpy as np
from reference.spectral_problem import loss, loss_gradient
from reference.spectral_risk import chi2_weights


def project(point, sigma):
    """The nearest p in P(sigma): argmax p . point - ||p||^2 / 2, a risk with shift cost 1/(2n) up to a constant."""
    n = len(point)
    return chi2_weights(list(point), sigma, 1 / (2 * n))


def saddle_saga(a, b, sigma, shift_cost, mu, lr, draws, dual_lr=None):
    n, d = a.shape
    up = lr / n if dual_lr is None else dual_lr
    w = np.zeros(d)
    l = np.array([loss(a[i], b[i], w, False) for i in range(n)])
    g = [loss_gradient(a[i], b[i], w, False) for i in range(n)]
    q = np.zeros(n)
    q[np.argsort(l, kind="stable")] = sigma
    rho = q.copy()
    points = [w]
    for i in draws:
        seen, new = loss(a[i], b[i], w, False), loss_gradient(a[i], b[i], w, False)
        v = n * q[i] * new - n * rho[i] * g[i] + sum(rho[k] * g[k] for k in range(n))
        w = (w - lr * v) / (1 + lr * mu)
        u = l.copy()
        u[i] = l[i] + n * (seen - l[i])
        # The stationary point of p . u - nu n ||p - 1/n||^2 - ||p - q||^2 / (2 up), then its projection.
        free = (u + 2 * shift_cost + q / up) / (2 * n * shift_cost + 1 / up)
        l[i], g[i], rho[i] = seen, new, q[i]
        q = project(free, sigma)
        points.append(w)
    return np.array(points)
