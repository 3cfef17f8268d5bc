"""Sparse regression and classification with SCAD or MCP, along a path of penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.estimators.base import BaseEstimator, ClassifierMixin, RegressorMixin, seen, validated
from tendsto.optim.nonconvex_accelerated import NonconvexAccelerated
from tendsto.problems.folded_concave import FoldedConcave, PenalisedModel

Array = NDArray[np.float64]


@dataclass(eq=False)
class _Model(PenalisedModel):
    """The model on given data."""

    design: Tensor
    response: Tensor
    penalty: FoldedConcave
    model: str = "gaussian"
    free: int = 0


def minimise(problem: PenalisedModel, x: Array, tolerance: float, most: int) -> tuple[Array, int]:
    """Return a point near `x` with ||md - x||_inf <= tolerance lr of accelerated steps, and how many it took."""
    method = NonconvexAccelerated(lr=0.99 / problem.smooth)
    oracle = Oracle(problem, Random(0))
    start = torch.from_numpy(x.copy())
    state = {**method.init(oracle, oracle.rng), "x": start, "b": start, "md": start}
    for done in range(1, most + 1):
        state, info = method.step(state, oracle, oracle.rng)
        if info["residual"] <= tolerance * method.lr:
            return state["x"].numpy(), done
    return state["x"].numpy(), most


class _SparseGLM(BaseEstimator):
    """What regression and classification share: the path, strong rules and the choice along it."""

    _model = "gaussian"

    def __init__(
        self,
        penalty: Any = "scad",
        *,
        lam: float | None = None,
        shape: float | None = None,
        n_lambdas: int = 50,
        least: float = 0.05,
        fit_intercept: bool = True,
        standardize: bool = True,
        tol: float = 1e-4,
        max_iter: int = 5000,
    ) -> None:
        self.penalty = penalty
        self.lam = lam
        self.shape = shape
        self.n_lambdas = n_lambdas
        self.least = least
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.tol = tol
        self.max_iter = max_iter

    def _fit(self, X: Any, y: Array) -> Any:
        design, centre, scale = self._prepared(X)
        n, d = design.shape
        free = int(self.fit_intercept)
        full = np.hstack([design, np.ones((n, free))])
        FoldedConcave(self.penalty, 0.0, self.shape)
        b = np.zeros(d + free)
        if free:
            b[-1] = y.mean() if self._model == "gaussian" else np.log(y.mean() / (1 - y.mean()))
        gradient = self._gradient(full, y, b)[:d]
        largest = float(np.abs(gradient).max())
        lams = self._lams(largest)
        coefs, iterations, last = [], [], largest
        for lam in lams:
            b, steps = self._solve(full, y, b, lam, last, free)
            coefs.append(b)
            iterations.append(steps)
            last = lam
        scores = np.array([self._bic(full, y, c) for c in coefs])
        best = int(np.argmin(scores))
        self.lambdas_, self.bic_, self.n_iter_ = lams, scores, np.array(iterations)
        self.coef_path_ = np.array([c[:d] / scale for c in coefs])
        self.coef_, self.lambda_ = self.coef_path_[best], float(lams[best])
        self.intercept_ = float(coefs[best][-1] - centre @ self.coef_) if free else 0.0
        penalised = _Model(
            torch.from_numpy(full),
            torch.from_numpy(y),
            FoldedConcave(self.penalty, self.lambda_, self.shape),
            self._model,
            free,
        )
        self.mapping_ = float(penalised.mapping(torch.from_numpy(coefs[best])).norm())
        self.n_features_in_ = d
        return self

    def _prepared(self, X: Any) -> tuple[Array, Array, Array]:
        design = np.asarray(X, np.float64)
        d = design.shape[1]
        centre = design.mean(axis=0) if self.fit_intercept else np.zeros(d)
        scale = design.std(axis=0) if self.standardize else np.ones(d)
        scale = np.where(scale > 0, scale, 1.0)
        return (design - centre) / scale, centre, scale

    def _lams(self, largest: float) -> Array:
        if self.lam is not None:
            return np.array([float(self.lam)])
        if not (self.n_lambdas >= 2 and 0 < self.least < 1):
            raise ValueError(f"n_lambdas = {self.n_lambdas} must be at least 2 and least = {self.least} in (0, 1)")
        return largest * np.geomspace(1, self.least, int(self.n_lambdas))

    def _gradient(self, design: Array, y: Array, b: Array) -> Array:
        predicted = design @ b
        mean = predicted if self._model == "gaussian" else 1 / (1 + np.exp(-predicted))
        return design.T @ (mean - y) / len(y)

    def _solve(self, full: Array, y: Array, b: Array, lam: float, last: float, free: int) -> tuple[Array, int]:
        """One point of the path: the strong rule guesses which coefficients move, and the optimality of 0 is checked.

        At b_j = 0 the concave part is flat, so 0 is stationary where |grad_j f| <= lam, as for the lasso.
        """
        d = full.shape[1] - free
        kept = np.abs(self._gradient(full, y, b)[:d]) >= 2 * lam - last
        kept |= b[:d] != 0
        steps = 0
        while True:
            columns = np.flatnonzero(np.append(kept, np.ones(free, bool)))
            if not len(columns):
                kept |= np.abs(self._gradient(full, y, 0 * b)[:d]) > lam
                if not kept.any():
                    return 0 * b, steps
                continue
            data = torch.from_numpy(full[:, columns]), torch.from_numpy(y)
            problem = _Model(*data, FoldedConcave(self.penalty, lam, self.shape), self._model, free)
            found, more = minimise(problem, b[columns], self.tol, self.max_iter)
            steps += more
            b = np.zeros_like(b)
            b[columns] = found
            missed = ~kept & (np.abs(self._gradient(full, y, b)[:d]) > lam * (1 + 1e-6))
            if not missed.any():
                return b, steps
            kept |= missed

    def _bic(self, full: Array, y: Array, b: Array) -> float:
        n, size = len(y), np.count_nonzero(b)
        predicted = full @ b
        if self._model == "gaussian":
            return n * float(np.log(max(float(np.mean((predicted - y) ** 2)), 1e-300))) + size * np.log(n)
        return 2 * float((np.logaddexp(0, predicted) - y * predicted).sum()) + size * np.log(n)


class SparseRegressor(RegressorMixin, _SparseGLM):
    """Least squares with a SCAD or MCP penalty: sparse, and without the lasso's bias on large coefficients.

    Minimises ||y - X b - b_0||^2 / (2 n) + sum_j P(b_j), P of `FoldedConcave`, to a stationary point by accelerated
    proximal gradient, along `n_lambdas` penalties from the least one that makes 0 stationary down to `least` times it,
    each from the last; strong rules leave out features, and optimality is checked for those left out. The penalty is
    chosen by BIC, or given as `lam`. Features are scaled to variance 1 where `standardize`; penalties refer to that
    scale.

    Attributes: coef_ (d,), intercept_, lambda_; lambdas_ (n_lambdas,), coef_path_ (n_lambdas, d), bic_, n_iter_;
    mapping_, the norm of the gradient mapping of the whole problem at the answer, which is 0 at stationary points.

    Source: Yang, Asgharian, Bhatnagar 2020, arXiv 2009.10629; strong rules: Tibshirani et al. (2012), section 3.

    Raises:
        ValueError: data that scikit-learn refuses, an unknown penalty, or a setting out of range.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 200))
    >>> found = SparseRegressor("mcp").fit(X, 3 * X[:, 0] - 2 * X[:, 5] + 0.1 * rng.normal(size=100))
    >>> np.flatnonzero(found.coef_).tolist(), found.coef_[[0, 5]].round(1).tolist()
    ([0, 5], [3.0, -2.0])
    """

    def fit(self, X: Any, y: Any) -> SparseRegressor:
        """Fit to X (n, d) and y (n,)."""
        X, y = validated(self, X, y, y_numeric=True)
        return self._fit(X, np.asarray(y, np.float64))

    def predict(self, X: Any) -> Array:
        """Return predictions (n,)."""
        return seen(self, X) @ self.coef_ + self.intercept_


class SparseClassifier(ClassifierMixin, _SparseGLM):
    """Logistic regression between two classes with a SCAD or MCP penalty.

    Minimises the mean logistic loss + sum_j P(b_j); settings, attributes and method are those of `SparseRegressor`,
    and classes_ the two labels.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 50))
    >>> found = SparseClassifier().fit(X, np.where(X[:, 3] + 0.3 * rng.normal(size=300) > 0, "yes", "no"))
    >>> np.flatnonzero(found.coef_).tolist(), found.score(X, found.predict(X))
    ([3], 1.0)
    """

    _model = "logistic"

    def fit(self, X: Any, y: Any) -> SparseClassifier:
        """Fit to X (n, d) and labels y (n,) of two kinds."""
        from sklearn.utils.multiclass import check_classification_targets

        X, y = validated(self, X, y)
        check_classification_targets(y)
        self.classes_, which = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported: y has {len(self.classes_)} classes, "
                f"{self.classes_[:5].tolist()}; this is between two"
            )
        return self._fit(X, which.astype(np.float64))

    def decision_function(self, X: Any) -> Array:
        """Return the log odds (n,) of the second class."""
        return seen(self, X) @ self.coef_ + self.intercept_

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels (n,)."""
        second = self.decision_function(X) > 0
        return self.classes_[second.astype(int)]

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n, 2) of both classes."""
        second = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.stack([1 - second, second], axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
