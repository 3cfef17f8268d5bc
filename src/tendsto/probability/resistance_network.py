"""Resistance networks: effective resistances, Green functions and exact functionals of local times."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

__all__ = ["ResistanceNetwork", "Resistances"]

Array = NDArray[Any]

_COLUMNS = 32  # right-hand sides that are solved at a time


class Resistances(NamedTuple):
    """Effective resistances, one a pair, and the largest residual ``max |L v - (δ_x - δ_y)|`` of their solves."""

    values: Array
    residual: float


@dataclass(frozen=True, eq=False)
class ResistanceNetwork:
    """A finite connected graph with conductances, a measure and a root.

    edges: (m, 2) integers, vertices being 0, ..., V-1; parallel edges add up. conductances: (m,) positive, default 1.
    measure: (V,) positive, default 1. root: a vertex.

    With ``E(f) = ½ Σ c(x,y) (f(x) - f(y))²`` over ordered pairs, the resistance metric is
    ``R(x,y) = 1 / min{E(f): f(x) = 1, f(y) = 0}``. The walk waits at x an exponential time of rate
    ``Σ_y c(x,y) / μ(x)`` and then goes to y with probability proportional to c(x,y). Its local time
    ``L_t(x) = μ(x)^{-1} ∫_0^t 1{X_s = x} ds`` is an occupation time divided by the measure, so that local times at
    hitting times do not depend on μ.

    Source: the setting of Noda (2023), arXiv:2305.13224; formulas are standard.

    Raises ValueError for a graph that is not connected, a loop, a conductance or measure that is not positive.

    >>> square = ResistanceNetwork([(0, 1), (1, 2), (2, 3), (3, 0)])
    >>> round(square.resistance(0, 1), 12), round(square.resistance(0, 2), 12)
    (0.75, 1.0)
    """

    edges: Array
    conductances: Array
    measure: Array
    root: int

    def __init__(
        self,
        edges: ArrayLike | Iterable[Sequence[int]],
        conductances: ArrayLike | None = None,
        *,
        measure: ArrayLike | None = None,
        root: int = 0,
    ):
        ends = np.asarray(edges if isinstance(edges, np.ndarray) else list(edges))  # type: ignore[arg-type]
        if ends.ndim != 2 or ends.shape[0] < 1 or ends.shape[1] != 2 or ends.dtype.kind not in "iu" or ends.min() < 0:
            raise ValueError(
                f"edges of shape {ends.shape}, {ends.dtype}: give pairs of vertices 0, 1, ..., at least one"
            )
        count = int(ends.max()) + 1
        weights = np.ones(len(ends)) if conductances is None else np.asarray(conductances, dtype=np.float64)
        mass = np.ones(count) if measure is None else np.asarray(measure, dtype=np.float64)
        for name, values, size in (("conductances", weights, len(ends)), ("measure", mass, count)):
            if values.shape != (size,) or not (np.isfinite(values) & (values > 0)).all():
                raise ValueError(f"{name} {values.shape} must be {size} positive finite numbers")
        loops = np.flatnonzero(ends[:, 0] == ends[:, 1])
        if loops.size:
            raise ValueError(
                f"edge {int(loops[0])} is a loop at {int(ends[loops[0], 0])}; a walk does not see it: leave it out"
            )
        if not 0 <= root < count:
            raise ValueError(f"root {root} is no vertex; use 0, ..., {count - 1}")
        for name, value in (("edges", ends.astype(np.int64)), ("conductances", weights), ("measure", mass)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "root", int(root))
        parts, part = connected_components(self.adjacency, directed=False)
        if parts > 1:
            away = int(np.flatnonzero(part != part[self.root])[0])
            raise ValueError(
                f"the graph is not connected ({parts} parts): vertex {away} is out of reach of the root {root}"
            )

    @classmethod
    def from_networkx(cls, graph: Any, *, weight: str | None = None, root: Any = None) -> ResistanceNetwork:
        """A networkx graph, its vertices numbered in the graph's order; weight: the edge attribute that conducts.

        >>> import networkx
        >>> round(ResistanceNetwork.from_networkx(networkx.complete_graph(4)).resistance(0, 1), 12)
        0.5
        """
        number = {vertex: i for i, vertex in enumerate(graph)}
        # Each edge comes as its ends, a key where there may be parallel ones, and its attributes.
        listed = [
            (number[e[0]], number[e[1]], 1.0 if weight is None else e[-1][weight]) for e in graph.edges(data=True)
        ]
        alone = [vertex for vertex in graph if not graph.degree[vertex]]
        if alone:
            raise ValueError(f"the graph is not connected: vertex {alone[0]!r} has no edge")
        start = 0 if root is None else number[root]
        return cls([(a, b) for a, b, _ in listed], [c for _, _, c in listed], root=start)

    @property
    def size(self) -> int:
        """The number of vertices."""
        return len(self.measure)

    @functools.cached_property
    def adjacency(self) -> sparse.csr_array:
        """The symmetric matrix of conductances, (V, V)."""
        a, b = self.edges.T
        both = np.concatenate([self.conductances] * 2), (np.concatenate([a, b]), np.concatenate([b, a]))
        return sparse.coo_array(both, shape=(self.size, self.size)).tocsr()

    @functools.cached_property
    def laplacian(self) -> sparse.csc_array:
        """``(Lf)(x) = Σ_y c(x,y) (f(x) - f(y))``, (V, V)."""
        return (sparse.diags_array(self.adjacency.sum(axis=1)) - self.adjacency).tocsc()

    def resistance(self, x: int, y: int) -> float:
        """``R(x, y)``; ValueError for what is no vertex."""
        return float(self.resistances([(x, y)]).values[0])

    def resistances(self, pairs: ArrayLike) -> Resistances:
        """``R(x, y)`` of many pairs, (p, 2): one sparse factorisation, of the Laplacian without the root, for all.

        >>> ResistanceNetwork([(0, 1), (1, 2)], [1.0, 0.5]).resistances([(0, 1), (0, 2)]).values.round(12)
        array([1., 3.])
        """
        ends = self._vertices(pairs).reshape(-1, 2)
        values, residual = np.empty(len(ends)), 0.0
        for start in range(0, len(ends), _COLUMNS):
            piece = ends[start : start + _COLUMNS]
            column = np.arange(len(piece))
            current = np.zeros((self.size, len(piece)))
            np.add.at(current, (piece[:, 0], column), 1.0)
            np.add.at(current, (piece[:, 1], column), -1.0)
            voltage = np.zeros_like(current)
            voltage[self._live(self.root)] = self._grounded.solve(current[self._live(self.root)])
            drop = voltage[piece[:, 0], column] - voltage[piece[:, 1], column]
            across = voltage[self.edges[:, 0]] - voltage[self.edges[:, 1]]
            # R = 2 (v_x - v_y) - E(v) + E(error of v): what a solve is off by counts to second order only.
            values[start : start + _COLUMNS] = 2 * drop - self.conductances @ across**2
            residual = max(residual, float(np.abs(self.laplacian @ voltage - current).max()))
        return Resistances(values, residual)

    def green(self, killed: int | Sequence[int], columns: ArrayLike | None = None) -> Array:
        """``g_B(x, y) = E_x[L_{τ_B}(y)]``, the inverse of the Laplacian off B, (V, columns); rows in B are 0.

        killed: B, one vertex or several. columns: the vertices y, default all.

        >>> ResistanceNetwork([(0, 1), (1, 2)]).green(0).round(12)
        array([[0., 0., 0.],
               [0., 1., 1.],
               [0., 1., 2.]])
        """
        asked = np.arange(self.size) if columns is None else np.atleast_1d(self._vertices(columns))
        live = self._live(killed)
        right = np.zeros((self.size, len(asked)))
        right[asked, np.arange(len(asked))] = 1.0
        found = np.zeros_like(right)
        found[live] = _factor(self.laplacian[live][:, live]).solve(right[live])
        return found

    def resistance_to(self, x: int, killed: int | Sequence[int]) -> float:
        """``R(x, B) = g_B(x, x)``, between a vertex and a set that is tied together."""
        return float(self.green(killed, [x])[x, 0])

    def laplace_functional(self, weights: ArrayLike, killed: int | Sequence[int]) -> Array:
        """``h(x) = E_x[exp(-Σ_y θ(y) L_{τ_B}(y))]`` at every vertex, exactly: ``(L + diag θ) h = 0`` off B, h = 1 on B.

        weights: θ, (V,) non-negative; for a function f against the measure, ``f(y) μ(y)``.

        Raises:
            ValueError: a weight is negative, as the expectation may then be infinite.

        >>> ResistanceNetwork([(0, 1)]).laplace_functional([0.0, 3.0], killed=0).round(12)
        array([1.  , 0.25])
        """
        theta = np.asarray(weights, dtype=np.float64)
        if theta.shape != (self.size,) or not (theta >= 0).all():
            raise ValueError(f"weights {theta.shape} must be {self.size} numbers, none below 0")
        live = self._live(killed)
        fixed = np.setdiff1d(np.arange(self.size), live)
        matrix = (self.laplacian + sparse.diags_array(theta)).tocsc()[live]
        h = np.ones(self.size)
        h[live] = _factor(matrix[:, live]).solve(-np.asarray(matrix[:, fixed].sum(axis=1)).ravel())
        return h

    def local_time_moment(self, x: int, y: int, order: int, killed: int | Sequence[int]) -> float:
        """Kac's moments ``E_x[L_{τ_B}(y)^k] = k! g(x,y) g(y,y)^{k-1}``; ValueError for an order below 1.

        >>> round(ResistanceNetwork([(0, 1), (1, 2)]).local_time_moment(1, 2, 2, killed=0), 9)
        4.0
        """
        import math

        if order != int(order) or order < 1:
            raise ValueError(f"order {order} is no moment; use 1, 2, ...")
        column = self.green(killed, [y])[:, 0]
        return math.factorial(int(order)) * float(column[x]) * float(column[y]) ** (int(order) - 1)

    def resistance_matrix(self) -> Array:
        """All resistances, (V, V), by a dense inverse: for some thousand vertices at most."""
        g = self.green(self.root)
        return np.diag(g)[:, None] + np.diag(g)[None] - g - g.T

    @functools.cached_property
    def _grounded(self) -> SuperLU:
        live = self._live(self.root)
        return _factor(self.laplacian[live][:, live])

    def _live(self, killed: int | Sequence[int]) -> Array:
        dead = np.unique(np.atleast_1d(self._vertices(killed)))
        if not 0 < len(dead) < self.size:
            raise ValueError(f"{len(dead)} of {self.size} vertices are killed; some, and not all, are needed")
        return np.setdiff1d(np.arange(self.size), dead)

    def _vertices(self, given: Any) -> Array:
        found = np.asarray(given)
        if found.dtype.kind not in "iu" or (found.size and (found.min() < 0 or found.max() >= self.size)):
            raise ValueError(f"{given!r} are not all vertices; use 0, ..., {self.size - 1}")
        return found


def _factor(matrix: Any) -> SuperLU:
    # Symmetric and diagonally dominant: minimum degree ordering, and no pivoting.
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
