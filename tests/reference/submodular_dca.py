"""DCA, ADCA and CDCA on tables of F and G, from given random orders of ties."""

import math

import numpy as np
from reference.minimum_norm_point import prox


def sorted_by(x, ties):
    return sorted(range(len(x)), key=lambda i: (-round(float(x[i]), 10), -ties[i]))


def greedy(values, x, ties):
    y, chosen = np.zeros(len(x)), frozenset()
    for i in sorted_by(x, ties):
        y[i] = values[chosen | {i}] - values[chosen]
        chosen = chosen | {i}
    return y


def extension(values, x):
    return float(greedy(values, x, -np.arange(len(x))) @ x)


def rounded(f, g, x):
    """The best set along decreasing x, in which equal entries are in the order of their index."""
    chosen = frozenset()
    best, least = chosen, 0.0
    for i in sorted_by(x, -np.arange(len(x))):
        chosen = chosen | {i}
        if f[chosen] - g[chosen] < least - 1e-13:
            best, least = chosen, f[chosen] - g[chosen]
    return least, best


def marginals(values, s, n):
    return np.array([values[s | {i}] - values[s - {i}] for i in range(n)])


def neighbour(f, g, s, n):
    options = [(f[s ^ {i}] - g[s ^ {i}], i) for i in range(n)]
    value, i = min(options)
    return s ^ {i} if value < f[s] - g[s] - 1e-9 else None


def dca(f, g, n, rho, variant, randoms, tolerance=1e-6):
    """The points x_0, x_1, ...; randoms: the random ties of each step."""
    x, s = np.zeros(n), frozenset()
    value, before, t = 0.0, x, 1.0
    recent, points, done = [0.0] * 6, [x], False

    def h(x):
        return extension(f, x) - extension(g, x)

    def dual(y, x, p):
        return float(y @ x + extension(f, p) + rho / 2 * p @ p - y @ p)

    for ties in randoms:
        if done:
            points.append(x)
            continue
        z = x
        if variant == "adca":
            following = (1 + math.sqrt(1 + 4 * t * t)) / 2
            z = np.clip(x + (t - 1) / following * (x - before), 0, 1)
            t = following
            if h(z) > max(recent):
                z = x
        slope, rise = marginals(g, s, n), marginals(f, s, n)
        ys = [rho * z + greedy(g, z, order) for order in (ties, slope, rise - slope)]
        ps = [prox(f, y, rho) for y in ys]
        if variant.startswith("cdca"):
            k = min(range(3), key=lambda k: dual(ys[k], z, ps[k]))
            y, p = ys[k], ps[k]
            for _ in range(10):
                vertex = rho * z + greedy(g, z, p - z)
                if (z - p) @ (y - vertex) <= 1e-6:
                    break
                y, p = vertex, prox(f, vertex, rho)
            ps = [p]
        sets = [rounded(f, g, p) for p in ps]
        if variant.endswith("r"):
            k = min(range(len(ps)), key=lambda k: sets[k][0])
            new, chosen = sets[k]
            point = np.array([float(i in chosen) for i in range(n)])
        else:
            k = min(range(len(ps)), key=lambda k: h(ps[k]))
            new, chosen, point = h(ps[k]), sets[k][1], ps[k]
        if new > value:
            new, chosen, point = value, s, x
        if value - new <= tolerance:
            better = neighbour(f, g, chosen, n)
            if better is None:
                done = True
            else:
                chosen, point = better, np.array([float(i in better) for i in range(n)])
                new = f[better] - g[better]
        before, x, s, value = x, point, chosen, new
        recent = [*recent[1:], new]
        points.append(x)
    return np.array(points)
