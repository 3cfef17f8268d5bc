"""Thresholds of point sets against their definitions, an independent graph library and closed forms."""

from __future__ import annotations

import doctest
import math

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import connectivity as reference

from tendsto.probability import Disc, Torus, connectivity_threshold, geometric_graph, largest_link

# A lattice brings ties, duplicates and collinear points; a free coordinate does not.
lattice = st.integers(0, 4).map(lambda i: i / 4)
free = st.floats(0, 0.999, allow_subnormal=False)
clouds = st.lists(st.tuples(st.one_of(lattice, free), st.one_of(lattice, free)), min_size=4, max_size=8).map(np.array)
periods = st.sampled_from([None, 1.25])


def test_examples_run():
    outcome = doctest.testmod(geometric_graph)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@settings(max_examples=60)
@given(clouds, st.integers(1, 3), periods)
def test_thresholds_equal_their_definition(points, k, period):
    assert largest_link(points, k, period=period) == pytest.approx(
        reference.largest_link(points, k, period), rel=1e-12, abs=1e-300
    )
    assert connectivity_threshold(points, k, period=period) == pytest.approx(
        reference.connectivity_threshold(points, k, period), rel=1e-12, abs=1e-300
    )


@settings(max_examples=60)
@given(clouds, st.integers(1, 3), periods, st.randoms(use_true_random=False))
def test_order_of_points_does_not_matter_and_threshold_is_no_smaller_than_link(points, k, period, shuffle):
    order = list(range(len(points)))
    shuffle.shuffle(order)
    threshold, link = connectivity_threshold(points, k, period=period), largest_link(points, k, period=period)
    assert threshold >= link
    assert connectivity_threshold(points[order], k, period=period) == pytest.approx(threshold, rel=1e-12)
    assert largest_link(points[order], k, period=period) == pytest.approx(link, rel=1e-12)


@settings(max_examples=60)
@given(clouds, st.integers(1, 3), st.floats(0, 2 * math.pi), st.floats(0.1, 10))
def test_rotation_leaves_thresholds_and_scale_multiplies_them(points, k, angle, scale):
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = scale * points @ rotation.T + 3
    # An absolute part, since moving by 3 rounds distances far below it.
    for measure in (connectivity_threshold, largest_link):
        assert measure(moved, k) == pytest.approx(scale * measure(points, k), rel=1e-9, abs=1e-12)


def test_duplicates_are_neighbours_at_distance_zero():
    twice = np.repeat(np.array([[0.0, 0.0], [1.0, 0.0]]), 12, axis=0)
    assert largest_link(twice) == 0
    assert connectivity_threshold(twice) == 1
    assert connectivity_threshold(np.zeros((20, 2)), 3) == 0


@pytest.mark.parametrize("domain", [Disc(), Torus()])
def test_spanning_threshold_equals_brute_force_minimum_spanning_tree(domain):
    rng = np.random.default_rng(0)
    for _ in range(3):
        points = domain.sample(200, rng)
        expected = reference.longest_spanning_edge(points.tolist(), domain.period)
        assert connectivity_threshold(points, period=domain.period) == pytest.approx(expected, rel=1e-13)


def test_far_clusters_are_joined_by_their_shortest_gap():
    rng = np.random.default_rng(1)
    # Two hundred points each: the neighbour graph alone never leaves a cluster.
    clusters = [rng.random((200, 2)) + corner for corner in ([0, 0], [100, 0], [0, 50], [100, 50])]
    points = np.concatenate(clusters)
    assert connectivity_threshold(points) == pytest.approx(reference.longest_spanning_edge(points.tolist()), rel=1e-13)
    assert connectivity_threshold(points) > 90


@pytest.mark.parametrize(("k", "seed"), [(k, seed) for k in (1, 2, 3) for seed in (0, 1, 2)])
def test_networkx_finds_the_graph_k_connected_at_the_threshold_and_not_below(k, seed):
    points = Disc().sample(120, np.random.default_rng(seed))
    threshold = connectivity_threshold(points, k)
    for r, enough in ((threshold * (1 + 1e-12), True), (threshold * (1 - 1e-12), False)):
        graph = networkx.random_geometric_graph(len(points), r, pos=dict(enumerate(map(tuple, points))))
        assert (networkx.node_connectivity(graph) >= k) is enough


def test_thresholds_of_points_on_a_line_are_spacings():
    # In one dimension the closed forms are: T_1 the largest gap, T_2 the largest sum of two neighbouring gaps.
    x = np.sort(np.random.default_rng(2).random(300))
    gaps = np.diff(x)
    assert connectivity_threshold(x[:, None], 1) == pytest.approx(gaps.max(), rel=1e-12)
    assert connectivity_threshold(x[:, None], 2) == pytest.approx((gaps[1:] + gaps[:-1]).max(), rel=1e-12)


@pytest.mark.parametrize(
    ("points", "k", "period", "sentence"),
    [
        ([1.0, 2.0], 1, None, r"shape \(2,\) are not a point set"),
        ([[0.0, 0.0]], 1, None, "1 points cannot be 1-connected; at least 2"),
        ([[0.0, 0.0], [1.0, 1.0]], 0, None, "k = 0 is not a connectivity"),
        ([[0.0, math.nan], [1.0, 1.0]], 1, None, "nan.* is not finite"),
        ([[0.0, 0.0], [1.0, 1.0]], 1, 1.0, r"outside the periodic box; coordinates in \[0, 1.0\)"),
        ([[0.0, 0.0], [1.0, 1.0]], 1, 0.0, r"period 0.0 is not a length"),
    ],
)
def test_bad_points_are_named(points, k, period, sentence):
    for measure in (largest_link, connectivity_threshold):
        with pytest.raises(ValueError, match=sentence):
            measure(points, k, period=period)
