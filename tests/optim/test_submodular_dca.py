"""DCA and its baselines against tables of all subsets, and what is certain of their answers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from reference import minimize_ds as literal
from reference import minimum_norm_point as projection
from reference import modular_bounds, submodular_dca
from reference.set_function import all_subsets, coverage, cut, entropy, extension
from reference.submodular_difference import best, relaxed

from tendsto.core.iterate import iterate
from tendsto.core.method import Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.optim import (
    ModMod,
    SubmodularDCA,
    SupSub,
    comparable_gap,
    lovasz_prox,
    minimize_ds,
    minimum_norm_point,
    neighbour_gap,
    subsup,
)
from tendsto.optim.minimize_ds import METHODS
from tendsto.optim.submodular_dca import VARIANTS
from tendsto.problems import Coverage, Cut, Entropy, FromFunction, GivenDifference, Modular, SelectionProblem, greedy
from tendsto.problems.set_function import SetFunction

N, STEPS = 5, 6


def random_pair(seed: int, n: int = N) -> tuple[SetFunction, SetFunction]:
    return SelectionProblem(elements=n, scale=0.7, data_seed=seed).pair


def table(f: SetFunction) -> dict[frozenset[int], float]:
    return {s: f(sorted(s)) for s in all_subsets(f.size())}


def functions(seed: int) -> list[tuple[SetFunction, Any]]:
    """Set functions with their definitions."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((N, N)), 1)
    weights = weights + weights.T
    covers, worth = rng.random((N, 8)) < 0.4, rng.random(8)
    columns, labels = rng.integers(0, 3, (20, N)), rng.integers(0, 2, 20)
    costs = rng.normal(size=N)
    return [
        (Cut(weights), lambda s: cut(weights, s)),
        (Coverage(covers, worth), lambda s: coverage(covers, worth, s)),
        (Entropy(columns), lambda s: entropy(columns, s)),
        (Entropy(columns, labels), lambda s: entropy(columns, s, labels)),
        (Modular(costs), lambda s: sum(costs[i] for i in s)),
        (2.0 * Cut(weights) + Modular(costs), lambda s: 2 * cut(weights, s) + sum(costs[i] for i in s)),
        (FromFunction(N, lambda s: min(len(s), 2)), lambda s: min(len(s), 2)),
    ]


@pytest.mark.parametrize("k", range(7))
def test_set_functions_are_what_they_say(k: int) -> None:
    f, by_definition = functions(0)[k]
    values = table(f)
    rng = np.random.default_rng(k)
    for s in all_subsets(N):
        assert values[s] == pytest.approx(by_definition(s), abs=1e-12)
        mask = np.array([i in s for i in range(N)])
        expected = [values[s | {i}] - values[s - {i}] for i in range(N)]
        np.testing.assert_allclose(f.marginals(mask), expected, atol=1e-12)
    for a, b in itertools.product(all_subsets(N), repeat=2):
        assert values[a] + values[b] >= values[a | b] + values[a & b] - 1e-12
    for x in rng.random((5, N)).round(1):
        assert float(greedy(f, x) @ x) == pytest.approx(extension(values, x), abs=1e-12)


@pytest.mark.parametrize("k", range(6))
def test_the_minimum_norm_point_is_the_projection(k: int) -> None:
    f, _ = functions(1)[k]
    values, rng = table(f), np.random.default_rng(k)
    start = None
    for _ in range(6):
        y = rng.normal(size=N)
        found = minimum_norm_point(f, y, start=start)
        np.testing.assert_allclose(found.x + y, projection.project(values, y), atol=1e-9)
        np.testing.assert_allclose(found.weights @ found.vertices, found.x + y, atol=1e-12)
        least = min(values[s] - y[sorted(s)].sum() for s in values)
        assert f(found.minimiser()) - y[found.minimiser()].sum() == pytest.approx(least, abs=1e-10)
        for rho in (0.0, 0.3):
            answer = lovasz_prox(f, y, rho, start=start)
            np.testing.assert_allclose(answer.x, projection.prox(values, y, rho), atol=1e-8)
            assert answer.gap < 1e-9
        # A better start changes the work, not the answer.
        start = found.vertices


def test_the_prox_agrees_with_cvxpy() -> None:
    cp: Any = pytest.importorskip("cvxpy")
    f, _ = random_pair(3)
    y, x = np.array([0.3, -0.2, 0.9, 0.1, 0.5]), cp.Variable(N)
    vertices = np.array([greedy(f, -np.argsort(order).astype(float)) for order in itertools.permutations(range(N))])
    goal = cp.max(vertices @ x) + 0.2 * cp.sum_squares(x) - y @ x
    cp.Problem(cp.Minimize(goal), [x >= 0, x <= 1]).solve(solver="CLARABEL")
    np.testing.assert_allclose(lovasz_prox(f, y, 0.4).x, x.value, atol=1e-5)


def test_what_is_not_submodular_is_refused() -> None:
    f = FromFunction(4, lambda s: float(len(s) == 2))
    with pytest.raises(ArithmeticError, match="is the function submodular"):
        minimum_norm_point(f, np.array([0.3, -0.2, 0.1, 0.0]), tolerance=-1.0, most=3)


def points(method: Method, f: SetFunction, g: SetFunction) -> tuple[np.ndarray, list[np.ndarray]]:
    """The points visited, and the random ties that the steps drew."""
    problem, rng = GivenDifference.of(f, g), Random(0, 0, backend="numpy")
    state = method.init(Oracle(problem, rng.fork("oracle")), rng.fork("method"))
    visited, ties = [state["x"]], []
    for step in range(1, STEPS + 1):
        rng = Random(0, step, backend="numpy")
        ties.append(rng.fork("method").uniform("ties", (f.size(),)))
        state, _ = method.step(state, Oracle(problem, rng.fork("oracle")), rng.fork("method"))
        visited.append(state["x"])
    return np.array(visited), ties


@pytest.mark.parametrize("variant", VARIANTS)
def test_dca_equals_the_reference(variant: str) -> None:
    for seed in range(6):
        f, g = random_pair(seed)
        visited, ties = points(SubmodularDCA(rho=0.5, variant=variant), f, g)
        expected = submodular_dca.dca(table(f), table(g), N, 0.5, variant, ties)
        np.testing.assert_allclose(visited, expected, atol=1e-7, err_msg=f"{variant} {seed}")


def test_the_baselines_equal_the_reference() -> None:
    for seed in range(6):
        f, g = random_pair(seed)
        for name, method in (("supsub", SupSub()), ("modmod", ModMod())):
            visited, ties = points(method, f, g)
            sets = modular_bounds.run(table(f), table(g), N, name, ties)
            assert [frozenset(np.flatnonzero(x > 0.5).tolist()) for x in visited] == sets, name
        visited, ties = points(subsup(), f, g)
        np.testing.assert_array_equal(visited, submodular_dca.dca(table(f), table(g), N, 0.0, "dcar", ties))


def test_the_problem_is_what_it_says() -> None:
    for problem in (SelectionProblem(elements=6, scale=0.7), SelectionProblem("digits", 6, 0.05)):
        f, g = (table(h) for h in problem.pair)
        value, chosen = best(f, g)
        assert problem.optimum() == pytest.approx(value, abs=1e-12)
        assert problem.value_of(chosen) == pytest.approx(value, abs=1e-12)
        for x in np.random.default_rng(0).random((10, 6)):
            assert problem.criterion(x) == pytest.approx(relaxed(f, g, x), abs=1e-10)
            assert value - 1e-12 <= problem.metrics(x)["H(S)"] <= problem.criterion(x) + 1e-12


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_never_rises_and_ends_locally_minimal(variant: str) -> None:
    for seed in range(8):
        f, g = random_pair(seed, 8)
        found = minimize_ds(f, g, method=variant)
        assert found.done
        assert np.diff(found.values).max() <= 1e-9
        assert found.neighbour_gap <= 1e-9
        assert found.value == pytest.approx(f(found.members) - g(found.members))


@pytest.mark.parametrize("method", METHODS)
def test_what_it_says_of_its_answer_is_in_the_table_of_all_subsets(method: str) -> None:
    for seed in range(3):
        f, g = random_pair(seed, 6)
        values = {s: f(sorted(s)) - g(sorted(s)) for s in all_subsets(6)}
        found = minimize_ds(f, g, method=method)
        members = frozenset(np.flatnonzero(found.members).tolist())
        assert found.value == pytest.approx(values[members], abs=1e-12)
        assert found.value >= literal.least(values, 6) - 1e-12
        assert found.neighbour_gap == pytest.approx(literal.local_gap(values, members, 6), abs=1e-9)


def test_each_step_falls_by_what_it_moves() -> None:
    problem = SelectionProblem("breast-cancer", 6, 0.02)
    runs = iterate(SubmodularDCA(rho=0.5, escape=False, tolerance=0.0), problem, steps=20, record=21)
    fall = -np.diff(runs["h_L(x)"][0])
    assert (fall >= 0.5 * runs["info.movement"][0, 1:] - 1e-10).all()
    assert fall.max() > 1e-3


def test_gaps_are_what_they_say() -> None:
    f, g = random_pair(1, 6)
    values = {s: table(f)[s] - table(g)[s] for s in all_subsets(6)}
    for s in list(values)[::7]:
        mask = np.array([i in s for i in range(6)])
        near = min(values[s ^ {i}] for i in range(6))
        related = min(v for t, v in values.items() if t <= s or t >= s)
        assert neighbour_gap(f, g, mask) == pytest.approx(values[s] - near)
        assert comparable_gap(f, g, mask) == pytest.approx(values[s] - related)


def test_a_pair_that_modular_bounds_cannot_leave() -> None:
    f, g = FromFunction(6, lambda s: float(len(s) > 0)), Modular(np.full(6, 0.5))
    assert minimize_ds(f, g, method="modmod").value == 0
    assert minimize_ds(f, g, method="cdca").value == pytest.approx(-2.0)


def test_wrong_input_is_refused() -> None:
    one = Modular(np.ones(2))
    for make, words in [
        (lambda: SubmodularDCA(variant="dc"), "variant = 'dc' is unknown"),
        (lambda: SubmodularDCA(rho=-1.0), "rho = -1"),
        (lambda: minimize_ds(one, one, method="greedy"), "method = 'greedy' is unknown"),
        (lambda: minimize_ds(one, one, max_iter=0), "max_iter = 0"),
        (lambda: minimize_ds(one, Modular(np.ones(3))), "F has 2 elements and G has 3"),
        (lambda: one([2]), r"\[2\] is no set of elements 0 to 1"),
        (lambda: one([1, 1]), r"\[1, 1\] is no set"),
        (lambda: SelectionProblem("cut"), "kind = 'cut' is unknown"),
        (lambda: SelectionProblem(elements=1), "elements = 1"),
        (lambda: SelectionProblem(levels=1), "levels = 1"),
        (lambda: SelectionProblem("breast-cancer", 40).pair, "more than the 30 columns"),
        (lambda: SelectionProblem(elements=20).every_value, "20 elements have"),
        (lambda: comparable_gap(Modular(np.ones(20)), one, np.zeros(20, bool)), "20 are not in it"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
