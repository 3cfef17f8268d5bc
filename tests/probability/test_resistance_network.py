"""Resistances and functionals against Kirchhoff's theorem, the walk's first steps, networkx and closed forms."""

from __future__ import annotations

import doctest
import math
from collections import Counter
from fractions import Fraction

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import network_models as models_reference
from reference import resistance_network as reference
from reference import star_mesh as exact_reference

from tendsto.core.random import Random
from tendsto.probability import network_models, resistance_network, star_mesh
from tendsto.probability.network_models import critical_tree, gasket, gasket_places, path, star, uniform_spanning_tree
from tendsto.probability.resistance_network import ResistanceNetwork
from tendsto.probability.star_mesh import exact_resistance, exact_trace


@pytest.mark.parametrize("module", [resistance_network, star_mesh, network_models])
def test_examples_run(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@st.composite
def networks(draw):
    """A random tree with some more edges, conductances that are exact in binary."""
    size = draw(st.integers(2, 6))
    edges = [(draw(st.integers(0, i - 1)), i) for i in range(1, size)]
    extra = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=5))
    edges += [(a, b) for a, b in extra if a != b]
    return edges, [draw(st.integers(1, 16)) / 4 for _ in edges], size


@settings(max_examples=40)
@given(networks())
def test_resistances_count_forests(drawn):
    edges, conductances, size = drawn
    network = ResistanceNetwork(edges, conductances)
    matrix = network.resistance_matrix()
    for x in range(size):
        for y in range(x):
            exact = exact_reference.resistance(edges, conductances, size, x, y)
            assert exact_resistance(network, x, y) == exact
            assert network.resistance(x, y) == pytest.approx(float(exact), rel=1e-12)
            assert matrix[x, y] == pytest.approx(float(exact), rel=1e-11)


@settings(max_examples=20)
@given(networks(), st.lists(st.floats(0, 3), min_size=6, max_size=6))
def test_laplace_functional_follows_the_first_steps(drawn, theta):
    edges, conductances, size = drawn
    network, weights = ResistanceNetwork(edges, conductances), theta[:size]
    expected = reference.laplace_functional(edges, conductances, size, weights, [0])
    assert network.laplace_functional(weights, 0) == pytest.approx(expected, abs=1e-10)


def test_networkx_agrees():
    graph = networkx.gnp_random_graph(30, 0.2, seed=1)
    graph = graph.subgraph(max(networkx.connected_components(graph), key=len)).copy()
    rng = np.random.default_rng(0)
    for a, b in graph.edges:
        graph.edges[a, b]["conductance"] = rng.uniform(0.5, 2)
    network = ResistanceNetwork.from_networkx(graph, weight="conductance", root=max(graph))
    vertices = list(graph)
    expected = networkx.resistance_distance(graph, weight="conductance", invert_weight=False)
    found = network.resistance_matrix()
    for i in (0, 5, network.root):
        assert found[i] == pytest.approx([expected[vertices[i]][v] for v in vertices], rel=1e-9, abs=1e-12)


def test_foster_theorem_and_the_residual():
    network = gasket(4)
    found = network.resistances(network.edges)
    # Foster: Σ over edges of c R is V - 1.
    assert found.values @ network.conductances == pytest.approx(network.size - 1, rel=1e-12)
    assert found.residual < 1e-11
    assert network.resistances([(3, 3)]).values == pytest.approx([0.0], abs=1e-14)


def test_green_function_is_its_formula_in_resistances():
    network, killed = gasket(2), [1, 2]
    g = network.green(killed)
    for x in (0, 5, 9):
        for y in (0, 3, 9):
            # R_B(x,y): the resistance once B is tied together.
            tied = network.laplacian.toarray()
            live = [v for v in range(network.size) if v not in killed]
            tied = tied[np.ix_(live, live)]
            current = np.zeros(len(live))
            current[live.index(x)] += 1
            current[live.index(y)] -= 1
            r = float(current @ np.linalg.solve(tied, current))
            rx, ry = network.resistance_to(x, killed), network.resistance_to(y, killed)
            assert g[x, y] == pytest.approx((rx + ry - r) / 2, abs=1e-12)
    assert network.green(killed, [5]) == pytest.approx(g[:, [5]], abs=1e-14)


def test_kac_moments_are_derivatives_of_the_functional():
    network, killed, y, x = gasket(2), 1, 7, 3
    step = 1e-4
    weights = np.zeros(network.size)
    values = []
    for i in (0, 1, 2):
        weights[y] = i * step
        values.append(network.laplace_functional(weights, killed)[x])
    first = network.local_time_moment(x, y, 1, killed)
    second = network.local_time_moment(x, y, 2, killed)
    assert (values[0] - values[1]) / step == pytest.approx(first, rel=1e-3)
    assert (values[0] - 2 * values[1] + values[2]) / step**2 == pytest.approx(second, rel=1e-2)


@pytest.mark.parametrize("level", range(5))
def test_corner_resistance_of_the_gasket_is_exact(level):
    network = gasket(level)
    assert network.size == (3 ** (level + 1) + 3) // 2
    assert exact_resistance(network, 0, 1) == Fraction(2, 3) * Fraction(5, 3) ** level
    trace = exact_trace(network, [0, 1, 2])
    # Seen from its corners the gasket is a triangle of conductances (3/5)^n.
    assert set(trace.values()) == {Fraction(3, 5) ** level}


@pytest.mark.parametrize("level", [5, 6, 7])
def test_corner_resistance_of_the_gasket_in_floats(level):
    assert gasket(level).resistance(1, 2) == pytest.approx(2 / 3 * (5 / 3) ** level, rel=1e-12)
    assert gasket(level, scaled=True).resistance(0, 2) == pytest.approx(2 / 3, rel=1e-12)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_gasket_is_that_of_subdivided_triangles(level):
    places, edges = gasket_places(level)
    side = 2**level
    at = [(Fraction(int(i), side), Fraction(int(j), side)) for i, j in places]
    assert {frozenset((at[a], at[b])) for a, b in edges} == models_reference.gasket(level)
    assert len(edges) == 3 ** (level + 1)
    assert at[:3] == [(0, 0), (1, 0), (0, 1)]


def test_critical_trees_are_uniform_plane_trees():
    drawn = Counter(
        tuple(int(a) for a, _ in critical_tree(4, Random(seed, backend="numpy")).edges) for seed in range(1000)
    )
    trees = set(models_reference.plane_trees(4))
    assert len(trees) == 5
    assert set(drawn) == trees
    # Five standard deviations of a count of mean 200.
    assert all(abs(count - 200) < 5 * math.sqrt(160) for count in drawn.values())


def test_spanning_trees_have_their_weights():
    network = ResistanceNetwork([(0, 1), (1, 2), (2, 0), (2, 3)], [1.0, 2.0, 3.0, 1.0], root=3)
    trees = models_reference.spanning_trees([tuple(e) for e in network.edges.tolist()], 4)
    conductance = dict(zip(map(tuple, network.edges.tolist()), network.conductances, strict=True))
    weights = {frozenset(map(frozenset, t)): math.prod(conductance[e] for e in t) for t in trees}
    drawn = Counter(
        frozenset(map(frozenset, uniform_spanning_tree(network, Random(seed, backend="numpy")).edges.tolist()))
        for seed in range(1000)
    )
    total = sum(weights.values())
    assert set(drawn) == set(weights)
    for tree, weight in weights.items():
        share = weight / total
        assert abs(drawn[tree] - 1000 * share) < 5 * math.sqrt(1000 * share * (1 - share))


def test_path_and_star_have_their_closed_forms():
    line = path(20, 2.0)
    assert line.resistance(3, 17) == pytest.approx(1.4, rel=1e-12)
    assert line.measure.sum() == pytest.approx(2.1)
    legs = star(5, 0.3)
    assert legs.resistance(0, 4) == pytest.approx(0.3)
    assert legs.resistance(2, 4) == pytest.approx(0.6)


def test_bad_networks_and_questions_are_named():
    line = path(4)
    questions = {
        r"not connected \(2 parts\): vertex 2 is out of reach of the root 0": lambda: ResistanceNetwork(
            [(0, 1), (2, 3)]
        ),
        "not connected: vertex 7 has no edge": lambda: ResistanceNetwork.from_networkx(
            networkx.Graph([(0, 1)]).__class__({0: [1], 7: []})
        ),
        "edge 1 is a loop at 2": lambda: ResistanceNetwork([(0, 2), (2, 2), (1, 2)]),
        "edges of shape": lambda: ResistanceNetwork(np.zeros((0, 2), dtype=int)),
        "give pairs of vertices": lambda: ResistanceNetwork([(0.5, 1.0)]),  # type: ignore[list-item]
        r"conductances \(1,\) must be 1 positive": lambda: ResistanceNetwork([(0, 1)], [0.0]),
        r"conductances \(2,\) must be 1 positive": lambda: ResistanceNetwork([(0, 1)], [1.0, 1.0]),
        r"measure \(2,\) must be 2 positive": lambda: ResistanceNetwork([(0, 1)], measure=[1.0, math.nan]),
        "root 2 is no vertex": lambda: ResistanceNetwork([(0, 1)], root=2),
        "not all vertices; use 0, ..., 4": lambda: line.resistance(0, 5),
        "5 of 5 vertices are killed": lambda: line.green(range(5)),  # type: ignore[arg-type]
        "none below 0": lambda: line.laplace_functional([-1.0, 0, 0, 0, 0], 0),
        "order 0 is no moment": lambda: line.local_time_moment(1, 1, 0, 0),
        "are not two or more vertices": lambda: exact_trace(line, [1]),
        "level = -1 is no count": lambda: gasket(-1),
        "vertices = 1 is no count": lambda: critical_tree(1, Random(0, backend="numpy")),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
