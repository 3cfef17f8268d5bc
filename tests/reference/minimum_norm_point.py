"""The projection on a base polytope by decomposition (Groenevelt, Fujishige), all subsets tried at each split."""

import itertools

import numpy as np


def project(values, y):
    """The nearest point to y in B(F); values: F by frozenset, F of the empty set 0."""
    s = np.zeros(len(y))
    _split(values, y, frozenset(), frozenset(range(len(y))), s)
    return s


def _split(values, y, below, above, s):
    """Project on B of F contracted by `below` and restricted to `above`."""
    ground = sorted(above - below)
    if not ground:
        return
    level = (sum(y[i] for i in ground) - (values[above] - values[below])) / len(ground)
    best, chosen = 0.0, None
    for k in range(1, len(ground)):
        for part in itertools.combinations(ground, k):
            value = values[below | frozenset(part)] - values[below] - sum(y[i] - level for i in part)
            if value < best - 1e-12:
                best, chosen = value, frozenset(part)
    if chosen is None:
        for i in ground:
            s[i] = y[i] - level
        return
    _split(values, y, below, below | chosen, s)
    _split(values, y, below | chosen, above, s)


def prox(values, y, rho):
    """argmin over [0,1]^n of f_L(x) + (rho/2) ||x||^2 - <y, x>; for rho = 0 the least minimiser."""
    s = project(values, y)
    if rho == 0:
        return (s - y < -1e-9).astype(float)
    return np.clip((y - s) / rho, 0, 1)
