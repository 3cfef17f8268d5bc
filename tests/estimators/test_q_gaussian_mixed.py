"""The q-Gaussian mixed model against its likelihood written out and scikit-learn's own checks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference.q_gaussian_mixed import effect, log_likelihood
from sklearn.utils.estimator_checks import check_estimator

from tendsto.estimators import QGaussianMixedModel


def drawn(seed: int = 0, outliers: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60), rng.integers(2, 8, 60))
    n = len(groups)
    X, noise = rng.normal(size=(n, 2)), rng.normal(size=n)
    noise[rng.random(n) < outliers] *= 10
    return X, X @ [1.0, -2.0] + 3 + 1.5 * rng.normal(size=60)[groups] + noise, groups


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_takes_it_for_its_own() -> None:
    check_estimator(QGaussianMixedModel())


@pytest.mark.parametrize("nu", [3.0, math.inf, None])
def test_its_likelihood_is_the_literal_one_and_no_nearby_one_is_larger(nu: float | None) -> None:
    X, y, groups = drawn(outliers=0.05)
    m = QGaussianMixedModel(nu=nu).fit(X, y, groups)
    at = [m.coef_, m.intercept_, m.scale_, m.group_scale_, m.nu_]
    best = log_likelihood(X, y, groups, *at)
    assert m.log_likelihood_ == pytest.approx(best, abs=1e-6)
    for i in range(4 if nu is not None else 5):
        for factor in (0.98, 1.02):
            moved = [*at[:i], np.asarray(at[i]) * factor, *at[i + 1 :]]
            assert log_likelihood(X, y, groups, *moved) < best


def test_effects_and_weights_are_the_literal_ones() -> None:
    X, y, groups = drawn(outliers=0.05)
    m = QGaussianMixedModel().fit(X, y, groups)
    residual = y - X @ m.coef_ - m.intercept_
    for i, label in enumerate(m.groups_):
        r = residual[groups == label]
        assert m.effects_[i] == pytest.approx(effect(r, m.scale_, m.group_scale_), rel=1e-9)
    worst = int(np.argmin(m.weights_))
    assert np.abs(residual[groups == m.groups_[worst]]).max() > 8
    assert m.weights_.max() > 10 * m.weights_.min()


def test_outliers_hardly_move_it() -> None:
    errors = {nu: [] for nu in (None, math.inf)}
    for seed in range(8):
        X, y, groups = drawn(seed, outliers=0.05)
        for nu in errors:
            errors[nu].append(((QGaussianMixedModel(nu=nu).fit(X, y, groups).coef_ - [1.0, -2.0]) ** 2).sum())
    assert np.mean(errors[None]) < 0.5 * np.mean(errors[math.inf])


def test_groups_that_were_seen_add_their_intercepts() -> None:
    X, y, groups = drawn()
    m = QGaussianMixedModel(nu=math.inf).fit(X, y, groups)
    assert ((m.predict(X, groups) - y) ** 2).mean() < 0.6 * ((m.predict(X) - y) ** 2).mean()
    assert m.predict(X[:1], [999])[0] == m.predict(X[:1])[0]


def test_bad_input_is_quoted() -> None:
    X, y, groups = drawn()
    with pytest.raises(ValueError, match="nu = -1"):
        QGaussianMixedModel(nu=-1.0).fit(X, y, groups)
    with pytest.raises(ValueError, match="one label for each"):
        QGaussianMixedModel().fit(X, y, groups[:5])
    with pytest.raises(ValueError, match="two or more are needed"):
        QGaussianMixedModel().fit(X, y, np.zeros(len(y)))
