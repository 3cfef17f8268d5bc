"""Submodular set functions, evaluated along chains of sets, and what the Lovasz extension needs of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tendsto.problems.once import once_property

Array = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class SetFunction:
    """F on the subsets of {0, ..., n - 1}, F of the empty set 0. A subclass gives `size` and `gains`.

    F is submodular where adding an element to a larger set gains less: F(A + i) - F(A) >= F(B + i) - F(B) for A in B.

    >>> f = Cut(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> f([0]), f([0, 1]), (2.0 * f)([0])
    (1.0, 0.0, 2.0)
    """

    def size(self) -> int:
        """Return n."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many elements it has: define size()")

    def gains(self, order: Order) -> Array:
        """Return F({o_1..o_k}) - F({o_1..o_(k-1)}) for k = 1..m along distinct elements `order` (m,), shape (m,)."""
        raise NotImplementedError(f"{type(self).__name__} has no gains: define gains(order)")

    def marginals(self, members: Mask) -> Array:
        """Return F(S + i) - F(S - i) for every i, shape (n,): what i adds, or what its removal takes away."""
        inside = np.flatnonzero(members)
        whole = float(self.gains(inside).sum())
        answer = np.empty(self.size())
        for i in range(self.size()):
            if members[i]:
                answer[i] = whole - float(self.gains(inside[inside != i]).sum())
            else:
                answer[i] = self.gains(np.append(inside, i))[-1]
        return answer

    def __call__(self, members: Any) -> float:
        """Return F(S), S given as a mask (n,) of bool, or as its elements."""
        return float(self.gains(elements(members, self.size())).sum())

    def __rmul__(self, factor: float) -> SetFunction:
        return Combined((self,), (float(factor),))

    def __add__(self, other: SetFunction) -> SetFunction:
        return Combined((self, other), (1.0, 1.0))


def elements(members: Any, n: int) -> Order:
    """Return the elements of a set given as a mask (n,) of bool or as its elements.

    Raises:
        ValueError: an element out of 0, ..., n - 1, or one that is given twice.
    """
    given = np.asarray(members)
    if given.dtype == bool and given.shape == (n,):
        return np.flatnonzero(given)
    listed = given.astype(np.int64).reshape(-1)
    if ((listed < 0) | (listed >= n)).any() or len(set(listed.tolist())) < len(listed):
        raise ValueError(f"{listed.tolist()} is no set of elements 0 to {n - 1}: give distinct ones, or a mask")
    return listed


def descending(x: Array, ties: Array | None = None) -> Order:
    """Return the order of decreasing x; what agrees to 1e-10 goes by decreasing `ties`, else by index."""
    rounded = -np.round(x, 10)
    return rounded.argsort(kind="stable") if ties is None else np.lexsort((-ties, rounded))


def greedy(f: SetFunction, x: Array, ties: Array | None = None) -> Array:
    """Return a subgradient of the Lovasz extension at x, (n,): the vertex s of the base polytope with most s . x.

    f_L(x) is s . x. Along decreasing x, each element has as its entry what it gains. Where entries of x are equal every
    order gives a subgradient; `ties` (n,) chooses one.

    Source: Edmonds (1970); Lovasz (1983); Bach, Learning with submodular functions (2013), section 3.

    >>> f = Cut(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> greedy(f, np.array([0.2, 0.7])).tolist()
    [-1.0, 1.0]
    """
    order = descending(x, ties)
    s = np.empty(len(x))
    s[order] = f.gains(order)
    return s


@dataclass(frozen=True)
class Modular(SetFunction):
    """F(S) = sum of `weights` (n,) over S."""

    weights: Array

    def size(self) -> int:
        return len(self.weights)

    def gains(self, order: Order) -> Array:
        return self.weights[order].astype(np.float64)

    def marginals(self, members: Mask) -> Array:
        return self.weights.astype(np.float64)


@dataclass(frozen=True)
class Cut(SetFunction):
    """F(S) = sum of `weights` (n, n), symmetric and not negative, over edges that leave S."""

    weights: Array

    def size(self) -> int:
        return len(self.weights)

    def gains(self, order: Order) -> Array:
        within = self.weights[np.ix_(order, order)]
        loops = self.weights[order, order]
        return self.weights[order].sum(axis=1) - loops - 2 * np.tril(within, -1).sum(axis=1)

    def marginals(self, members: Mask) -> Array:
        others = self.weights - np.diag(np.diag(self.weights))
        return others.sum(axis=1) - 2 * others[:, members].sum(axis=1)


@dataclass(frozen=True)
class Coverage(SetFunction):
    """F(S) = the total of `weights` (m,) over what some i in S covers, by `covers` (n, m) of bool."""

    covers: Mask
    weights: Array

    def size(self) -> int:
        return len(self.covers)

    def gains(self, order: Order) -> Array:
        rows = self.covers[order]
        if not len(order):
            return np.zeros(0)
        new = rows & (np.cumsum(rows, axis=0) == 1)
        return new @ self.weights

    def marginals(self, members: Mask) -> Array:
        alone = self.covers[members].sum(axis=0)[None, :] - (self.covers & members[:, None]) == 0
        return (self.covers & alone) @ self.weights


@dataclass(frozen=True)
class Entropy(SetFunction):
    """F(S) = H(X_S given `condition`) in nats, of the columns S of `columns` (N, n), whole numbers from 0 on.

    condition: labels (N,), or None for the entropy itself. Either is submodular.
    """

    columns: npt.NDArray[np.int64]
    condition: npt.NDArray[np.int64] | None = None

    def size(self) -> int:
        return self.columns.shape[1]

    def gains(self, order: Order) -> Array:
        labels, before = self._start()
        gained = np.zeros(len(order))
        for k, i in enumerate(order):
            labels, entropy, cells = self._refined(labels, int(i))
            gained[k], before = entropy - before, entropy
            if cells == len(labels):
                # Every row is alone in its cell: nothing can be gained any more.
                break
        return gained

    def marginals(self, members: Mask) -> Array:
        labels, whole = self._start()
        for i in np.flatnonzero(members):
            labels, whole, _ = self._refined(labels, int(i))
        answer = np.empty(self.size())
        for i in range(self.size()):
            if members[i]:
                rest = members.copy()
                rest[i] = False
                answer[i] = whole - self(rest) - self._start()[1]
            else:
                answer[i] = self._refined(labels, i)[1] - whole
        return answer

    def _start(self) -> tuple[Order, float]:
        if self.condition is None:
            return np.zeros(len(self.columns), np.int64), 0.0
        return self.condition, self._entropy(np.bincount(self.condition))

    def _refined(self, labels: Order, i: int) -> tuple[Order, float, int]:
        """Labels of the cells that column i cuts the cells of `labels` into, their entropy, and how many they are."""
        joint = labels * self._levels[i] + self.columns[:, i]
        counts = np.bincount(joint)
        numbers = np.cumsum(counts > 0)
        return numbers[joint] - 1, self._entropy(counts), int(numbers[-1])

    def _entropy(self, counts: Order) -> float:
        total = len(self.columns)
        return float(np.log(total) - self._products[counts].sum() / total)

    @once_property
    def _levels(self) -> Order:
        return self.columns.max(axis=0) + 1

    @once_property
    def _products(self) -> Array:
        """k log k for k = 0, 1, ..., N."""
        k = np.arange(len(self.columns) + 1, dtype=np.float64)
        return k * np.log(np.maximum(k, 1))


@dataclass(frozen=True)
class Combined(SetFunction):
    """F = sum_k factors_k F_k of functions on the same elements; submodular where the F_k are and factors >= 0."""

    parts: tuple[SetFunction, ...]
    factors: tuple[float, ...]

    def size(self) -> int:
        return self.parts[0].size()

    def gains(self, order: Order) -> Array:
        return sum((c * f.gains(order) for c, f in zip(self.factors, self.parts, strict=True)), np.zeros(len(order)))

    def marginals(self, members: Mask) -> Array:
        each = (c * f.marginals(members) for c, f in zip(self.factors, self.parts, strict=True))
        return sum(each, np.zeros(self.size()))


@dataclass(frozen=True)
class FromFunction(SetFunction):
    """A person's own F: `function` of a frozenset of elements, with n = `elements`; that of the empty set is taken off.

    >>> f = FromFunction(3, lambda chosen: min(len(chosen), 2))
    >>> f([0, 1, 2])
    2.0
    """

    elements: int
    function: Callable[[frozenset[int]], float]

    def size(self) -> int:
        return self.elements

    def gains(self, order: Order) -> Array:
        sets = [frozenset(int(i) for i in order[:k]) for k in range(len(order) + 1)]
        return np.diff([float(self.function(chosen)) for chosen in sets])
