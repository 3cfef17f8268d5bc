"""The estimators against a general minimiser, and against what scikit-learn asks of estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference.spectral_estimator import fit

from tendsto.optim.spectral_estimator import SpectralRiskClassifier, SpectralRiskRegressor
from tendsto.optim.spectral_risk import spectrum

checks: Any = pytest.importorskip("sklearn.utils.estimator_checks")
exceptions: Any = pytest.importorskip("sklearn.exceptions")


@pytest.mark.parametrize("estimator", [SpectralRiskRegressor, SpectralRiskClassifier])
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_accepts_them(estimator: Any) -> None:
    found = checks.check_estimator(estimator(solver="newton"), on_skip=None)
    assert {check["status"] for check in found} <= {"passed", "skipped"}


def test_equals_a_general_minimiser() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 1)), rng.normal(size=12)
    labels = np.where(y > 0, "up", "down")
    for penalty in ("chi2", "kl"):
        settings = {"penalty": penalty, "shift_cost": 1.0, "l2": 0.1}
        for solver, accuracy in (("newton", 1e-5), ("prospect", 1e-3)):
            model = SpectralRiskRegressor("esrm", solver=solver, tol=1e-8, **settings).fit(X, y)
            expected = fit(X, y, spectrum("esrm", 12, 1.0), 1.0, penalty, 0.1, False)
            np.testing.assert_allclose([*model.coef_, model.intercept_], expected, atol=accuracy)
            choice = SpectralRiskClassifier("cvar", solver=solver, tol=1e-8, **settings).fit(X, labels)
            signs = np.where(labels == "up", 1.0, -1.0)
            expected = fit(X, signs, spectrum("cvar", 12, 0.5), 1.0, penalty, 0.1, True)
            np.testing.assert_allclose([*choice.coef_, choice.intercept_], expected, atol=accuracy)


def test_the_tail_of_the_errors_is_smaller() -> None:
    """On data of which a tenth follows another line, the worst tenth is fitted better than by least squares."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 1))
    y = np.where(np.arange(200) < 20, 3 - X[:, 0], X[:, 0]) + 0.1 * rng.normal(size=200)

    def tail(model: Any) -> float:
        errors = np.sort((model.fit(X, y).predict(X) - y) ** 2)
        return float(errors[-20:].mean())

    robust = tail(SpectralRiskRegressor("cvar", parameter=0.9, shift_cost=0.01, solver="newton"))
    plain = tail(SpectralRiskRegressor("extremile", parameter=1.0, solver="newton"))
    assert robust < 0.7 * plain


def test_wrong_use_is_refused_or_warned_of() -> None:
    X, y = np.arange(6.0)[:, None], np.arange(6.0)
    with pytest.raises(ValueError, match="solver = 'adam' is unknown"):
        SpectralRiskRegressor(solver="adam").fit(X, y)
    with pytest.raises(ValueError, match="risk = 'var' is unknown"):
        SpectralRiskRegressor("var").fit(X, y)
    with pytest.raises(ValueError, match="'rate' is no setting"):
        SpectralRiskRegressor().set_params(rate=1.0)
    with pytest.raises(ValueError, match="needs a shift cost above 0"):
        SpectralRiskRegressor(solver="newton", shift_cost=0.0).fit(X, y)
    with pytest.warns(exceptions.ConvergenceWarning, match="2 passes were not enough"):
        SpectralRiskRegressor(lr=1e3, max_iter=2).fit(X, y)
    with pytest.warns(exceptions.ConvergenceWarning, match="1 passes were not enough"):
        SpectralRiskRegressor(max_iter=1).fit(X, y)
    assert repr(SpectralRiskRegressor("esrm")) == "SpectralRiskRegressor(risk='esrm')"
