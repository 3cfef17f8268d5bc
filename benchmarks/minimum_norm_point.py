"""The minimum-norm point against general solvers on cut functions: same data, same answer, in one run.

No Python package was found with a minimum-norm-point solver or DCA for set functions: apricot-select and submodlib-py,
which offer submodular functions, maximise them. So the peers are the solvers that a person would turn to instead: the
proximal map of a cut function has sum_ij w_ij |x_i - x_j| for cvxpy, and its minimisation with costs is a minimum cut
for networkx. Both know that it is a cut, which ours does not: it asks for values alone.

    OMP_NUM_THREADS=1 python benchmarks/minimum_norm_point.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import cvxpy as cp
import networkx as nx
import numpy as np
from side_by_side import Row, ratios, report, take_turns

from tendsto.optim import lovasz_prox, minimum_norm_point
from tendsto.problems import Cut, Modular

TURNS, CALLS, SIZES, RHO = 9, 5, (20, 60), 1.0


def instance(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of a random graph of mean degree 6, and costs of both signs."""
    rng = np.random.default_rng(n)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 6 / n), 1)
    return upper + upper.T, rng.normal(size=n)


def our_prox(weights: np.ndarray, costs: np.ndarray) -> Callable[[], np.ndarray]:
    f, y = Cut(weights) + Modular(costs), np.zeros(len(costs))
    return lambda: lovasz_prox(f, y, RHO).x


def their_prox(weights: np.ndarray, costs: np.ndarray) -> Callable[[], np.ndarray]:
    def run() -> np.ndarray:
        x = cp.Variable(len(costs))
        i, j = np.nonzero(np.triu(weights))
        goal = weights[i, j] @ cp.abs(x[i] - x[j]) + costs @ x + RHO / 2 * cp.sum_squares(x)
        cp.Problem(cp.Minimize(goal), [x >= 0, x <= 1]).solve(solver="CLARABEL")
        return np.asarray(x.value)

    return run


def our_minimum(weights: np.ndarray, costs: np.ndarray) -> Callable[[], np.ndarray]:
    f = Cut(weights) + Modular(costs)
    return lambda: minimum_norm_point(f).minimiser()


def their_minimum(weights: np.ndarray, costs: np.ndarray) -> Callable[[], np.ndarray]:
    def run() -> np.ndarray:
        graph: Any = nx.DiGraph()
        for i, j in zip(*np.nonzero(weights), strict=True):
            graph.add_edge(int(i), int(j), capacity=float(weights[i, j]))
        for i, cost in enumerate(costs):
            # Being in S costs `cost`: the source's side is S.
            graph.add_edge("source", i, capacity=max(-float(cost), 0.0))
            graph.add_edge(i, "sink", capacity=max(float(cost), 0.0))
        inside = nx.minimum_cut(graph, "source", "sink")[1][0]
        return np.array([i in inside for i in range(len(costs))])

    return run


def main() -> None:
    rows: list[Row] = []
    for n in SIZES:
        weights, costs = instance(n)
        f = Cut(weights) + Modular(costs)
        runs = {
            "prox, ours": our_prox(weights, costs),
            "prox, cvxpy": their_prox(weights, costs),
            "minimum, ours": our_minimum(weights, costs),
            "minimum, networkx": their_minimum(weights, costs),
        }
        apart = float(np.abs(runs["prox, ours"]() - runs["prox, cvxpy"]()).max())
        assert apart < 1e-4, f"the proximal points differ by {apart}"
        values = f(runs["minimum, ours"]()), f(runs["minimum, networkx"]())
        assert abs(values[0] - values[1]) < 1e-9, f"the minima are {values}"
        took = take_turns(runs, TURNS, CALLS, time.process_time)
        rows += [
            Row(f"cvxpy over ours, prox of a cut, n = {n}", ratios(took["prox, cvxpy"], took["prox, ours"]), 1),
            Row(
                f"networkx over ours, minimum of a cut with costs, n = {n}",
                ratios(took["minimum, networkx"], took["minimum, ours"]),
                1,
            ),
        ]
    versions = f"cvxpy {version('cvxpy')}, networkx {version('networkx')}"
    notes = f"Seconds of the processor, one thread, float64, mean degree 6, {versions};"
    report("minimum-norm-point", "The minimum-norm point on cut functions", notes, rows)


if __name__ == "__main__":
    main()
