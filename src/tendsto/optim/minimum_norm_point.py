"""The minimum-norm point of a base polytope: submodular minimisation, and the proximal map of a Lovasz extension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tendsto.problems.set_function import Array, SetFunction, greedy


@dataclass(frozen=True)
class MinimumNormPoint:
    """What `minimum_norm_point` found.

    x: the point of B(F) - shift that is nearest to 0, (n,). gap: <x, x - q> for the worst vertex q, which bounds
    ||x - x*||^2. vertices: those of B(F) that it is a mean of, (k, n); weights: (k,). chains: how many vertices were
    asked of F, n values of it each.
    """

    x: Array
    gap: float
    vertices: Array
    weights: Array
    chains: int

    def minimiser(self) -> npt.NDArray[np.bool_]:
        """The least set that minimises F - shift, as a mask: where x < 0."""
        return self.x < -1e-9 * (1 + np.abs(self.x).max())


def minimum_norm_point(
    f: SetFunction,
    shift: Array | None = None,
    *,
    start: Array | None = None,
    tolerance: float = 1e-12,
    most: int = 10_000,
) -> MinimumNormPoint:
    """Return the point of least norm in B(F) - shift, B(F) = {s : s(S) <= F(S) for all S, s(V) = F(V)}.

    Where it is negative is the least minimiser of F(S) - shift(S); and shift + x is the projection of `shift` on B(F).

    shift: (n,), zeros where left out. start: vertices of B(F), (k, n), such as those of the point for another shift.
    tolerance: of the gap, times 1 + the largest squared norm of a vertex. most: after how many chains to give up.

    Raises:
        ArithmeticError: the gap is not that small after `most` chains, as happens where F is not submodular.

    Source: Wolfe, Finding the nearest point in a polytope (1976); Fujishige (1980).

    >>> from tendsto.problems.set_function import Cut, Modular
    >>> f = Cut(np.array([[0.0, 1.0], [1.0, 0.0]])) + Modular(np.array([-3.0, 0.5]))
    >>> found = minimum_norm_point(f)
    >>> found.minimiser().tolist(), found.x.tolist()
    ([True, True], [-2.0, -0.5])
    """
    y = np.zeros(f.size()) if shift is None else np.asarray(shift, np.float64)
    first, chains = start, 0
    if first is None or not len(first):
        first, chains = greedy(f, y)[None, :], 1
    held = _Held.of(first, y)
    if len(first) > 1:
        held.nearest()
    while True:
        x = held.weights @ held.points[: held.count]
        vertex = greedy(f, -x)
        chains += 1
        q = vertex - y
        gap, scale = float(x @ (x - q)), 1 + max(held.largest, float(q @ q))
        if gap <= tolerance * scale or (gap <= 1e-6 * scale and held.has(q, 1e-13 * scale**0.5)):
            # A vertex that is already there, or next to it, cannot help: what is left is rounding.
            return MinimumNormPoint(x, max(gap, 0.0), held.points[: held.count] + y, held.weights, chains)
        if chains >= most:
            raise ArithmeticError(f"a gap of {gap:g} is left after {chains} chains: is the function submodular?")
        held.add(q)
        held.nearest()


class _Held:
    """Points with their products, in memory that is asked for once, and their weights in the nearest point."""

    def __init__(self, size: int, n: int):
        self.points, self.gram = np.empty((size, n)), np.empty((size, size))
        self.weights, self.count, self.largest = np.zeros(0), 0, 0.0

    @classmethod
    def of(cls, vertices: Array, shift: Array) -> _Held:
        held = cls(len(vertices) + len(shift) + 2, len(shift))
        k = held.count = len(vertices)
        held.points[:k] = vertices - shift
        held.gram[:k, :k] = held.points[:k] @ held.points[:k].T
        held.weights, held.largest = np.full(k, 1 / k), float(held.gram.diagonal()[:k].max())
        return held

    def has(self, q: Array, near: float) -> bool:
        return bool((np.abs(self.points[: self.count] - q).max(axis=1) <= near).any())

    def add(self, q: Array) -> None:
        k = self.count
        if k == len(self.points):
            # Only rounding keeps more points than are affinely independent.
            grown = _Held(2 * k, len(q))
            grown.points[:k], grown.gram[:k, :k] = self.points, self.gram
            self.points, self.gram = grown.points, grown.gram
        self.points[k] = q
        self.gram[k, : k + 1] = self.gram[: k + 1, k] = self.points[: k + 1] @ q
        self.weights, self.count = np.append(self.weights, 0.0), k + 1
        self.largest = max(self.largest, float(self.gram[k, k]))

    def nearest(self) -> None:
        """Minor cycles: to the nearest point of the affine hull, less points until it is in their convex hull."""
        while True:
            target = _nearest(self.gram[: self.count, : self.count])
            if target.min() > 1e-12:
                self.weights = target
                return
            # As far as all weights stay positive; one becomes 0.
            falling = target <= 1e-12
            shares = self.weights[falling] / np.maximum(self.weights[falling] - target[falling], 1e-300)
            theta = min(1.0, float(shares.min()))
            weights = (1 - theta) * self.weights + theta * target
            stay = weights > 1e-12
            stay[np.flatnonzero(falling)[int(shares.argmin())]] = False
            k = int(stay.sum())
            self.points[:k] = self.points[: self.count][stay]
            self.gram[:k, :k] = self.gram[: self.count, : self.count][np.ix_(stay, stay)]
            self.weights, self.count = weights[stay] / weights[stay].sum(), k


def _nearest(gram: Array) -> Array:
    """The weights, sum 1, of the point of least norm in the affine hull."""
    # (G + t 1 1') u = 1 has the same direction for any t > 0, and is definite where the points are independent.
    t = float(gram.trace()) / len(gram) + 1e-300
    ones = np.ones(len(gram))
    try:
        u = np.linalg.solve(gram + t, ones)
    except np.linalg.LinAlgError:
        u = np.linalg.lstsq(gram + t, ones, rcond=None)[0]
    return u / u.sum()


@dataclass(frozen=True)
class LovaszProx:
    """What `lovasz_prox` found: the point x (n,), the duality gap, vertices to start the next one with, and chains."""

    x: Array
    gap: float
    value: float
    vertices: Array
    chains: int


def lovasz_prox(f: SetFunction, y: Array, rho: float, *, start: Array | None = None) -> LovaszProx:
    """Return argmin over [0,1]^n of f_L(x) + (rho/2) ||x||^2 - <y, x>, f_L the Lovasz extension of F.

    With s the projection of y on the base polytope, x = (y - s)/rho, cut to [0, 1]; for rho = 0 the least minimiser of
    F(S) - y(S), as 0 and 1. value: the minimum, which is -f*(y). gap: what weak duality leaves open of it.

    Source: Bach, Learning with submodular functions (2013), propositions 8.1 and 8.3 (the cut is recalled).

    >>> from tendsto.problems.set_function import Modular
    >>> lovasz_prox(Modular(np.array([-0.3, 2.0])), np.zeros(2), 1.0).x.tolist()
    [0.3, 0.0]
    """
    nearest = minimum_norm_point(f, y, start=start)
    if rho > 0:
        x = np.clip(-nearest.x / rho, 0, 1)
    else:
        x = nearest.minimiser().astype(np.float64)
    value = float(greedy(f, x) @ x + rho / 2 * (x @ x) - y @ x)
    best = np.clip(-nearest.x / rho, 0, 1) if rho > 0 else (nearest.x < 0).astype(np.float64)
    lower = float(nearest.x @ best + rho / 2 * (best @ best))
    return LovaszProx(x, max(value - lower, 0.0), value, nearest.vertices, nearest.chains + 1)
