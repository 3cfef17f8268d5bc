"""Minimising the difference of two submodular functions, relaxed by their Lovasz extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register, require
from tendsto.problems.data import breast_cancer
from tendsto.problems.once import once_property
from tendsto.problems.set_function import (
    Array,
    Combined,
    Coverage,
    Cut,
    Entropy,
    Mask,
    Modular,
    Order,
    SetFunction,
    descending,
    greedy,
)
from tendsto.problems.user import Held

KINDS = ("cut-coverage", "breast-cancer", "digits")
MOST = 14
"""Elements up to which all subsets are tried for the optimum."""


class SubmodularDifference(Problem):
    """min over S of H(S) = F(S) - G(S), F and G submodular; relaxed, min over [0,1]^n of h_L(x) = f_L(x) - g_L(x).

    A subclass gives `pair`, (F, G). The two minima agree, and the best of the sets {i : x_i >= t} has H(S) <= h_L(x).
    Points are float64 arrays (n,), the criterion is h_L, the metric "H(S)" that of the best such set. Every run starts
    at 0, the empty set. Oracles, each for F and for G: `gains_f(order)` and `gains_g(order)`, n values of the function
    along a chain; `marginals_f(mask)`, `marginals_g(mask)`, F(S + i) - F(S - i) for all i, up to 2n values; `project`.
    The optimum is known for up to 14 elements, by trying all subsets.
    """

    backend = "numpy"
    lanes = None
    oracles = ("gains_f", "gains_g", "marginals_f", "marginals_g")
    criterion_name = "h_L(x)"

    @property
    def pair(self) -> tuple[SetFunction, SetFunction]:
        raise NotImplementedError(f"{type(self).__name__} has no functions: define pair")

    def init(self, rng: Random) -> Array:
        return np.zeros(self.pair[0].size())

    def random_start(self) -> bool:
        return False

    def gains_f(self, order: Order, sample: Any = None) -> Array:
        return self.pair[0].gains(order)

    def gains_g(self, order: Order, sample: Any = None) -> Array:
        return self.pair[1].gains(order)

    def marginals_f(self, members: Mask, sample: Any = None) -> Array:
        return self.pair[0].marginals(members)

    def marginals_g(self, members: Mask, sample: Any = None) -> Array:
        return self.pair[1].marginals(members)

    def project(self, x: Array, sample: Any = None) -> Array:
        return np.clip(x, 0, 1)

    def value_of(self, members: Any) -> float:
        """Return H(S) of a mask (n,), or of a list of elements."""
        f, g = self.pair
        return f(members) - g(members)

    def criterion(self, x: Array) -> float:
        f, g = self.pair
        return float((greedy(f, x) - greedy(g, x)) @ x)

    def metrics(self, x: Array) -> dict[str, float]:
        order = descending(x)
        values = np.cumsum(self.pair[0].gains(order) - self.pair[1].gains(order))
        return {"H(S)": min(0.0, float(values.min()))}

    @once_property
    def every_value(self) -> Array:
        """H of all 2^n subsets; bit i of the position says whether i is in the set.

        Raises:
            ValueError: there are more than 14 elements.
        """
        n = self.pair[0].size()
        if n > MOST:
            raise ValueError(f"{n} elements have 2^{n} subsets: all are tried for {MOST} at most")
        return np.array([self.value_of((k >> np.arange(n)) % 2 == 1) for k in range(2**n)])

    def optimum(self) -> float | None:
        return float(self.every_value.min()) if self.pair[0].size() <= MOST else None

    def solution(self) -> Array | None:
        n = self.pair[0].size()
        return ((int(self.every_value.argmin()) >> np.arange(n)) % 2).astype(np.float64) if n <= MOST else None


@register("submodular-difference")
@dataclass(frozen=True)
class SelectionProblem(SubmodularDifference):
    """Differences of submodular functions on `elements` elements.

    kind            F(S)                                        G(S)
    cut-coverage    cut of a random graph, and costs            a random coverage, times `scale`
    breast-cancer   scale |S| + H(X_S given the label)          H(X_S): features that tell much of the label, few of
    digits          the same on handwritten digits              them, since F - G is scale |S| less their information

    Columns are cut into `levels` equal ranks ("breast-cancer") or ranges ("digits", 64 pixels less the constant ones);
    the instance `data_seed` draws `elements` of them, and 300 rows. Entropies are in nats.

    Raises:
        ValueError: an unknown kind, fewer than 2 elements, scale or levels out of range, more elements than columns.
        ImportError: scikit-learn, which ships the data, is not installed.

    Source: El Halabi, Orfanides, Hoheisel, Difference of Submodular Minimization via DC Programming (2023, arXiv
    2305.11046), section on experiments, with other data.

    >>> problem = SelectionProblem(elements=6)
    >>> problem.value_of([]), bool(problem.optimum() < 0)
    (0.0, True)
    """

    kind: str = "cut-coverage"
    elements: int = 10
    scale: float = 1.0
    levels: int = 3
    data_seed: int = 0

    small: ClassVar[Mapping[str, Any]] = {"elements": 6}

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind = {self.kind!r} is unknown: use {' or '.join(map(repr, KINDS))}")
        if self.elements < 2:
            raise ValueError(f"elements = {self.elements} leave nothing to choose: use a whole number of at least 2")
        if not 0 <= self.scale < np.inf or self.levels < 2:
            raise ValueError(f"scale = {self.scale} must be at least 0, and levels = {self.levels} at least 2")

    @once_property
    def pair(self) -> tuple[SetFunction, SetFunction]:  # type: ignore[reportIncompatibleMethodOverride]
        rng, n = Random(self.data_seed, backend="numpy").fork("submodular-difference"), self.elements
        if self.kind == "cut-coverage":
            upper = np.triu(rng.uniform("weights", (n, n)) * (rng.uniform("edges", (n, n)) < 0.5), 1)
            covers = rng.uniform("covers", (n, 2 * n)) < 0.3
            cut, costs = Cut((upper + upper.T) / 2), Modular(rng.uniform("costs", (n,)))
            return cut + costs, self.scale * Coverage(covers, rng.uniform("worth", (2 * n,)))
        columns, labels = self._table()
        if n > columns.shape[1]:
            raise ValueError(f"elements = {n} are more than the {columns.shape[1]} columns of {self.kind}")
        columns = columns[:, np.sort(rng.permutation("columns", columns.shape[1])[:n])]
        rows = rng.permutation("rows", len(columns))[:300]
        columns, labels = columns[rows], labels[rows]
        cost = Modular(np.full(n, self.scale))
        return Combined((cost, Entropy(columns, labels)), (1.0, 1.0)), Entropy(columns)

    def _table(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        if self.kind == "breast-cancer":
            features, labels = (t.numpy() for t in breast_cancer())
            ranks = features.argsort(axis=0).argsort(axis=0)
            return ranks * self.levels // len(ranks), (labels > 0).astype(np.int64)
        images, digits = require("sklearn.datasets", extra="data").load_digits(return_X_y=True)
        columns = np.minimum(images * self.levels // 17, self.levels - 1).astype(np.int64)
        return columns[:, columns.std(axis=0) > 0], digits.astype(np.int64)


@dataclass(frozen=True)
class GivenDifference(SubmodularDifference):
    """A person's own F and G; made by `GivenDifference.of(F, G)`."""

    functions: Held

    @classmethod
    def of(cls, f: SetFunction, g: SetFunction) -> GivenDifference:
        """Return the problem of F - G.

        Raises:
            ValueError: F and G have different numbers of elements.

        >>> GivenDifference.of(Modular(np.array([1.0])), Modular(np.array([3.0]))).optimum()
        -2.0
        """
        if f.size() != g.size():
            raise ValueError(f"F has {f.size()} elements and G has {g.size()}: give two functions of the same ones")
        return cls(Held.of((f, g), [f, g]))

    @property
    def pair(self) -> tuple[SetFunction, SetFunction]:
        return self.functions.get()
