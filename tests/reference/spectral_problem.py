"""The spectral risk of least squares and of logistic regression, term by term."""

import math

from reference.spectral_risk import chi2_weights, kl_weights


def loss(a, b, w, logistic):
    margin = sum(x * y for x, y in zip(a, w, strict=True))
    return math.log(1 + math.exp(-b * margin)) if logistic else (margin - b) ** 2 / 2


def loss_gradient(a, b, w, logistic):
    margin = sum(x * y for x, y in zip(a, w, strict=True))
    factor = -b / (1 + math.exp(b * margin)) if logistic else margin - b
    return factor * a


def objective(a, b, w, sigma, shift_cost, penalty, mu, logistic):
    n = len(b)
    losses = [loss(a[i], b[i], w, logistic) for i in range(n)]
    if penalty == "chi2":
        q = chi2_weights(losses, sigma, shift_cost)
        divergence = n * sum((q[i] - 1 / n) ** 2 for i in range(n))
    else:
        q = kl_weights(losses, sigma, shift_cost)
        divergence = sum(q[i] * math.log(n * q[i]) for i in range(n) if q[i] > 0)
    risk = sum(q[i] * losses[i] for i in range(n)) - shift_cost * divergence
    return risk + mu / 2 * sum(x * x for x in w)
