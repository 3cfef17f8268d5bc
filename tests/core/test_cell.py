from dataclasses import dataclass

import numpy as np
import pytest
import torch

import tendsto as tt
from tendsto.core.cell import Cell, recorded, run_cells

smooth = tt.problems.Quadratic(dimension=20, smallest=0.1, largest=1.0, noise=0.1)
network = tt.problems.DigitsMLP(hidden=8, batch=16, precision="float64")


@dataclass(frozen=True)
class Halving(tt.Problem):
    """A NumPy problem with a leading axis of runs."""

    backend = "numpy"
    lanes = "leading"

    def init(self, rng: tt.Random) -> np.ndarray:
        return 1 + rng.uniform("x", (3,))

    def criterion(self, x: np.ndarray) -> np.ndarray:
        return (x * x).sum(axis=-1)

    def gradient(self, x: np.ndarray, sample: object = None) -> np.ndarray:
        return 2 * x


@dataclass(frozen=True)
class Descent(tt.Method):
    lr: float = 0.1
    lanes = "leading"

    def step(self, state: dict, oracle: tt.Oracle, rng: tt.Random) -> tuple[dict, dict]:
        lr = np.asarray(self.lr)[..., None]
        kick = 0.01 * rng.normal("kick", (3,))
        return {"x": state["x"] - lr * oracle.gradient(state["x"]) + kick}, {}


def alone(cells: list[Cell]) -> list[tt.Trace]:
    return [trace for cell in cells for trace in run_cells([cell])]


@pytest.mark.parametrize(
    ("problem", "method"),
    [(smooth, tt.optim.SGDRule), (network, tt.optim.AdamRule), (Halving(), Descent)],
    ids=["vmap tensor", "vmap dict", "leading"],
)
@pytest.mark.parametrize("traced_from", [1, 1000], ids=["traced", "vmapped"])
def test_a_lane_equals_the_run_alone(
    problem: tt.Problem, method: type[tt.Method], traced_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tendsto.engines.lanes.TRACED_FROM", traced_from)
    cells = [Cell(problem, method(lr=lr), seed, steps=100) for lr in (0.003, 0.01, 0.1) for seed in range(3)]
    for lane, single in zip(run_cells(cells), alone(cells), strict=True):
        for name in single.values:
            np.testing.assert_allclose(lane[name], single[name], rtol=1e-9, atol=0, err_msg=name)
        assert lane.ends == single.ends
        assert lane.meta["calls"] == single.meta["calls"]


@pytest.mark.parametrize("problem", [smooth, Halving()], ids=["vmap", "leading"])
def test_a_diverged_lane_is_marked_at_its_step_and_leaves_its_neighbours_alone(problem: tt.Problem) -> None:
    method = tt.optim.SGDRule if problem is smooth else Descent
    cells = [Cell(problem, method(lr=lr), 0, steps=400) for lr in (0.1, 1e3, 0.2)]
    healthy = run_cells([cells[0], cells[2]])
    left, wild, right = run_cells(cells)
    for lane, same in ((left, healthy[0]), (right, healthy[1])):
        for name in same.values:
            np.testing.assert_allclose(lane[name], same[name], rtol=1e-12)
    assert wild.ends[0].kind == "diverged"
    at = wild.ends[0].at
    assert at is not None
    assert 20 < at < 200
    assert np.isnan(wild[wild.criterion][0, wild.index >= at]).all()
    assert np.isfinite(wild[wild.criterion][0, wild.index < at]).all()
    assert run_cells([cells[1]])[0].ends == wild.ends


def test_a_target_ends_a_run_where_it_is_reached() -> None:
    problem = tt.problems.Quadratic(dimension=5)
    trace = tt.iterate(tt.optim.SGDRule(lr=1.0), problem, steps=1000, seeds=3, target=1e-3)
    for run, end in enumerate(trace.ends):
        assert end.kind == "target"
        curve = trace[trace.criterion][run]
        assert curve[trace.index == end.at][0] <= 1e-3 < curve[trace.index < end.at].min()
        assert np.isnan(curve[trace.index > end.at]).all()
    assert (trace.hitting(1e-3) == [end.at for end in trace.ends]).all()


def test_calls_are_counted() -> None:
    trace = tt.iterate(tt.optim.SGDRule(lr=0.1), smooth, steps=30, seeds=2)
    assert trace["calls"][:, -1].tolist() == [30, 30]
    assert trace.meta["calls"] == {"gradient": 30}


def test_a_run_does_not_depend_on_its_budget_or_on_global_generators() -> None:
    torch.manual_seed(1)
    short = tt.iterate(tt.optim.SGDRule(lr=0.1), smooth, steps=20, record=1000)
    torch.manual_seed(2)
    long = tt.iterate(tt.optim.SGDRule(lr=0.1), smooth, steps=40, record=1000)
    assert (short[short.criterion][0] == long[long.criterion][0, :21]).all()


def test_methods_share_the_initial_point_and_the_samples_of_a_seed() -> None:
    first = tt.iterate(tt.optim.SGDRule(lr=0.0), network, steps=3, seeds=[5])
    second = tt.iterate(tt.optim.AdamRule(lr=0.0), network, steps=3, seeds=[5])
    assert (first["info.value"][0, 1:] == second["info.value"][0, 1:]).all()


@pytest.mark.parametrize("steps", [1, 5, 99, 100, 101, 12345])
def test_recorded_has_both_ends_and_no_double(steps: int) -> None:
    index = recorded(steps, 100)
    assert index[0] == 0
    assert index[-1] == steps
    assert (np.diff(index) > 0).all()
    assert len(index) <= 102


def test_bad_input_gets_its_sentence() -> None:
    with pytest.raises(ValueError, match="steps = 0 is no budget"):
        Cell(smooth, tt.optim.SGDRule(), 0, steps=0)
    with pytest.raises(ValueError, match="record = 1 keeps no curve"):
        Cell(smooth, tt.optim.SGDRule(), 0, steps=5, record=1)
    with pytest.raises(tt.Declined, match="Descent declines Hidden: it needs gradient"):
        Cell(Hidden(), Descent(), 0, steps=5)
    with pytest.raises(ValueError, match="names no runs"):
        tt.iterate(tt.optim.SGDRule(), smooth, steps=5, seeds=[1, 1])
    with pytest.raises(ValueError, match="different groups"):
        run_cells([Cell(smooth, tt.optim.SGDRule(), 0, steps=5), Cell(smooth, tt.optim.SGDRule(), 0, steps=6)])


class Hidden(tt.Problem):
    """Offers nothing."""
