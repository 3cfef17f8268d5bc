"""Minibatch constants against enumeration, and the best batch against trying them all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tendsto.theory import FiniteSumConstants


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_noise_without_replacement_is_the_mean_over_all_batches(batch: int) -> None:
    gradients = np.random.default_rng(0).normal(size=(5, 3))
    gradients -= gradients.mean(axis=0)
    constants = FiniteSumConstants(5, 1.0, 2.0, float((gradients**2).sum(axis=1).mean()))
    means = [gradients[list(which)].mean(axis=0) for which in itertools.combinations(range(5), batch)]
    assert constants.minibatch(batch)[1] == pytest.approx(float((np.array(means) ** 2).sum(axis=1).mean()), abs=1e-12)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_smoothness_bounds_the_mean_square_of_batch_gradients(batch: int) -> None:
    """E||grad f_B||^2 <= 2 L_b f for least squares with a common solution, at many points and some eigenvectors."""
    a = np.random.default_rng(1).normal(size=(4, 6)) * np.array([1.0, 2.0, 3.0, 0.5])[:, None]
    smooth = float(np.linalg.eigvalsh(a.T @ a / 4)[-1])
    constants = FiniteSumConstants(4, smooth, float((a**2).sum(axis=1).max()), 0.0)
    points = [*np.random.default_rng(2).normal(size=(200, 6)), *np.linalg.svd(a)[2]]
    for x in points:
        terms = (a @ x)[:, None] * a
        means = [terms[list(which)].mean(axis=0) for which in itertools.combinations(range(4), batch)]
        square = float((np.array(means) ** 2).sum(axis=1).mean())
        assert square <= 2 * constants.minibatch(batch)[0] * float(((a @ x) ** 2).mean() / 2) * (1 + 1e-12)


def test_ends_are_the_single_term_and_the_whole() -> None:
    constants = FiniteSumConstants(10, 1.0, 4.0, 3.0)
    assert constants.minibatch(1) == (4.0, 3.0) == constants.minibatch(1, replacement=True)
    assert constants.minibatch(10) == (1.0, 0.0)
    assert constants.minibatch(10, replacement=True) == (pytest.approx(1.3), pytest.approx(0.3))


@settings(max_examples=60)
@given(
    terms=st.integers(2, 60),
    spread=st.floats(1.0, 50.0),
    noise=st.floats(0.0, 100.0),
    mu=st.floats(1e-3, 1.0),
    eps=st.floats(1e-4, 10.0),
)
def test_the_best_batch_is_the_best_of_all(terms: int, spread: float, noise: float, mu: float, eps: float) -> None:
    constants = FiniteSumConstants(terms, 1.0, min(spread, float(terms)), noise)
    best = constants.best_batch(strongly_convex=mu, eps=eps)
    all_of_them = [constants.work(b, strongly_convex=mu, eps=eps) for b in range(1, terms + 1)]
    assert constants.work(best, strongly_convex=mu, eps=eps) <= min(all_of_them) * (1 + 1e-9)


def test_impossible_sums_and_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="smooth_max = 30"):
        FiniteSumConstants(10, 1.0, 30.0, 0.0)
    with pytest.raises(ValueError, match="terms = 1 leaves no choice"):
        FiniteSumConstants(1, 1.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="batch = 11 cannot be drawn from 10 terms"):
        FiniteSumConstants(10, 1.0, 2.0, 0.0).minibatch(11)
