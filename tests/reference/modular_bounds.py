"""SupSub and ModMod on tables of F and G, from given random orders of ties."""

import numpy as np
from reference.submodular_dca import greedy, marginals, neighbour


def upper_bounds(f, s, n):
    whole, change = frozenset(range(n)), marginals(f, s, n)
    first = [change[i] if i in s else f[frozenset({i})] for i in range(n)]
    second = [f[whole] - f[whole - {i}] if i in s else change[i] for i in range(n)]
    return first, second


def double_greedy(g, bound, n):
    """Of G less the modular `bound`: elements one by one, into the small set or out of the large one."""
    small, large = frozenset(), frozenset(range(n))
    for i in range(n):
        gain = g[small | {i}] - g[small] - bound[i]
        loss = g[large - {i}] - g[large] + bound[i]
        if gain >= loss:
            small = small | {i}
        else:
            large = large - {i}
    return small


def run(f, g, n, name, randoms):
    s, value, sets, done = frozenset(), 0.0, [frozenset()], False
    for ties in randoms:
        if not done:
            slope, rise = marginals(g, s, n), marginals(f, s, n)
            x = np.array([float(i in s) for i in range(n)])
            found = []
            for bound in upper_bounds(f, s, n):
                if name == "supsub":
                    found.append(double_greedy(g, bound, n))
                else:
                    for order in (ties, slope, rise - slope):
                        y = greedy(g, x, order)
                        found.append(frozenset(i for i in range(n) if bound[i] - y[i] < 0))
            new = min(found, key=lambda a: f[a] - g[a])
            reached = f[new] - g[new]
            if reached >= value - 1e-9:
                better = neighbour(f, g, s, n)
                done = better is None
                new = s if better is None else better
                reached = f[new] - g[new]
            s, value = new, reached
        sets.append(s)
    return sets
