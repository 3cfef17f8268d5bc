"""Distances, maps and geodesics against textbook formulas and POT, and where those give up: singular covariances."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from reference import bures_wasserstein as reference

from tendsto.sampling import (
    bures_wasserstein_distance,
    gaussian_kl,
    optimal_map,
    square_root,
    wasserstein_geodesic,
)


def pair(seed: int, rank0: int = 4, rank1: int = 4, d: int = 4) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    a0, a1 = rng.normal(size=(d, rank0)), rng.normal(size=(d, rank1))
    return rng.normal(size=d), a0 @ a0.T, rng.normal(size=d), a1 @ a1.T


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_reference_where_nothing_is_singular(seed: int) -> None:
    m0, s0, m1, s1 = pair(seed)
    assert float(bures_wasserstein_distance(m0, s0, m1, s1)) ** 2 == pytest.approx(
        reference.squared_distance(m0, s0, m1, s1), rel=1e-9
    )
    np.testing.assert_allclose(optimal_map(s0, s1).numpy(), reference.optimal_map(s0, s1), rtol=1e-7, atol=1e-9)
    assert float(gaussian_kl(m0, s0, m1, s1)) == pytest.approx(reference.kl(m0, s0, m1, s1), rel=1e-9)


def test_equals_pot() -> None:
    ot: Any = pytest.importorskip("ot")
    for seed in range(5):
        m0, s0, m1, s1 = pair(seed)
        theirs = ot.gaussian.bures_wasserstein_distance(m0, m1, s0, s1)
        assert float(bures_wasserstein_distance(m0, s0, m1, s1)) == pytest.approx(float(theirs), rel=1e-9)


@pytest.mark.parametrize(("rank0", "rank1"), [*itertools.product((1, 2, 4), repeat=2)])
def test_singular_covariances_lose_no_digits(rank0: int, rank1: int) -> None:
    """Against factors of exact rank: W2^2 = tr S0 + tr S1 - 2 |B^T A|_*, in which no root of rounding occurs."""
    rng = np.random.default_rng(rank0 + 10 * rank1)
    a, b, zero = rng.normal(size=(4, rank0)), rng.normal(size=(4, rank1)), np.zeros(4)
    want = (a**2).sum() + (b**2).sum() - 2 * np.linalg.svd(b.T @ a, compute_uv=False).sum()
    found = float(bures_wasserstein_distance(zero, a @ a.T, zero, b @ b.T))
    assert found**2 == pytest.approx(want, rel=1e-12)
    assert float(bures_wasserstein_distance(zero, a @ a.T, zero, a @ a.T)) < 1e-13


def test_a_small_distance_is_not_lost_between_traces() -> None:
    _, s, _, _ = pair(0)
    for eps in (1e-6, 1e-9, 1e-11):
        # Between S and (1 + eps)^2 S it is eps |S^{1/2}|; traces would leave 1e-8.
        found = float(bures_wasserstein_distance(np.zeros(4), s, np.zeros(4), (1 + eps) ** 2 * s))
        assert found == pytest.approx(eps * np.sqrt(np.trace(s)), rel=1e-14 / eps + 1e-6)


@pytest.mark.parametrize(("rank0", "rank1"), [(4, 4), (4, 2), (3, 3), (2, 1), (3, 2)])
def test_the_map_carries_one_law_to_the_other_at_the_least_cost(rank0: int, rank1: int) -> None:
    m0, s0, m1, s1 = pair(7, rank0, rank1)
    t = optimal_map(s0, s1).numpy()
    np.testing.assert_allclose(t @ s0 @ t.T, s1, atol=1e-12)
    cost = np.trace(s0 + s1 - 2 * t @ s0)
    assert cost == pytest.approx(float(bures_wasserstein_distance(0 * m0, s0, 0 * m1, s1)) ** 2, rel=1e-10)


def test_the_map_between_laws_that_do_not_meet() -> None:
    s0, s1 = np.diag([1.0, 1.0, 0.0]), np.diag([0.0, 0.0, 1.0])
    t = optimal_map(s0, s1).numpy()
    np.testing.assert_allclose(t @ s0 @ t.T, s1, atol=1e-14)
    with pytest.raises(ValueError, match="rank 1 is to be carried to one of rank 2"):
        optimal_map(s1, s0)


@pytest.mark.parametrize(("rank0", "rank1"), [(4, 4), (2, 3), (1, 4)])
def test_geodesics_have_constant_speed(rank0: int, rank1: int) -> None:
    m0, s0, m1, s1 = pair(3, rank0, rank1)
    whole = float(bures_wasserstein_distance(m0, s0, m1, s1))
    m, s = wasserstein_geodesic(m0, s0, m1, s1, 0.3)
    assert float(bures_wasserstein_distance(m0, s0, m, s)) == pytest.approx(0.3 * whole, rel=1e-9)
    assert float(bures_wasserstein_distance(m, s, m1, s1)) == pytest.approx(0.7 * whole, rel=1e-9)
    with pytest.raises(ValueError, match="not on the path"):
        wasserstein_geodesic(m0, s0, m1, s1, 1.5)


def test_leading_axes_are_many_at_once() -> None:
    pairs = [pair(seed, 4, 1 + seed) for seed in range(3)]
    stacked = [np.stack(column) for column in zip(*pairs, strict=True)]
    together = bures_wasserstein_distance(*stacked)
    alone = torch.stack([bures_wasserstein_distance(*p) for p in pairs])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
    maps = optimal_map(stacked[1], stacked[3])
    torch.testing.assert_close(maps[1], optimal_map(pairs[1][1], pairs[1][3]), rtol=1e-9, atol=1e-12)
    path = wasserstein_geodesic(*pairs[0], torch.linspace(0, 1, 5))
    assert path[0].shape == (5, 4)
    assert path[1].shape == (5, 4, 4)


def test_a_root_has_the_rank_of_what_it_is_a_root_of() -> None:
    s = pair(1, 2)[1]
    r = square_root(s)
    torch.testing.assert_close(r @ r, torch.from_numpy(s), rtol=0, atol=1e-13)
    assert int(torch.linalg.matrix_rank(r, atol=1e-12)) == 2


def test_divergence_from_a_singular_law() -> None:
    m0, s0, m1, s1 = pair(2, 2)
    assert float(gaussian_kl(m0, s0, m1, s1)) == np.inf
    with pytest.raises(ValueError, match="second covariance is singular"):
        gaussian_kl(m1, s1, m0, s0)
    # Close laws: half of |move|^2, which a difference of log determinants would lose.
    near = float(gaussian_kl(np.zeros(4), s1, np.zeros(4), (1 + 1e-9) * s1))
    assert near == pytest.approx(4 * 1e-18 / 4, rel=1e-2)


@pytest.mark.parametrize(
    ("mean", "cov", "said"),
    [
        (np.zeros(2), np.ones((2, 3)), r"shape \(\.\.\., d, d\), not \(2, 3\)"),
        (np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), "not symmetric"),
        (np.zeros(2), np.diag([1.0, -1.0]), "eigenvalue -1"),
        (np.zeros(2), np.diag([1.0, np.nan]), "not finite"),
        (np.array([0.0, np.inf]), np.eye(2), "mean .* not finite"),
        (np.zeros(3), np.eye(2), "does not fit"),
    ],
)
def test_what_is_no_gaussian_is_refused(mean: Any, cov: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bures_wasserstein_distance(mean, cov, np.zeros(2), np.eye(2))
