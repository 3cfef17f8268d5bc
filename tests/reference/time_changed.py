"""The truncated Milstein scheme of one path, in plain Python.

Source: Liu, Wu and Zuo (2023), arXiv:2308.13999; Milstein's step of a system with commuting noise as in Kloeden and
Platen (1992), section 10.3.
"""

from __future__ import annotations


def truncated(x, radius):
    """π_Δ(x) = (|x| ∧ radius) x / |x|."""
    return x if abs(x) <= radius else radius * (1 if x > 0 else -1)


def solve(f, g, dg, x0, dt, mesh, count, brownian, radius, milstein=True, partial_step=True):
    """X at the clock's time count * mesh; brownian[i] is B at i * mesh."""
    factor = round(dt / mesh)
    x, i = x0, 0
    while i < count:
        ahead = min(factor, count - i)
        if ahead < factor and not partial_step:
            break
        t, h, db = i * mesh, ahead * mesh, brownian[i + ahead] - brownian[i]
        y = truncated(x, radius)
        new = x + f(t, y) * h + g(t, y) * db
        if milstein:
            new += 0.5 * g(t, y) * dg(t, y) * (db * db - h)
        x, i = new, i + ahead
    return x


def milstein_step(f, g, dg, t, x, h, db):
    """One step of a system: g[i][j] and dg[i][j][l] = ∂g_ij/∂x_l are nested lists."""
    d, m = len(x), len(db)
    drift, spread, slope = f(t, x), g(t, x), dg(t, x)
    new = []
    for i in range(d):
        value = x[i] + drift[i] * h
        for j in range(m):
            value += spread[i][j] * db[j]
        for j in range(m):
            for k in range(m):
                operator = sum(spread[l][j] * slope[i][k][l] for l in range(d))
                value += 0.5 * operator * (db[j] * db[k] - (h if j == k else 0.0))
        new.append(value)
    return new
