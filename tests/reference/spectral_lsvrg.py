"""LSVRG for spectral risks, from given draws; gradients at the checkpoint are computed again."""

import numpy as np
from reference.spectral_problem import loss, loss_gradient
from reference.spectral_risk import chi2_weights


def lsvrg(a, b, sigma, shift_cost, mu, lr, draws):
    n, d = a.shape
    w = np.zeros(d)
    points = [w]
    for t, i in enumerate(draws):
        if t % n == 0:
            c = w
            q = chi2_weights([loss(a[k], b[k], c, False) for k in range(n)], sigma, shift_cost)
            full = sum(q[k] * loss_gradient(a[k], b[k], c, False) for k in range(n))
        change = loss_gradient(a[i], b[i], w, False) - loss_gradient(a[i], b[i], c, False)
        w = w - lr * (n * q[i] * change + full + mu * w)
        points.append(w)
    return np.array(points)
