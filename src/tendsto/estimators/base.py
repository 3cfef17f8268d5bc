"""scikit-learn's base classes where it is installed; without it an estimator says what to install when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["BaseEstimator", "ClassifierMixin", "RegressorMixin", "TransformerMixin", "seen", "validated"]


class _Missing:
    def __new__(cls, *arguments: Any, **settings: Any) -> Any:
        raise ImportError(f"{cls.__name__} needs scikit-learn: install tendsto[data]")


class _Nothing:
    """What is inherited from in the place of a mixin."""


if TYPE_CHECKING:
    # scikit-learn carries no types.
    BaseEstimator: Any
    ClassifierMixin: Any
    RegressorMixin: Any
    TransformerMixin: Any
else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    except ModuleNotFoundError:
        BaseEstimator = _Missing
        ClassifierMixin = RegressorMixin = TransformerMixin = type("Nothing", (_Nothing,), {})


def validated(estimator: Any, X: ArrayLike, y: ArrayLike, **checks: Any) -> Any:
    """Return X (n, d) in float64 and y (n,), checked as scikit-learn does, their width kept by the estimator."""
    from sklearn.utils import validation

    return validation.validate_data(estimator, X, y, dtype=np.float64, **checks)  # type: ignore[reportArgumentType]


def seen(estimator: Any, X: ArrayLike) -> Any:
    """Return X (n, d) in float64 for a fitted estimator, as wide as what it was fitted to."""
    from sklearn.utils import validation

    validation.check_is_fitted(estimator)
    return validation.validate_data(estimator, X, dtype=np.float64, reset=False)  # type: ignore[reportArgumentType]
