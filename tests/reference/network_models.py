"""The Sierpinski gasket by subdividing triangles, plane trees and spanning trees by listing them all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

Place = tuple[Fraction, Fraction]


def gasket(level: int) -> set[frozenset[Place]]:
    """Edges of the level-n gasket graph, between places in a triangle with corners (0,0), (1,0), (0,1)."""
    zero, one = Fraction(0), Fraction(1)
    triangles = [((zero, zero), (one, zero), (zero, one))]
    for _ in range(level):
        finer = []
        for a, b, c in triangles:
            ab, bc, ac = (tuple((s + t) / 2 for s, t in zip(p, q, strict=True)) for p, q in ((a, b), (b, c), (a, c)))
            finer += [(a, ab, ac), (ab, b, bc), (ac, bc, c)]
        triangles = finer
    return {frozenset(pair) for triangle in triangles for pair in itertools.combinations(triangle, 2)}


def plane_trees(vertices: int) -> Iterator[tuple[int, ...]]:
    """All plane trees, as the parents of vertices 1, 2, ... in depth-first order."""

    def grow(line: list[int], parents: list[int]) -> Iterator[tuple[int, ...]]:
        if len(parents) == vertices - 1:
            yield tuple(parents)
            return
        for depth in range(len(line)):
            yield from grow([*line[: depth + 1], len(parents) + 1], [*parents, line[depth]])

    yield from grow([0], [])


def spanning_trees(edges: Sequence[tuple[int, int]], size: int) -> list[frozenset[tuple[int, int]]]:
    found = []
    for chosen in itertools.combinations(edges, size - 1):
        parts = list(range(size))
        for a, b in chosen:
            old, new = parts[a], parts[b]
            parts = [new if part == old else part for part in parts]
        if len(set(parts)) == 1:
            found.append(frozenset(chosen))
    return found
