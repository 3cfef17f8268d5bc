"""Lovasz's extension by its integral, and set functions by their definitions."""

import itertools

import numpy as np


def all_subsets(n):
    return [frozenset(c) for k in range(n + 1) for c in itertools.combinations(range(n), k)]


def extension(values, x):
    """The integral over t in [0, 1] of F({i : x_i >= t}) for x in [0, 1]^n: a step function of t."""
    cuts = sorted({0.0, 1.0, *(float(v) for v in x)})
    total = 0.0
    for low, high in itertools.pairwise(cuts):
        middle = (low + high) / 2
        total += (high - low) * values[frozenset(i for i, v in enumerate(x) if v >= middle)]
    return total


def cut(weights, chosen):
    n = len(weights)
    return sum(weights[i][j] for i in chosen for j in range(n) if j not in chosen)


def coverage(covers, weights, chosen):
    return sum(w for j, w in enumerate(weights) if any(covers[i][j] for i in chosen))


def entropy(columns, chosen, given=None):
    """H(X_chosen | given) in nats, by counting rows."""

    def joint(keys):
        counts = {}
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
        return -sum(c / len(keys) * np.log(c / len(keys)) for c in counts.values())

    rows = [tuple(row[i] for i in sorted(chosen)) for row in columns]
    if given is None:
        return joint(rows)
    return joint([(*row, label) for row, label in zip(rows, given, strict=True)]) - joint(list(given))
