"""Prospect with proximal maps, from given draws; each map by bisection of its optimality condition."""

import numpy as np
from reference.spectral_risk import chi2_weights


def least(slope, m, c):
    """The t at which l(t) + (t - m)^2 / (2 c) is least: where t - m + c l'(t), which increases, changes its sign."""
    low, high = -100.0, 100.0
    for _ in range(120):
        t = (low + high) / 2
        low, high = (t, high) if t - m + c * slope(t) < 0 else (low, t)
    return (low + high) / 2


def prox(slope, a, mu, lr, z):
    """argmin_p l(a . p) + (mu/2) ||p||^2 + ||p - z||^2 / (2 lr)."""
    centre, size = z / (1 + lr * mu), lr / (1 + lr * mu)
    m = a @ centre
    return centre + (least(slope, m, size * (a @ a)) - m) / (a @ a) * a


def moreau(a, b, loss, slope, sigma, shift_cost, mu, lr, draws):
    """loss(m, b_k) and slope(m, b_k): a loss of the margin m = a_k . w, and its derivative. draws: (u for i ~ q, j)."""
    n, d = a.shape
    w = np.zeros(d)
    l = [loss(0.0, b[k]) for k in range(n)]
    g = [slope(0.0, b[k]) * a[k] + mu * w for k in range(n)]
    q = chi2_weights(l, sigma, shift_cost)

    def proximal(k, z):
        return prox(lambda m: slope(m, b[k]), a[k], mu, lr, z)

    points = [w]
    for u, j in draws:
        mean = sum(q[k] * g[k] for k in range(n))
        i, total = 0, q[0]
        while total <= u:
            i += 1
            total += q[i]
        z = w + lr * (g[j] - mean)
        following = proximal(i, w + lr * (g[i] - mean))
        g[j], l[j] = (z - proximal(j, z)) / lr, loss(a[j] @ w, b[j])
        q = chi2_weights(l, sigma, shift_cost)
        w = following
        points.append(w)
    return np.array(points)
