"""Networks whose scaling limits are known: path, star, Sierpinski gasket, random trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from tendsto.core.random import Random
from tendsto.probability.resistance_network import Array, ResistanceNetwork

__all__ = ["critical_tree", "gasket", "gasket_places", "path", "star", "uniform_spanning_tree"]


def path(edges: int, length: float = 1.0) -> ResistanceNetwork:
    """A path from 0 to `edges` of resistance `length`, measure length / edges a vertex: it tends to Brownian motion.

    >>> round(path(10).resistance(0, 10), 12)
    1.0
    """
    _counted("edges", edges, 1)
    i = np.arange(edges)
    mass = np.full(edges + 1, length / edges)
    return ResistanceNetwork(np.stack([i, i + 1], axis=1), np.full(edges, edges / length), measure=mass)


def star(legs: int, resistance: float, tip_mass: float = 1e-3) -> ResistanceNetwork:
    """A root of measure 1 with `legs` tips, each behind the same resistance; all tips together have `tip_mass`.

    >>> star(3, 0.5).resistance(1, 2)
    1.0
    """
    _counted("legs", legs, 1)
    tips = np.arange(1, legs + 1)
    mass = np.concatenate([[1.0], np.full(legs, tip_mass / legs)])
    return ResistanceNetwork(np.stack([0 * tips, tips], axis=1), np.full(legs, 1 / resistance), measure=mass)


def gasket_places(level: int) -> tuple[Array, Array]:
    """Vertices of the level-n Sierpinski gasket graph as integers (i, j), 0 ≤ i + j ≤ 2^n, and its edges.

    Corners (0, 0), (2^n, 0) and (0, 2^n) come first; the place in the triangle is (i, j) / 2^n in skew coordinates.
    """
    _counted("level", level, 0)
    lower, right, up = np.zeros((1, 2), dtype=np.int64), np.array([1, 0]), np.array([0, 1])
    for step in range(level):
        lower = np.concatenate([lower, lower + right * 2**step, lower + up * 2**step])
    cells = np.stack([lower, lower + right, lower + up], axis=1)
    side = 2**level
    corners = np.array([[0, 0], [side, 0], [0, side]])
    # Corners first: their keys are the smallest of all.
    key = cells[..., 0] * (side + 1) + cells[..., 1] + 3
    for number, corner in enumerate(corners):
        key[(cells == corner).all(axis=-1)] = number
    _, first, number = np.unique(key.ravel(), return_index=True, return_inverse=True)
    triangles = number.reshape(-1, 3)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    return cells.reshape(-1, 2)[first], edges


def gasket(level: int, *, scaled: bool = False) -> ResistanceNetwork:
    """The level-n Sierpinski gasket graph, (3^{n+1} + 3)/2 vertices, unit conductances; corners are vertices 0, 1, 2.

    scaled: resistances times (3/5)^n, and measure 3^{-n} a vertex, which tends to Brownian motion on it.
    Every point of a cell of side 2^{-j} is then within (3/5)^j of one corner of it, so N(ε) ≤ 3 ε^{-log 3 / log(5/3)}.

    >>> gasket(3).size, round(gasket(3).resistance(0, 1) / (2 / 3 * (5 / 3) ** 3), 12)
    (42, 1.0)
    """
    places, edges = gasket_places(level)
    if not scaled:
        return ResistanceNetwork(edges)
    mass = np.full(len(places), 3.0**-level)
    return ResistanceNetwork(edges, np.full(len(edges), (5 / 3) ** level), measure=mass)


def critical_tree(vertices: int, rng: Random) -> ResistanceNetwork:
    """A critical Galton-Watson tree of geometric offspring (1/2) given its size, a uniform plane tree; root 0.

    Its depth-first walk is a simple random walk bridge, turned so as to stay positive (the cycle lemma).

    >>> critical_tree(50, Random(0, backend="numpy")).size
    50
    """
    _counted("vertices", vertices, 2)
    order = np.asarray(rng.permutation("walk", 2 * vertices - 1))
    steps = np.where(order < vertices, 1, -1)
    # Sum 1: exactly one turn has all partial sums positive, the one after the last minimum.
    heights = np.cumsum(steps)
    turn = int(np.flatnonzero(heights == heights.min())[-1]) + 1
    parents: list[int] = [-1]
    line, edges = [0], []
    for step in np.roll(steps, -turn)[1:]:
        if step > 0:
            edges.append((line[-1], len(parents)))
            line.append(len(parents))
            parents.append(line[-2])
        else:
            line.pop()
    return ResistanceNetwork(edges)


def uniform_spanning_tree(network: ResistanceNetwork, rng: Random) -> ResistanceNetwork:
    """A spanning tree drawn with weight the product of its conductances, by Wilson's loop-erased walks; same root.

    >>> tree = uniform_spanning_tree(gasket(2), Random(0, backend="numpy"))
    >>> tree.size, len(tree.edges)
    (15, 14)
    """
    draw = rng.generator("walks")
    rows, bounds, targets = network.adjacency.data, network.adjacency.indptr, network.adjacency.indices
    sums = np.concatenate([[0.0], np.cumsum(rows)])
    inside = np.zeros(network.size, dtype=bool)
    inside[network.root] = True
    after = np.full(network.size, -1)
    for start in range(network.size):
        x = start
        while not inside[x]:
            level = draw.uniform(sums[bounds[x]], sums[bounds[x + 1]])
            step = int(np.clip(np.searchsorted(sums, level, side="right") - 1, bounds[x], bounds[x + 1] - 1))
            after[x] = targets[step]
            x = int(after[x])
        x = start
        # Only the last exit from each vertex is left: loops are erased.
        while not inside[x]:
            inside[x] = True
            x = int(after[x])
    live = np.flatnonzero(after >= 0)
    conductances = np.asarray(network.adjacency[live, after[live]]).ravel()
    ends = np.stack([live, after[live]], axis=1)
    return ResistanceNetwork(ends, conductances, measure=network.measure, root=network.root)


def _counted(name: str, value: Any, least: int) -> None:
    if value != int(value) or value < least:
        raise ValueError(f"{name} = {value} is no count; use {least}, {least + 1}, ...")
