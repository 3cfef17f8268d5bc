"""Exact connectivity thresholds of a point set: at which radius does its geometric graph become k-connected?

``G(X, r)`` joins every two points of X at distance at most r (closed). Two numbers are computed here:

- ``largest_link(X, k)``, U: the largest distance from a point to its k-th nearest neighbour, i.e. the smallest r at
  which every degree is at least k;
- ``connectivity_threshold(X, k)``, T: the smallest r at which G(X, r) is k-connected, i.e. stays connected when any
  k - 1 points fail. For k = 1 it is the longest edge of the Euclidean minimum spanning tree. Always T >= U.

Each distance is computed by one function, so that T = U can be asked with ``==``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

__all__ = ["connectivity_threshold", "largest_link"]

Array = NDArray[np.float64]

# So many nearest neighbours leave a handful of components of a uniform sample to be joined one by one.
_NEIGHBOURS = 8
# A tree compares squared distances: a search radius needs this slack to be sure to include its own distance.
_SLACK = 1 + 1e-9


def largest_link(points: ArrayLike, k: int = 1, *, period: float | None = None) -> float:
    """Largest k-th-nearest-neighbour link ``U = max_i |x_i - x_i^(k)|`` of a point set.

    ``points`` has shape (n, d), n > k; a duplicate is a neighbour at distance 0. With ``period`` the points lie in
    ``[0, period)^d`` and distances are those of the torus. Raises ValueError for a wrong shape, a coordinate that is
    not finite, or one outside the period. Source: Penrose and Yang (2025), definition of U_{n,k} (abstract).

    >>> largest_link([[0, 0], [1, 0], [3, 0]])
    2.0
    """
    return _largest_link(_tree(points, k, period), k, period)


def connectivity_threshold(points: ArrayLike, k: int = 1, *, period: float | None = None) -> float:
    """Smallest r at which the geometric graph ``G(points, r)`` is k-connected.

    ``points`` has shape (n, d), n > k; arguments and errors as for ``largest_link``. k = 1 takes O(n log n); k > 1
    looks for cuts of at most k - 1 vertices, near each vertex first, and holds all edges of the graph in memory.
    Source: Penrose and Yang (2025), definition of T_{n,k} (abstract).

    >>> connectivity_threshold([[0, 0], [1, 0], [3, 0], [4, 0]])
    2.0
    >>> connectivity_threshold([[0, 0], [1, 0], [3, 0], [4, 0]], k=2)
    3.0
    """
    tree = _tree(points, k, period)
    threshold = max(_spanning_threshold(tree, period), _largest_link(tree, k, period))
    if k == 1:
        return threshold
    everyone = set(range(tree.n))
    while True:
        # A graph is k-connected if no k - 1 vertices cut it. Each cut found shows that r must reach the threshold of
        # the points that it leaves, which is above r: the loop climbs strictly, and stops at T exactly.
        raised = threshold
        for cut in _cuts(_adjacency(tree, threshold, period), everyone, k):
            remaining = np.delete(tree.data, list(cut), axis=0)
            raised = max(raised, _spanning_threshold(_tree(remaining, 1, period), period))
        if raised == threshold:
            return threshold
        threshold = raised


def _tree(points: ArrayLike, k: int, period: float | None) -> KDTree:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"points of shape {array.shape} are not a point set; shape (n, d) is needed")
    if k < 1:
        raise ValueError(f"k = {k} is not a connectivity; k = 1, 2, ... is needed")
    if len(array) <= k:
        raise ValueError(f"{len(array)} points cannot be {k}-connected; at least {k + 1} are needed")
    if not np.isfinite(array).all():
        raise ValueError(f"point {array[~np.isfinite(array).all(axis=1)][0]} is not finite")
    if period is not None and not (np.isfinite(period) and period > 0):
        raise ValueError(f"period {period} is not a length; a positive finite number is needed")
    if period is not None and not ((array >= 0) & (array < period)).all():
        outside = array[~((array >= 0) & (array < period)).all(axis=1)][0]
        raise ValueError(f"point {outside} is outside the periodic box; coordinates in [0, {period}) are needed")
    # Splitting at midpoints builds in half the time of medians, and a uniform sample gives the same queries.
    return KDTree(array, boxsize=cast("Any", period), balanced_tree=False, compact_nodes=False)


def _lengths(a: Array, b: Array, period: float | None) -> Array:
    difference = np.abs(a - b)
    if period is not None:
        difference = np.minimum(difference, period - difference)
    return np.sqrt((difference**2).sum(axis=-1))


def _nearest(tree: KDTree, points: Array, count: int) -> tuple[Array, NDArray[np.intp]]:
    """Distances and indices, both (len(points), count), of the nearest points in the tree, nearest first."""
    distances, indices = tree.query(points, k=count)
    return np.reshape(distances, (len(points), count)), np.reshape(indices, (len(points), count))


def _largest_link(tree: KDTree, k: int, period: float | None) -> float:
    # The nearest of all is the point itself or a duplicate, at distance 0 either way.
    distances, neighbours = _nearest(tree, tree.data, k + 1)
    worst = int(distances[:, k].argmax())
    return float(_lengths(tree.data[worst], tree.data[neighbours[worst, k]], period))


def _spanning_threshold(tree: KDTree, period: float | None) -> float:
    """Longest edge of the minimum spanning tree."""
    n, points = tree.n, tree.data
    neighbours = _nearest(tree, points, min(n, _NEIGHBOURS + 1))[1][:, 1:]
    source = np.repeat(np.arange(n), neighbours.shape[1])
    target = neighbours.ravel()
    lengths = _lengths(points[source], points[target], period)
    longest = float(lengths.reshape(n, -1)[:, 0].max())
    # Edges no longer than U <= T are in G(X, T) and may be contracted at once.
    short = lengths <= longest
    graph = coo_array((np.ones(short.sum()), (source[short], target[short])), shape=(n, n))
    count, labels = connected_components(graph, directed=False)
    while count > 1:
        # Borůvka: the shortest edge out of each component belongs to the tree. The largest one can wait its turn.
        joins = []
        for component in np.argsort(np.bincount(labels), kind="stable")[:-1]:
            inside, outside = np.flatnonzero(labels == component), np.flatnonzero(labels != component)
            others = KDTree(points[outside], boxsize=tree.boxsize, balanced_tree=False, compact_nodes=False)
            distances, nearest = _nearest(others, points[inside], 1)
            best = int(distances.argmin())
            join = inside[best], outside[nearest[best, 0]]
            joins.append((labels[join[0]], labels[join[1]]))
            longest = max(longest, float(_lengths(points[join[0]], points[join[1]], period)))
        a, b = np.array(joins).T
        merged, names = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
        count, labels = merged, names[labels]
    return longest


def _adjacency(tree: KDTree, r: float, period: float | None) -> list[set[int]]:
    pairs = tree.query_pairs(r * _SLACK, output_type="ndarray")
    pairs = pairs[_lengths(tree.data[pairs[:, 0]], tree.data[pairs[:, 1]], period) <= r]
    neighbours: list[set[int]] = [set() for _ in range(tree.n)]
    for a, b in pairs.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    return neighbours


def _cuts(neighbours: list[set[int]], vertices: set[int], k: int) -> Iterator[set[int]]:
    """Sets of fewer than k vertices that disconnect the graph induced on ``vertices``; none if it is k-connected.

    Not every cut is found, but one at least if there is any. A vertex is cleared locally: if some set W around it
    that contains its neighbours, and not itself, induces a (k-1)-connected graph, then the vertex sees one side only
    of any cut that it would be part of, and the cut does without it. W grows until it clears the vertex or is
    everything else, and then the failure itself is a cut.
    """
    if not _connected(neighbours, vertices):
        yield set()
        return
    if k == 1:
        return
    for vertex in vertices:
        around, hops = neighbours[vertex] & vertices, 1
        while (cut := next(_cuts(neighbours, around, k - 1), None)) is not None:
            if len(around) == len(vertices) - 1:
                yield cut | {vertex}
                break
            for _ in range(hops):
                around = around.union(*(neighbours[other] for other in around)) & vertices
            around.discard(vertex)
            hops *= 2


def _connected(neighbours: list[set[int]], vertices: set[int]) -> bool:
    unseen = set(vertices)
    frontier = {unseen.pop()} if unseen else set()
    while frontier:
        frontier = set().union(*(neighbours[vertex] for vertex in frontier)) & unseen
        unseen -= frontier
    return not unseen
