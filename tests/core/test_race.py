import numpy as np
import pytest

import tendsto as tt
from tendsto.core.race import logspace, race

problem = tt.problems.Quadratic(dimension=10, smallest=0.1, largest=1.0, noise=0.01)
methods = {"sgd": tt.optim.SGDRule(), "adam": tt.optim.AdamRule()}


def small(**changes: object) -> tt.Race:
    settings = {"steps": 60, "seeds": 4, "tune": {"lr": [0.01, 0.1, 1.0, 100.0]}} | changes
    return race(problem, methods, **settings)  # type: ignore[arg-type]


def test_every_method_gets_the_same_grid_seeds_and_budget() -> None:
    result = small()
    assert result.names == ["sgd", "adam"]
    for name in result.names:
        assert [e.settings["lr"] for e in result.settings(name)] == [0.01, 0.1, 1.0, 100.0]
        assert all(e.trace.seeds == (0, 1, 2, 3) for e in result.settings(name))


def test_the_tuned_setting_is_the_best_and_a_diverged_one_never_is() -> None:
    result = small(steps=200)
    wild = result.settings("sgd")[-1]
    assert all(end.kind == "diverged" for end in wild.trace.ends)
    assert wild.loss() == np.inf
    assert result.tuned("sgd").loss() == min(e.loss() for e in result.settings("sgd"))


def test_a_run_equals_iterate() -> None:
    entry = small().settings("adam")[1]
    trace = tt.iterate(tt.optim.AdamRule(lr=0.1), problem, steps=60, seeds=4)
    np.testing.assert_allclose(entry.trace[trace.criterion], trace[trace.criterion], rtol=1e-9)


def test_hitting_times_are_censored_not_dropped() -> None:
    result = small(target=1e-12)
    assert np.isinf(result.hitting("sgd")).all()
    assert result.expected_running_time("sgd") == np.inf
    easy = small(target=1e-2)
    hits = easy.hitting("sgd")
    spent = np.where(np.isfinite(hits), hits, 60).sum()
    assert easy.expected_running_time("sgd") == spent / np.isfinite(hits).sum()


def test_speedup_is_symmetric_and_one_against_itself() -> None:
    result = small()
    forward, back = result.speedup("sgd", over="adam"), result.speedup("adam", over="sgd")
    assert forward.value == pytest.approx(1 / back.value)
    assert result.speedup("sgd", over="sgd").low <= 1 <= result.speedup("sgd", over="sgd").high * (1 + 1e-12)


def test_the_order_of_methods_does_not_matter(tmp_path) -> None:
    store = tt.store.Store(tmp_path)
    first = race(problem, methods, steps=30, seeds=2, store=store)
    told = Told()
    second = race(problem, dict(reversed(methods.items())), steps=30, seeds=2, store=store, tell=told)
    assert told.kept == 4
    for name in methods:
        a, b = first.tuned(name).trace, second.tuned(name).trace
        assert (a[a.criterion] == b[b.criterion]).all()


def test_a_stored_trace_is_the_trace(tmp_path) -> None:
    fresh, kept = small(store=tmp_path), small(store=tmp_path)
    for a, b in zip(fresh.entries, kept.entries, strict=True):
        assert a.trace.ends == b.trace.ends
        assert a.trace.optimum == b.trace.optimum
        for name in a.trace.values:
            np.testing.assert_array_equal(a.trace[name], b.trace[name])


def test_more_seeds_run_only_the_new_ones(tmp_path) -> None:
    small(store=tmp_path, seeds=2)
    told = Told()
    small(store=tmp_path, seeds=3, tell=told)
    assert (told.cells, told.kept, told.iterations) == (24, 16, 8 * 60)


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_give_the_same_numbers(processes: int, tmp_path) -> None:
    result = small(processes=processes, store=tmp_path)
    reference = small()
    for a, b in zip(result.entries, reference.entries, strict=True):
        np.testing.assert_allclose(a.trace.final(), b.trace.final(), rtol=1e-9)


def test_cells_that_ran_where_the_store_is_not_seen_are_an_error_and_not_run_forever(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tendsto.core.run.share", lambda *_: None)
    with pytest.raises(
        RuntimeError, match=r"^32 cells ran and .* does not hold them: every machine must see this folder$"
    ):
        small(store=tmp_path, processes=2)


def test_bad_input_gets_its_sentence() -> None:
    with pytest.raises(ValueError, match="the grid of 'lr' is empty"):
        small(tune={"lr": []})
    with pytest.raises(ValueError, match="nothing is called 'sgdd'; did you mean"):
        race(problem, ["sgdd"], steps=3)
    with pytest.raises(ValueError, match="is not a problem"):
        race("sgd", ["sgd"], steps=3)
    with pytest.raises(ValueError, match="was given twice"):
        race(problem, ["sgd", "sgd"], steps=3)
    with pytest.raises(ValueError, match="no method fits Hidden: sgd: it needs gradient"):
        race(Hidden(), ["sgd"], steps=3)
    with pytest.raises(ValueError, match=r"logspace\(0"):
        logspace(0.0, 1.0, 3)


class Hidden(tt.Problem):
    """Offers nothing."""


class Told:
    cells = kept = iterations = done = 0

    def plan(self, cells: int, kept: int, iterations: int) -> None:
        self.cells, self.kept, self.iterations = cells, kept, iterations

    def advance(self, iterations: int) -> None:
        self.done += iterations


def test_where_every_run_diverged_nothing_was_reached() -> None:
    result = tt.race("quadratic", ["sgd"], steps=400, seeds=2, tune={"lr": [50.0, 100.0]})
    assert result.target == float("inf")
    assert np.isinf(result.hitting("sgd")).all()
    assert result.expected_running_time("sgd") == float("inf")
    assert result.good_range("sgd") == []
    assert "0 of 2" in result.table()
