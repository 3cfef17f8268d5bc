"""Effective resistances in rational arithmetic, by star-mesh transforms."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from tendsto.probability.resistance_network import ResistanceNetwork

__all__ = ["exact_resistance", "exact_trace"]


def exact_trace(network: ResistanceNetwork, keep: Iterable[int]) -> dict[tuple[int, int], Fraction]:
    """Conductances of the network seen from a few vertices alone (its trace), as fractions by pair (x < y).

    Each other vertex is taken out, its star replaced by a mesh: ``c(x,y) += c(x,z) c(z,y) / Σ_w c(z,w)``, a step of the
    Schur complement. Vertices of few neighbours go first. For some hundred vertices; conductances are the exact values
    of the floats given. Raises ValueError for fewer than two vertices, or what is none.

    >>> exact_trace(ResistanceNetwork([(0, 1), (1, 2)]), keep=[0, 2])
    {(0, 2): Fraction(1, 2)}
    """
    kept = set(keep)
    if len(kept) < 2 or not kept <= set(range(network.size)):
        raise ValueError(f"{sorted(kept)} are not two or more vertices; use some of 0, ..., {network.size - 1}")
    near: list[dict[int, Fraction]] = [{} for _ in range(network.size)]
    for (x, y), c in zip(network.edges.tolist(), network.conductances.tolist(), strict=True):
        near[x][y] = near[y][x] = near[x].get(y, Fraction(0)) + Fraction(c)
    left = set(range(network.size)) - kept
    while left:
        z = min(left, key=lambda v: (len(near[v]), v))
        left.remove(z)
        star = list(near[z].items())
        total = sum(c for _, c in star)
        for i, (x, cx) in enumerate(star):
            del near[x][z]
            for y, cy in star[i + 1 :]:
                near[x][y] = near[y][x] = near[x].get(y, Fraction(0)) + cx * cy / total
    return {(x, y): near[x][y] for x in sorted(kept) for y in sorted(near[x]) if x < y}


def exact_resistance(network: ResistanceNetwork, x: int, y: int) -> Fraction:
    """``R(x, y)`` as a fraction.

    >>> exact_resistance(ResistanceNetwork([(0, 1), (1, 2), (2, 0)]), 0, 1)
    Fraction(2, 3)
    """
    if x == y:
        return Fraction(0)
    return 1 / exact_trace(network, [x, y])[min(x, y), max(x, y)]
