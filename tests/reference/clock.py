"""Increments of the stable subordinator and the inverse on a mesh, one number at a time.

Source: Kanter (1975); the rounded inverse as in Liu, Wu and Zuo (2023), arXiv:2308.13999.
"""

from __future__ import annotations

import math


def stable_increment(beta, length, u, w):
    """u uniform on (0, π), w exponential."""
    first = math.sin(beta * u) / math.sin(u) ** (1 / beta)
    second = (math.sin((1 - beta) * u) / w) ** ((1 - beta) / beta)
    return length ** (1 / beta) * first * second


def inverse_on_mesh(increments, horizon, mesh):
    """(min{n: D_{nδ} > t} - 1) δ, from D's increments over the mesh."""
    level, n = 0.0, 0
    while level <= horizon:
        level += increments[n]
        n += 1
    return (n - 1) * mesh


def mittag_leffler(beta, z, terms=150):
    """E_β(z) = Σ z^k / Γ(1 + βk), for moderate |z|."""
    return sum(z**k / math.gamma(1 + beta * k) for k in range(terms))
