"""Mutual information against literal kernel sums, closed forms and scikit-learn's nearest-neighbour estimate."""

from __future__ import annotations

import numpy as np
import pytest
from reference import mutual_information as literal
from sklearn.feature_selection import mutual_info_regression
from sklearn.utils.estimator_checks import check_estimator

from tendsto.estimators import MutualInformationScreener, mutual_information
from tendsto.estimators.mutual_information import bandwidth

RNG = np.random.default_rng(0)
X = RNG.normal(size=400)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_takes_it_for_its_own() -> None:
    check_estimator(MutualInformationScreener())


def test_numbers_are_the_literal_sums() -> None:
    y = X + RNG.normal(size=400)
    want = literal.numbers(X, y, bandwidth(X), bandwidth(y), 300)
    assert mutual_information(X, y) == pytest.approx(want, rel=1e-2)  # binning is of second order in the step


def test_classes_are_the_literal_sums() -> None:
    y = (X + RNG.normal(size=400) > 0).astype(int)
    want = literal.classes(X, y, bandwidth(X), 500)
    assert mutual_information(X, y, classes=True) == pytest.approx(want, rel=1e-2)


@pytest.mark.parametrize("r", [0.5, 0.8])
def test_normal_pairs_have_the_closed_form(r: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=20_000)
    y = r * x + (1 - r * r) ** 0.5 * rng.normal(size=20_000)
    assert mutual_information(x, y) == pytest.approx(-0.5 * np.log(1 - r * r), rel=0.12)


def test_ranks_agree_with_nearest_neighbours() -> None:
    rng = np.random.default_rng(2)
    design = rng.normal(size=(1000, 6))
    y = design[:, 0] ** 2 + 0.5 * design[:, 1] + 0.3 * rng.normal(size=1000)
    ours = MutualInformationScreener(kind="numbers").fit(design, y).ranking_[:2]
    theirs = np.argsort(-mutual_info_regression(design, y, random_state=0))[:2]
    assert set(ours) == set(theirs) == {0, 1}


def test_constants_score_nothing_and_classes_are_recognised() -> None:
    design = np.column_stack([np.ones(400), X])
    found = MutualInformationScreener(k=1).fit(design, np.where(X > 0, "high", "low"))
    assert found.scores_[0] == 0
    assert found.scores_[1] > 0.4
    assert found.transform(design).ravel().tolist() == X.tolist()
    assert found.linfoot_[1] == pytest.approx((1 - np.exp(-2 * found.scores_[1])) ** 0.5)


def test_bad_input_is_quoted() -> None:
    with pytest.raises(ValueError, match="x is not finite or constant"):
        mutual_information(np.ones(10), X[:10])
    with pytest.raises(ValueError, match="rule = 'mine'"):
        mutual_information(X, X, rule="mine")
    with pytest.raises(ValueError, match=r"use two of \(n,\)"):
        mutual_information(X, X[:10])
    with pytest.raises(ValueError, match="k = 0 keeps no feature"):
        MutualInformationScreener(k=0).fit(X[:, None], X)
    with pytest.raises(ValueError, match="the one class"):
        mutual_information(X, np.zeros(400), classes=True)
