"""Minibatch SGD and dual averaging on the risk of a batch, from given batches."""

import numpy as np
from reference.spectral_problem import loss, loss_gradient
from reference.spectral_risk import chi2_weights


def batch_gradient(a, b, w, sigma, shift_cost, batch):
    q = chi2_weights([loss(a[k], b[k], w, False) for k in batch], sigma, shift_cost)
    return sum(weight * loss_gradient(a[k], b[k], w, False) for weight, k in zip(q, batch, strict=True))


def sgd(a, b, sigma, shift_cost, mu, lr, batches):
    w = np.zeros(a.shape[1])
    points = [w]
    for batch in batches:
        w = w - lr * (batch_gradient(a, b, w, sigma, shift_cost, batch) + mu * w)
        points.append(w)
    return np.array(points)


def srda(a, b, sigma, shift_cost, mu, lr, batches):
    w = np.zeros(a.shape[1])
    total, points = 0 * w, [w]
    for t, batch in enumerate(batches, start=1):
        total = total + batch_gradient(a, b, w, sigma, shift_cost, batch)
        w = -(total / t) / (mu + 1 / (lr * t))
        points.append(w)
    return np.array(points)
