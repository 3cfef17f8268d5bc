"""Paths of least squares with SCAD and MCP, against skglm: the same data, penalties and grid, in one run.

skglm visits working sets with Anderson-accelerated coordinate descent, compiled by numba; ours is accelerated proximal
gradient with strong rules. Both are stopped where no coefficient of the gradient mapping exceeds 1e-4 times the least
penalty that makes 0 stationary, and the values of the objective at the ends of the path tell whether they agree: the
problem is not convex, so they need not. skglm has to be installed: pip install skglm.

    OMP_NUM_THREADS=1 python benchmarks/sparse_paths.py
"""

from __future__ import annotations

import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from side_by_side import Row, ratios, report, take_turns
from skglm.datafits import Quadratic
from skglm.penalties import SCAD, MCPenalty
from skglm.solvers import AndersonCD

from tendsto.estimators import SparseRegressor
from tendsto.problems import FoldedConcave, FoldedConcaveRegression

TURNS, POINTS, LEAST = 3, 30, 0.05


def data(features: int) -> tuple[np.ndarray, np.ndarray]:
    problem = FoldedConcaveRegression(features=features, correlation=0.5)
    X, y = problem.design.numpy(), problem.response.numpy()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return np.asfortranarray(X), y - y.mean()


def objective(X: np.ndarray, y: np.ndarray, b: np.ndarray, kind: Any, lam: float) -> float:
    import torch

    penalty = FoldedConcave(kind, lam)
    return float(((y - X @ b) ** 2).mean() / 2 + float(penalty.value(torch.from_numpy(np.ascontiguousarray(b))).sum()))


def race(kind: Any, features: int) -> tuple[list[Row], str]:
    X, y = data(features)
    largest = float(np.abs(X.T @ y).max()) / len(y)
    lams = largest * np.geomspace(1, LEAST, POINTS)
    shape = FoldedConcave(kind).a
    penalty = SCAD(1.0, shape) if kind == "scad" else MCPenalty(1.0, shape)
    solver = AndersonCD(tol=1e-4 * largest, fit_intercept=False, warm_start=True)
    settings: dict[str, Any] = {"n_lambdas": POINTS, "least": LEAST, "tol": 1e-4 * largest}
    ends: dict[str, np.ndarray] = {}

    def theirs() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ends["skglm"] = solver.path(X, y, Quadratic(), penalty, alphas=lams)[1].T

    def ours() -> None:
        estimator = SparseRegressor(kind, fit_intercept=False, standardize=False, **settings)
        ends["ours"] = estimator.fit(X, y).coef_path_

    took = take_turns({"ours": ours, "skglm": theirs}, TURNS, clock=time.process_time)
    values = {
        name: np.array([objective(X, y, b, kind, lam) for b, lam in zip(path, lams, strict=True)])
        for name, path in ends.items()
    }
    share = values["ours"] / values["skglm"]
    case = f"{kind}, {features} features"
    rows = [
        Row(f"{case}: skglm over ours", ratios(took["skglm"], took["ours"]), at_least=1),
        Row(f"{case}: our objective over skglm's, largest on the path", [float(share.max())], at_most=1.001),
    ]
    return rows, f"{case}: objectives differ by {share.min() - 1:.0e} to {share.max() - 1:.0e} of theirs."


def main() -> None:
    notes = [f"skglm {version('skglm')}, float64, one thread, seconds of the processor; {POINTS} penalties a path."]
    rows: list[Row] = []
    for features in (1000, 5000):
        for kind in ("scad", "mcp"):
            more, note = race(kind, features)
            rows += more
            notes.append(note)
    report("sparse-paths", "Paths of folded concave penalties", " ".join(notes), rows)


if __name__ == "__main__":
    main()
