"""The norm bounds against their terms, and against exact tails."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from reference import norm_concentration as reference
from scipy import stats

from tendsto.probability import norm_concentration as module
from tendsto.probability.norm_concentration import subgamma_norm_bound


def test_examples_run():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("scale", [0.0, 0.01, 2.0])
@pytest.mark.parametrize("delta", [0.1, 0.001])
@pytest.mark.parametrize("d", [1, 5, 50])
def test_both_bounds_equal_their_terms(d, delta, scale):
    variances = 1.545 / np.arange(1, d + 1)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))[0]
    found = subgamma_norm_bound((turn * variances) @ turn.T, scale, delta)
    assert found.recalled == pytest.approx(reference.recalled(variances, scale, delta), rel=1e-12)
    assert found.proved == pytest.approx(reference.net(variances, scale, delta), rel=1e-9)
    assert found.value == min(found.recalled, found.proved) == getattr(found, found.winner)


def test_winners_are_those_of_the_paper():
    # One exponential vector, delta = 0.01: the dimension-free term wins from d = 50 on.
    expected = {5: ("proved", 101, 183), 50: ("recalled", 681, 184), 500: ("recalled", 6475, 184)}
    for d, (winner, proved, recalled) in expected.items():
        found = subgamma_norm_bound(np.diag(1.545 / np.arange(1, d + 1)), 2.0, 0.01)
        assert (found.winner, round(found.proved), round(found.recalled)) == (winner, proved, recalled)


@pytest.mark.parametrize("delta", [0.1, 1e-3, 1e-6])
def test_a_gaussian_vector_stays_below(delta):
    # |X| of N(0, I_d) has an exact tail, and is subgamma with C = 0.
    for d in (1, 3, 30):
        exact = math.sqrt(stats.chi2(d).isf(delta))
        bound = subgamma_norm_bound(np.eye(d), 0.0, delta)
        assert exact < bound.value
        assert exact < bound.proved < 6 * exact


def test_constants_are_yours_to_change():
    found = subgamma_norm_bound(np.eye(2), 1.0, 0.1, constants=(0.0, 0.0))
    assert found.recalled == pytest.approx(math.sqrt(2))


def test_bad_input_is_named():
    questions = {
        "no covariance; a square one": lambda: subgamma_norm_bound([1.0], 1.0, 0.1),
        "eigenvalue -1 is no covariance": lambda: subgamma_norm_bound(np.diag([1.0, -1.0]), 1.0, 0.1),
        "a finite symmetric 2 x 2": lambda: subgamma_norm_bound(np.diag([1.0, math.nan]), 1.0, 0.1),
        "scale C = -1 is no number": lambda: subgamma_norm_bound(np.eye(2), -1, 0.1),
        "delta 1.0 is not strictly": lambda: subgamma_norm_bound(np.eye(2), 1.0, 1.0),
    }
    for sentence, question in questions.items():
        with pytest.raises(ValueError, match=sentence):
            question()
