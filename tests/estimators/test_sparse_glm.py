"""Sparse regression and classification against coordinate descent, closed forms and scikit-learn's own checks."""

from __future__ import annotations

import numpy as np
import pytest
from reference.sparse_glm import descend, threshold
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from tendsto.estimators import SparseClassifier, SparseRegressor
from tendsto.problems import FoldedConcave


def drawn(n: int = 80, d: int = 30, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)) + 0.5 * rng.normal(size=(n, 1))
    return X, X[:, :3] @ [2.0, -1.0, 0.5] + 1.5 + noise * rng.normal(size=n)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [SparseRegressor(), SparseClassifier()], ids=lambda e: type(e).__name__)
def test_scikit_learn_takes_it_for_its_own(estimator: object) -> None:
    check_estimator(estimator)


@pytest.mark.parametrize("kind", ["scad", "mcp"])
def test_one_coordinate_is_the_closed_form(kind: str) -> None:
    x = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    for z in (0.1, 0.7, 1.2, 2.5, 9.0):
        made = SparseRegressor(kind, lam=0.5, fit_intercept=False, standardize=False, tol=1e-10).fit(x, z * x[:, 0])
        want = threshold(z, 1.0, kind, 0.5, FoldedConcave(kind, 0.5).a)
        assert made.coef_[0] == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("kind", ["scad", "mcp"])
def test_the_answer_is_stationary_for_coordinate_descent(kind: str) -> None:
    X, y = drawn()
    found = SparseRegressor(kind, tol=1e-9, standardize=False).fit(X, y)
    centred, shifted = X - X.mean(axis=0), y - y.mean()
    a = FoldedConcave(kind, 1.0).a
    moved = descend(centred, shifted, found.coef_, kind, found.lambda_, a, sweeps=200)
    np.testing.assert_allclose(moved, found.coef_, atol=1e-6)
    assert found.mapping_ < 1e-6


def test_it_finds_the_features_without_shrinking_them() -> None:
    X, y = drawn()
    found = SparseRegressor("scad").fit(X, y)
    assert np.flatnonzero(found.coef_).tolist() == [0, 1, 2]
    ordinary = np.linalg.lstsq(np.column_stack([X[:, :3], np.ones(len(y))]), y, rcond=None)[0]
    np.testing.assert_allclose(np.append(found.coef_[:3], found.intercept_), ordinary, atol=1e-2)


def test_the_path_falls_from_nothing() -> None:
    found = SparseRegressor("mcp", n_lambdas=10).fit(*drawn())
    assert (np.diff(found.lambdas_) < 0).all()
    assert np.count_nonzero(found.coef_path_[0]) == 0
    assert np.count_nonzero(found.coef_path_[-1]) >= 3


def test_units_of_features_do_not_matter() -> None:
    X, y = drawn()
    units = np.geomspace(1e-3, 1e3, X.shape[1])
    first, second = SparseRegressor().fit(X, y), SparseRegressor().fit(X * units, y)
    np.testing.assert_allclose(second.coef_ * units, first.coef_, atol=1e-6)


def test_far_from_the_penalty_it_is_ordinary_logistic_regression() -> None:
    X, y = drawn(n=400, d=3, noise=2.0)
    labels = np.where(y > 1.5, "yes", "no")
    found = SparseClassifier("mcp", lam=1e-3, shape=1.5, tol=1e-9, max_iter=50_000).fit(X, labels)
    plain = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(X, labels)
    np.testing.assert_allclose(found.coef_, plain.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(found.predict_proba(X), plain.predict_proba(X), atol=1e-4)


def test_bad_input_is_quoted() -> None:
    X, y = drawn()
    with pytest.raises(ValueError, match="penalty 'l1' is unknown"):
        SparseRegressor("l1").fit(X, y)
    with pytest.raises(ValueError, match="n_lambdas = 1"):
        SparseRegressor(n_lambdas=1).fit(X, y)
    with pytest.raises(ValueError, match="3 classes"):
        SparseClassifier().fit(X, np.arange(len(y)) % 3)
