"""The worst weights of a spectral risk, by pooling adjacent violators one pair at a time."""

import math

import numpy as np


def chi2_weights(losses, sigma, shift_cost):
    n = len(losses)
    if shift_cost == 0:
        q = [0.0] * n
        for rank, i in enumerate(sorted(range(n), key=lambda i: losses[i])):
            q[i] = sigma[rank]
        return np.array(q)
    order = sorted(range(n), key=lambda i: losses[i])
    y = [1 / n + losses[i] / (2 * n * shift_cost) for i in order]
    blocks = []
    for k in range(n):
        blocks.append([y[k] - sigma[k], 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (v, a), (u, b) = blocks.pop(), blocks.pop()
            blocks.append([(v * a + u * b) / (a + b), a + b])
    z = [value for value, size in blocks for _ in range(size)]
    q = [0.0] * n
    for k, i in enumerate(order):
        q[i] = y[k] - z[k]
    return np.array(q)


def kl_weights(losses, sigma, shift_cost):
    """q = exp(l / nu - z) / n; a block's z is log sum exp(l / nu) - log sum sigma - log n."""
    n = len(losses)
    order = sorted(range(n), key=lambda i: losses[i])

    def value(block):
        weight = sum(sigma[k] for k in block)
        top = max(losses[order[k]] / shift_cost for k in block)
        total = top + math.log(sum(math.exp(losses[order[k]] / shift_cost - top) for k in block))
        return math.inf if weight == 0 else total - math.log(weight) - math.log(n)

    blocks = []
    for k in range(n):
        blocks.append([k])
        while len(blocks) > 1 and value(blocks[-2]) >= value(blocks[-1]):
            last = blocks.pop()
            blocks[-1] = blocks[-1] + last
    q = [0.0] * n
    for block in blocks:
        for k in block:
            q[order[k]] = math.exp(losses[order[k]] / shift_cost - value(block)) / n
    return np.array(q)
