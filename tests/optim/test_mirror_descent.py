"""Mirror descent against its literal transcription, through a set, a regulariser, and neither."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import mirror_descent as reference

from tendsto.core.iterate import iterate
from tendsto.optim import MirrorDescent
from tendsto.optim.mirror_descent import SCHEDULES
from tendsto.problems import Lasso, Logistic, WorstLastIterate

STEPS = 20


def measured(method: MirrorDescent, problem: Lasso | Logistic | WorstLastIterate) -> np.ndarray:
    return iterate(method, problem, steps=STEPS, record=STEPS + 1)[problem.criterion_name][0]


def literal(
    problem: Lasso | Logistic | WorstLastIterate, prox: object, schedule: str, lr: float, cap: float
) -> list[float]:
    start = np.zeros(len(problem.solution()))
    sizes = reference.steps(schedule, lr, STEPS, cap)
    visited = reference.points(start, lambda x: problem.gradient(torch.from_numpy(x)).numpy(), prox, sizes)
    return [float(problem.criterion(torch.from_numpy(x))) for x in visited]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_equals_the_reference(schedule: str) -> None:
    lasso, logistic, worst = Lasso(), Logistic(), WorstLastIterate(horizon=STEPS)

    def threshold(v: np.ndarray, size: float) -> np.ndarray:
        return np.sign(v) * np.maximum(np.abs(v) - size * lasso.penalty, 0)

    def ball(v: np.ndarray, size: float) -> np.ndarray:
        return v / max(1.0, float(np.linalg.norm(v)))

    for problem, prox, through, lr in (
        (lasso, threshold, "prox", 0.3),
        (logistic, lambda v, size: v, None, 2.0),
        (worst, ball, "project", 3.0),
    ):
        method = MirrorDescent(lr=lr, schedule=schedule, horizon=STEPS, cap=0.2, through=through)
        np.testing.assert_allclose(
            measured(method, problem), literal(problem, prox, schedule, lr, 0.2), rtol=1e-10, atol=1e-13
        )


def test_after_the_horizon_the_point_stays() -> None:
    method = MirrorDescent(lr=1.0, schedule="constant", horizon=5)
    trace = iterate(method, Logistic(), steps=8, record=9)["f(x)"][0]
    assert trace[5] < trace[4]
    assert (trace[5:] == trace[5]).all()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="schedule = 'cosine' is unknown"):
        MirrorDescent(schedule="cosine")
    with pytest.raises(ValueError, match="horizon = 0"):
        MirrorDescent(horizon=0)
    with pytest.raises(ValueError, match="cap = -1"):
        MirrorDescent(cap=-1.0)
    with pytest.raises(ValueError, match="through = 'lmo'"):
        MirrorDescent(through="lmo")
    assert "needs prox" in (MirrorDescent(through="prox").declines(Logistic()) or "")
