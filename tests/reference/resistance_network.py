"""Resistances by counting forests, functionals by following the walk step by step.

Sources: Kirchhoff's theorem; first-step analysis of the walk in Noda (2023), arXiv:2305.13224.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

Edge = tuple[int, int]


def laplacian(edges: Sequence[Edge], conductances: Sequence[float], size: int) -> list[list[Fraction]]:
    matrix = [[Fraction(0)] * size for _ in range(size)]
    for (x, y), c in zip(edges, conductances, strict=True):
        weight = Fraction(c)
        matrix[x][x] += weight
        matrix[y][y] += weight
        matrix[x][y] -= weight
        matrix[y][x] -= weight
    return matrix


def determinant(matrix: list[list[Fraction]]) -> Fraction:
    """Gaussian elimination in fractions."""
    rows, value = [list(row) for row in matrix], Fraction(1)
    for i in range(len(rows)):
        pivot = next((j for j in range(i, len(rows)) if rows[j][i] != 0), None)
        if pivot is None:
            return Fraction(0)
        if pivot != i:
            rows[i], rows[pivot], value = rows[pivot], rows[i], -value
        value *= rows[i][i]
        for j in range(i + 1, len(rows)):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    return value


def without(matrix: list[list[Fraction]], gone: Sequence[int]) -> list[list[Fraction]]:
    left = [i for i in range(len(matrix)) if i not in gone]
    return [[matrix[i][j] for j in left] for i in left]


def resistance(edges: Sequence[Edge], conductances: Sequence[float], size: int, x: int, y: int) -> Fraction:
    """Weight of spanning forests of two trees that part x from y, over that of spanning trees."""
    matrix = laplacian(edges, conductances, size)
    return determinant(without(matrix, [x, y])) / determinant(without(matrix, [x]))


def laplace_functional(
    edges: Sequence[Edge], conductances: Sequence[float], size: int, theta: Sequence[float], killed: Sequence[int]
) -> list[float]:
    """First steps: a visit at x survives with Σc / (Σc + θ(x)) and goes on to y with probability c(x,y) / Σc."""
    h = [1.0 if x in killed else 0.0 for x in range(size)]
    for _ in range(20_000):
        after = list(h)
        for x in range(size):
            if x in killed:
                continue
            total, onward = theta[x], 0.0
            for (a, b), c in zip(edges, conductances, strict=True):
                if x in (a, b):
                    total += c
                    onward += c * h[b if a == x else a]
            after[x] = onward / total
        if max(abs(a - b) for a, b in zip(after, h, strict=True)) < 1e-16:
            break
        h = after
    return h
