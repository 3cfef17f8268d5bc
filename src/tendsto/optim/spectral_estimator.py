"""Linear models fitted under a spectral risk, as scikit-learn has estimators."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import require
from tendsto.optim.prospect import Prospect
from tendsto.optim.settings import one_of
from tendsto.optim.spectral_problem import Array, SpectralRisk
from tendsto.problems.once import once_property
from tendsto.problems.user import Held

SOLVERS = ("prospect", "newton")
PARAMETERS = {"cvar": 0.5, "extremile": 2.0, "esrm": 1.0}
"""The paper's parameter of each risk."""
PATIENCE = 40
"""Passes in which the gap has to halve, or the step is divided by 3."""


@dataclass(frozen=True)
class _Given(SpectralRisk):
    """A spectral risk on a person's own features and targets."""

    given: Held | None = None
    labels: bool = False

    @once_property
    def table(self) -> tuple[Array, Array]:
        assert self.given is not None
        return self.given.get()

    @property
    def logistic(self) -> bool:
        return self.labels


class _SpectralRisk:
    """What both estimators share; a class of its own, so that scikit-learn is imported by whoever fits."""

    kind: ClassVar[str]

    def __init__(
        self,
        risk: str = "cvar",
        *,
        parameter: float | None = None,
        shift_cost: float = 1.0,
        penalty: str = "chi2",
        l2: float | None = None,
        solver: str = "prospect",
        lr: float | None = None,
        max_iter: int = 1000,
        tol: float = 1e-8,
        fit_intercept: bool = True,
        random_state: int | None = None,
    ):
        self.risk, self.parameter, self.shift_cost, self.penalty = risk, parameter, shift_cost, penalty
        self.l2, self.solver, self.lr, self.max_iter, self.tol = l2, solver, lr, max_iter, tol
        self.fit_intercept, self.random_state = fit_intercept, random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Any:
        """Change settings by name, and return the estimator.

        Raises:
            ValueError: there is no such setting.
        """
        for name, value in params.items():
            if name not in self.get_params():
                raise ValueError(f"{name!r} is no setting of {type(self).__name__}: use {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = type(self)().get_params() if type(self) is not _SpectralRisk else {}
        changed = {n: v for n, v in self.get_params().items() if v is not defaults.get(n) and v != defaults.get(n)}
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in changed.items())})"

    def __sklearn_tags__(self) -> Any:
        tags = require("sklearn.utils", extra="data")
        regressor = self.kind == "regressor"
        return tags.Tags(
            estimator_type=self.kind,
            target_tags=tags.TargetTags(required=True),
            classifier_tags=None if regressor else tags.ClassifierTags(multi_class=False),
            regressor_tags=tags.RegressorTags() if regressor else None,
        )

    def _fitted(self, features: Any, targets: Any) -> Any:
        """Solve for the coefficients of validated features and targets."""
        one_of("solver", self.solver, SOLVERS)
        if self.fit_intercept:
            features = np.column_stack([features, np.ones(len(features))])
        problem = _Given(
            risk=self.risk,
            parameter=PARAMETERS.get(self.risk, 0.0) if self.parameter is None else self.parameter,
            shift_cost=self.shift_cost,
            penalty=self.penalty,
            l2=self.l2,
            given=Held.of((features, targets), [features, targets]),
            labels=self.kind == "classifier",
        )
        if self.solver == "newton":
            if not self.shift_cost:
                raise ValueError("solver = 'newton' needs a shift cost above 0: without one the risk is not smooth")
            w = problem.solution()
            assert w is not None
            self.n_iter_ = 1
        else:
            w, self.n_iter_ = self._run(problem)
        g = problem.gradient(w)
        self.gap_ = float(g @ g) / (2 * problem.mu)
        self.coef_ = w[:-1] if self.fit_intercept else w
        self.intercept_ = float(w[-1]) if self.fit_intercept else 0.0
        self.weights_ = problem.weights(problem.terms_at(w, None)[0], None)[0]
        return self

    def _run(self, problem: SpectralRisk) -> tuple[Array, int]:
        """Prospect, a pass at a time, until ||grad F||^2 / (2 l2) <= tol."""
        n, curvature = problem.size(), 0.25 if problem.logistic else 1.0
        steepest = curvature * float((problem.table[0] ** 2).sum(axis=1).max())
        lr = 1 / ((steepest + problem.mu) * n * float(problem.sigma[-1])) if self.lr is None else self.lr
        source = Random(int(self.random_state or 0), backend="numpy")
        w, least, since, state = None, np.inf, 0, {}
        for passes in range(1, self.max_iter + 1):
            rule = Prospect(lr=float(lr), variant="official")
            if not state:
                state = rule.init(Oracle(problem, source.fork("oracle")), source.fork("method"))
            for step in range((passes - 1) * n + 1, passes * n + 1):
                at = source.at(step)
                state, _ = rule.step(state, Oracle(problem, at.fork("oracle")), at.fork("method"))
            g = problem.gradient(state["x"])
            gap = float(g @ g) / (2 * problem.mu)
            if gap <= self.tol:
                return state["x"], passes
            since = 0 if gap <= least / 2 else since + 1
            if gap <= least:
                w, least = state["x"], gap
            if not np.isfinite(gap) and self.lr is not None:
                raise ValueError(f"lr = {self.lr:g} is too large: the iterates diverge")
            if self.lr is None and (since >= PATIENCE or not np.isfinite(gap)):
                # The tables stay: they hold at any step size, unless the run is lost.
                lr, since, state = lr / 3, 0, state if np.isfinite(gap) else {}
        warned = require("sklearn.exceptions", extra="data").ConvergenceWarning
        warnings.warn(f"{self.max_iter} passes were not enough for tol = {self.tol:g}", warned, stacklevel=4)
        return (state["x"] if w is None else w), self.max_iter

    def _margins(self, X: Any) -> Array:
        validation = require("sklearn.utils.validation", extra="data")
        validation.check_is_fitted(self)
        return validation.validate_data(self, X, reset=False, dtype=np.float64) @ self.coef_ + self.intercept_


class SpectralRiskRegressor(_SpectralRisk):
    """Linear regression that minimises a spectral risk of (a . w - b)^2 / 2: the tail of the errors, not their mean.

    risk, parameter: as in `spectrum`; None for the paper's 0.5 (cvar), 2 (extremile), 1 (esrm). shift_cost, penalty: of
    moving weight between data, as in `spectral_weights`. l2: None for 1/n; it is on the intercept as well. solver:
    "prospect", at most `max_iter` passes until F - F* <= `tol` is certain, or "newton". lr: None for 1/((L + l2) n
    sigma_n), divided by 3 wherever the gap is not halved within 40 passes.

    After `fit`: coef_ (d,), intercept_, weights_ (n,), the worst weights of the data there; gap_, a bound on F - F*;
    n_iter_, passes (1 for Newton's method).

    Raises:
        ValueError: at `fit`, an unknown risk, penalty or solver, or what is no data.
        ImportError: scikit-learn is not installed.

    Source: Mehta et al. (2024, arXiv 2310.13863).

    >>> X, y = np.arange(10.0)[:, None], np.arange(10.0) * 2 + 1
    >>> model = SpectralRiskRegressor("extremile", l2=1e-4, solver="newton").fit(X, y)
    >>> model.predict([[20.0]]).round(1).tolist()
    [41.0]
    """

    kind = "regressor"

    def fit(self, X: Any, y: Any) -> SpectralRiskRegressor:
        """Fit features X (n, d) to targets y (n,), arrays or data frames."""
        validation = require("sklearn.utils.validation", extra="data")
        features, targets = validation.validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        return self._fitted(features, targets.astype(np.float64))

    def predict(self, X: Any) -> Array:
        """Return predictions (m,) for X (m, d)."""
        return self._margins(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2."""
        return require("sklearn.metrics", extra="data").r2_score(y, self.predict(X), sample_weight=sample_weight)


class SpectralRiskClassifier(_SpectralRisk):
    """Binary logistic regression that minimises a spectral risk: the worst data's log loss, not their mean.

    Settings, attributes and errors are those of `SpectralRiskRegressor`; besides, classes_ (2,).

    Source: Mehta et al. (2024, arXiv 2310.13863).

    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), ["no", "no", "yes", "yes"]
    >>> SpectralRiskClassifier(solver="newton").fit(X, y).predict([[-3.0], [3.0]]).tolist()
    ['no', 'yes']
    """

    kind = "classifier"

    def fit(self, X: Any, y: Any) -> SpectralRiskClassifier:
        """Fit features X (n, d) to labels y (n,) of two kinds."""
        validation = require("sklearn.utils.validation", extra="data")
        multiclass = require("sklearn.utils.multiclass", extra="data")
        features, labels = validation.validate_data(self, X, y, dtype=np.float64)
        multiclass.check_classification_targets(labels)
        kind = multiclass.type_of_target(labels, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, which = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: all labels are {labels[0]!r}")
        return self._fitted(features, 2.0 * which - 1.0)

    def decision_function(self, X: Any) -> Array:
        """Return a . w + intercept, (m,); above 0 speaks for classes_[1]."""
        return self._margins(X)

    def predict(self, X: Any) -> Any:
        """Return labels (m,) for X (m, d)."""
        above = self._margins(X) > 0
        return self.classes_[above.astype(np.int64)]

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities (m, 2), in the order of classes_."""
        p = 1 / (1 + np.exp(-self._margins(X)))
        return np.column_stack([1 - p, p])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of right labels."""
        return require("sklearn.metrics", extra="data").accuracy_score(y, self.predict(X), sample_weight=sample_weight)
