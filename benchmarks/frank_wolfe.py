"""Frank-Wolfe on logistic regression over the l1 ball, against copt: same data and start, to the same gap, in one run.

With open-loop steps both visit the same points, so as many steps reach the same gap. By backtracking each is given the
steps that it needs to a Frank-Wolfe gap of 1e-3, found beforehand. Ours is timed as a user runs it, through `iterate`,
with the first and the last point recorded, and once without it;
copt without a callback. It has to be installed: pip install copt.

    OMP_NUM_THREADS=1 python benchmarks/frank_wolfe.py
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import copt
import numpy as np
import torch
from side_by_side import Row, ratios, report, take_turns

import tendsto as tt

TURNS, STEPS, GAP = 5, 1000, 1e-3
PROBLEM = tt.problems.L1Logistic(radius=10.0)


def theirs(step: str, steps: int, gap: float = 0.0) -> Callable[[], Any]:
    # Their loss is of features and labels 0 or 1; rows times -1 or +1 with all labels 1 are the same loss.
    loss = copt.loss.LogLoss(PROBLEM.data.numpy(), np.ones(PROBLEM.data.shape[0]))
    ball = copt.constraint.L1Ball(PROBLEM.radius)

    def run() -> Any:
        # It prints its first estimate of L.
        with contextlib.redirect_stdout(io.StringIO()):
            return copt.minimize_frank_wolfe(
                loss.f_grad, np.zeros(loss.A.shape[1]), ball.lmo, jac=True, step=step, max_iter=steps, tol=gap
            )

    return run


def ours(rule: str, steps: int, record: int = 2) -> Callable[[], tt.Trace]:
    return lambda: tt.iterate(tt.optim.FrankWolfe(rule=rule), PROBLEM, steps=steps, record=record)


def alone(rule: str, steps: int) -> Callable[[], Any]:
    """The method without the loop around it, which draws, checks and clocks every step."""
    method = tt.optim.FrankWolfe(rule=rule)

    def run() -> Any:
        oracle = tt.Oracle(PROBLEM, tt.Random(0))
        with torch.no_grad():
            state = method.init(oracle, oracle.rng)
            for _ in range(steps):
                state, _ = method.step(state, oracle, oracle.rng)
        return state["x"]

    return run


def needed(rule: str) -> int:
    """How many of our steps first reach the gap."""
    trace = ours(rule, 5000, 5001)()
    return int(np.flatnonzero(trace["Frank-Wolfe gap"][0] <= GAP)[0])


def main() -> None:
    torch.set_num_threads(1)
    # The points after one step more than steps that they count: their certificate is that before the last step.
    same = theirs("sublinear", STEPS)().x
    gap = float(PROBLEM.metrics(torch.from_numpy(same))["Frank-Wolfe gap"])
    mine = float(ours("open-loop", STEPS)()["Frank-Wolfe gap"][0, -1])
    assert abs(gap - mine) <= 1e-9 * (1 + mine), f"after {STEPS} steps the gaps are {gap} and {mine}"

    their_steps = theirs("backtracking", 5000, GAP)().nit
    searched = {rule: needed(rule) for rule in ("backtracking", "halving")}
    runs: dict[str, Callable[[], object]] = {
        "ours, open loop": ours("open-loop", STEPS),
        "ours, open loop, alone": alone("open-loop", STEPS),
        "copt, open loop": theirs("sublinear", STEPS),
        "copt, backtracking": theirs("backtracking", 5000, GAP),
    }
    runs |= {f"ours, {rule}": ours(rule, steps) for rule, steps in searched.items()}
    took = take_turns(runs, TURNS)
    rows = [
        Row(
            f"copt over ours, {STEPS} open-loop steps to the same gap of {mine:.1e}",
            ratios(took["copt, open loop"], took["ours, open loop"]),
            at_least=1,
        ),
        Row(
            f"copt over our method alone, without `iterate`, {STEPS} open-loop steps",
            ratios(took["copt, open loop"], took["ours, open loop, alone"]),
            at_least=1,
        ),
    ]
    rows += [
        Row(
            f"copt's backtracking ({their_steps} steps) over our {rule} ({steps} steps) to a gap of {GAP:g}",
            ratios(took["copt, backtracking"], took[f"ours, {rule}"]),
            at_least=1,
        )
        for rule, steps in searched.items()
    ]
    notes = f"One thread, float64, 569 x 30, radius 10, torch {torch.__version__}, copt {version('copt')};"
    report("frank-wolfe", "Frank-Wolfe over the l1 ball", notes, rows)


if __name__ == "__main__":
    main()
