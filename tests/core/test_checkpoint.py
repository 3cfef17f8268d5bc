"""A batch that was stopped goes on from where it was, to the bit."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_cell import Descent, Halving, network, smooth

import tendsto as tt
from tendsto.core.cell import Cell, run_cells
from tendsto.core.checkpoint import Saved, pack, unpack
from tendsto.core.race import race
from tendsto.core.tree import leaves
from tendsto.store import Store


class Killed(BaseException):
    """Stands for a kill: nothing is caught, nothing tidied up."""


class StopAt:
    """Progress that ends the run with `error` once so many iterations were done; a screen for a race, too."""

    def __init__(self, iterations: float, error: type[BaseException] = Killed):
        self.left, self.error, self.planned, self.kept = iterations, error, 0, 0

    def plan(self, cells: int, kept: int, iterations: int) -> None:
        self.planned, self.kept = iterations, kept

    def __call__(self, iterations: int) -> None:
        self.left -= iterations
        if self.left <= 0:
            raise self.error

    advance = __call__


@dataclass(frozen=True)
class World(Halving):
    """A problem with a state of its own."""

    stateful = True


@dataclass(frozen=True)
class Opaque(Descent):
    """A method whose state holds what cannot be saved."""

    lanes = None

    def init(self, oracle: tt.Oracle, rng: tt.Random) -> dict:
        return {"x": oracle.init(), "file": object()}

    def step(self, state: dict, oracle: tt.Oracle, rng: tt.Random) -> tuple[dict, dict]:
        return {**super().step(state, oracle, rng)[0], "file": state["file"]}, {}


def cells_of(problem: tt.Problem, method: type, lrs: tuple[float, ...], seeds: int, **settings: Any) -> list[Cell]:
    settings = {"steps": 150, "record": 20} | settings
    return [Cell(problem, method(lr=lr), seed, **settings) for lr in lrs for seed in range(seeds)]


def assert_same(a: tt.Trace, b: tt.Trace) -> None:
    """Equal to the bit, but for what depends on time."""
    assert a.ends == b.ends
    assert list(a.values) == list(b.values)
    assert a.meta == b.meta
    for name in [*a.values, "calls"]:
        assert a[name].tobytes() == b[name].tobytes(), name
    assert (np.diff(b["seconds"][0][np.isfinite(b["seconds"][0])]) > 0).all()


BATCHES = {
    "alone": cells_of(smooth, tt.optim.SGDRule, (0.1,), 1),
    "alone, a network": cells_of(network, tt.optim.Muon.rule, (0.01,), 1, steps=30),
    "vmap": cells_of(network, tt.optim.AdamRule, (0.003, 0.1), 2),
    "vmap, one diverges": cells_of(smooth, tt.optim.SGDRule, (0.1, 1e5, 0.2), 2),
    "vmap, at a target": cells_of(smooth, tt.optim.SGDRule, (0.01, 0.3), 3, target=0.002),
    "leading": cells_of(Halving(), Descent, (0.1, 0.2, 1e5), 2),
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("share", [0.25, 0.6, 1.0])
def test_a_batch_that_was_killed_goes_on_to_the_same_end(
    name: str, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, store = BATCHES[name], Store(tmp_path)
    keys = [cell.key() for cell in cells]
    whole = run_cells(cells)
    steps = itertools.count(1)
    monkeypatch.setattr(Saved, "due", lambda _: next(steps) % 5 == 0)
    stop = StopAt(share * cells[0].steps * len(cells))
    with pytest.raises(Killed):
        run_cells(cells, stop, Saved(store, keys))
    (saved,) = store.checkpoints()
    assert 0 < saved["step"] < cells[0].steps
    assert saved["step"] % 5 == 0
    told: list[int] = []
    again = run_cells(cells, told.append, Saved(Store(tmp_path), keys))
    assert sum(told) <= (cells[0].steps - saved["step"] + 20) * len(cells)
    for a, b in zip(whole, again, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("name", ["alone", "vmap", "leading"])
def test_an_interrupt_saves_at_once_and_otherwise_short_work_saves_nothing(name: str, tmp_path: Path) -> None:
    cells, store = BATCHES[name], Store(tmp_path)
    saved = Saved(store, [cell.key() for cell in cells])
    with pytest.raises(Killed):
        run_cells(cells, StopAt(100 * len(cells)), saved)
    assert store.checkpoints() == []
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, StopAt(100 * len(cells), KeyboardInterrupt), saved)
    assert store.checkpoints()[0]["step"] > 50
    for a, b in zip(run_cells(cells), run_cells(cells, None, saved), strict=True):
        assert_same(a, b)
    saved.drop()
    assert store.checkpoints() == []


def test_a_damaged_checkpoint_is_named_and_its_batch_starts_over(tmp_path: Path) -> None:
    cells = BATCHES["leading"]
    saved = Saved(Store(tmp_path), [cell.key() for cell in cells])
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, StopAt(100, KeyboardInterrupt), saved)
    saved.place.path.write_bytes(saved.place.path.read_bytes()[:-1])
    with pytest.warns(tt.store.DamagedRecordWarning, match="instead of"):
        again = run_cells(cells, None, saved)
    assert_same(run_cells(cells)[0], again[0])


@pytest.mark.parametrize(("problem", "method"), [(World(), Descent), (Halving(), Opaque)])
def test_what_cannot_be_saved_starts_over(problem: tt.Problem, method: type, tmp_path: Path) -> None:
    cells, store = cells_of(problem, method, (0.1,), 1), Store(tmp_path)
    saved = Saved(store, [cell.key() for cell in cells])
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, StopAt(100, KeyboardInterrupt), saved)
    assert store.checkpoints() == []
    assert_same(run_cells(cells)[0], run_cells(cells, None, saved)[0])


def test_an_interrupted_race_goes_on_with_every_cell(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 120, "seeds": 6, "tune": {"lr": [0.01, 0.1, 0.3]}}
    methods = {"sgd": tt.optim.SGDRule(), "adam": tt.optim.AdamRule()}
    whole = race(smooth, methods, **settings, store=tmp_path / "whole")
    for share in (0.3, 0.4):
        stop = StopAt(share * 36 * 120, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            race(smooth, methods, **settings, store=tmp_path / "broken", tell=stop)
    # The first batch was 60 % done and was taken up; the second was begun, and nothing was lost.
    rest = StopAt(np.inf)
    again = race(smooth, methods, **settings, store=tmp_path / "broken", tell=rest)
    assert rest.kept == 18
    assert 0.2 < rest.planned / (36 * 120) < 0.4
    for a, b in zip(whole.entries, again.entries, strict=True):
        assert_same(a.trace, b.trace)
    assert Store(tmp_path / "broken").checkpoints() == []
    assert Store(tmp_path / "whole").checkpoints() == []


def test_batches_do_not_depend_on_what_is_kept_nor_checkpoints_on_what_is_asked_later(tmp_path: Path) -> None:
    methods = {"adam": tt.optim.AdamRule()}
    with pytest.raises(KeyboardInterrupt):
        race(network, methods, steps=60, seeds=3, store=tmp_path, tell=StopAt(90, KeyboardInterrupt))
    told = StopAt(np.inf)
    more = race(network, methods, steps=60, seeds=5, store=tmp_path, tell=told)
    assert told.planned < 5 * 60 - 60
    three = race(network, methods, steps=60, seeds=3)
    name = three.entries[0].trace.criterion
    assert (more.entries[0].trace[name][:3] == three.entries[0].trace[name]).all()


def test_a_sweep_takes_stale_checkpoints_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, cells = Store(tmp_path), BATCHES["leading"]
    saved = Saved(store, [cell.key() for cell in cells])
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, StopAt(300, KeyboardInterrupt), saved)
    assert store.garbage() == []
    with store.claim(saved.key), monkeypatch.context() as patch:
        patch.setattr("tendsto.store.store.STALE", -1.0)
        assert Store(tmp_path).garbage() == [], "its batch is running"
    with monkeypatch.context() as patch:
        patch.setattr("tendsto.store.store.STALE", -1.0)
        assert store.garbage() == [saved.place.path]
    for key in saved.keys:
        store.put(tt.store.Record(key))
    assert store.garbage() == [saved.place.path]


def test_a_tree_comes_back_to_the_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    tree = {
        "z": wide,
        "permuted": wide.permute(2, 0, 1),
        "expanded": wide[0, 0, :1].expand(7),
        "a": [wide.to(torch.bfloat16), wide[:, ::2], torch.tensor(3), torch.zeros(0, 2), wide > 0],
        "numpy": (
            np.asfortranarray(wide.numpy()[0]),
            np.float32(0.1),
            np.int16([1, -1]),
            np.zeros((2, 0)),
            np.array(2j),
        ),
        "plain": {"none": None, "nan": float("nan"), "text": "é", "flag": True, "whole": 2**80},
    }
    data, arrays = pack(tree)
    record = tt.store.Record("ab" * 32, {"state": data}, arrays)
    again = unpack(record.meta["state"], record.arrays)
    assert list(again) == list(tree)
    assert [type(item) for item in again["numpy"]] == [type(item) for item in tree["numpy"]]
    assert str(again["plain"]) == str(tree["plain"])
    assert again["permuted"].stride() == tree["permuted"].stride()
    assert again["numpy"][0].flags.f_contiguous
    for a, b in zip(leaves(tree["a"])[0], again["a"], strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
    for a, b in zip(tree["numpy"], again["numpy"], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    for name in ("z", "permuted", "expanded"):
        assert torch.equal(tree[name], again[name])


@pytest.mark.parametrize("leaf", [object(), np.array(["a"]), torch.nn.Parameter(torch.zeros(1)), {1: 2}, lambda: None])
def test_what_is_no_data_is_refused(leaf: Any) -> None:
    with pytest.raises(TypeError, match="cannot be saved: use tensors, arrays and numbers"):
        pack({"x": [leaf]})
