"""Screening of features by their mutual information with a target, one at a time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tendsto.estimators.base import BaseEstimator, TransformerMixin, seen, validated

Array = NDArray[np.float64]

GRID = 300
"""Points a side of the grid of densities of two numbers; 500 where one side is a class."""

RULES = ("silverman", "scott")


def bandwidth(values: Array, rule: str = "silverman") -> float:
    """Return the bandwidth of a kernel estimate of standardised values (n,), in the scale of an Epanechnikov kernel.

    Silverman's 0.9 min(sd, IQR / 1.349) n^{-1/5} or Scott's 1.059 sd n^{-1/5} are for the normal kernel; times 2.214,
    the ratio of canonical bandwidths, they are for this one.

    Source: Silverman (1986), sections 3.3 and 3.4.

    >>> round(bandwidth(np.arange(100.0)), 2)
    22.9
    """
    sd = float(values.std())
    if rule == "silverman":
        low, high = np.quantile(values, [0.25, 0.75])
        spread = min(sd, float(high - low) / 1.349) if high > low else sd
        return 2.214 * 0.9 * spread * len(values) ** -0.2
    return 2.214 * 1.059 * sd * len(values) ** -0.2


def _binned(values: Array, size: int, reach: float) -> tuple[NDArray[np.int64], Array, float, Array]:
    """Where each value lies on a grid that reaches beyond the values, its share to the right, the step, the kernel."""
    low, high = float(values.min()) - reach, float(values.max()) + reach
    step = (high - low) / (size - 1)
    at = (values - low) / step
    left = np.minimum(at.astype(np.int64), size - 2)
    half = max(int(reach / step), 0)
    offsets = np.arange(-half, half + 1) * step / max(reach, step)
    kernel = np.maximum(1 - offsets**2, 0)
    return left, at - left, step, kernel / kernel.sum()


def _smoothed(counts: Array, kernel: Array, axis: int) -> Array:
    from scipy.signal import fftconvolve

    shape = [1] * counts.ndim
    shape[axis] = len(kernel)
    return fftconvolve(counts, kernel.reshape(shape), mode="same", axes=axis)


def _entropy(p: Array) -> float:
    q = p[p > 0]
    return -float((q * np.log(q)).sum())


def _of_masses(p: Array) -> float:
    """Mutual information of a table of masses, negative ones from rounding taken for 0."""
    p = np.maximum(p, 0)
    p = p / p.sum()
    return max(_entropy(p.sum(axis=0)) + _entropy(p.sum(axis=1)) - _entropy(p), 0.0)


def mutual_information(x: Any, y: Any, *, classes: bool = False, rule: str = "silverman") -> float:
    """Return I(x; y) >= 0 in nats between numbers x (n,) and numbers or, where `classes`, labels y (n,).

    Densities are kernel estimates with an Epanechnikov kernel on a grid (300 x 300 of two numbers; 500 points a class),
    by linear binning and the fast Fourier transform; the integral is the sum over the grid. It is biased by smoothing,
    the same way for all features: compare ranks rather than values.

    Source: K. Yang, thesis, and fastHDMI, arXiv 2410.10082 (method read in the package; ours differs in the binning).

    Raises:
        ValueError: lengths that differ, fewer than 5 values, values not finite or all equal, an unknown rule.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=2000)
    >>> mutual_information(x, x**2 + 0.1 * rng.normal(size=2000)) > 10 * mutual_information(x, rng.normal(size=2000))
    True
    """
    x, y = np.asarray(x, np.float64), np.asarray(y)
    if rule not in RULES:
        raise ValueError(f"rule = {rule!r} is unknown: use {' or '.join(map(repr, RULES))}")
    if x.ndim != 1 or x.shape != y.shape or len(x) < 5:
        raise ValueError(f"x of shape {x.shape} and y of shape {y.shape}: use two of (n,), with n at least 5")
    for name, values in (("x", x), *((("y", y.astype(np.float64)),) if not classes else ())):
        if not np.isfinite(values).all() or values.min() == values.max():
            raise ValueError(f"{name} is not finite or constant: it has no density")
    if classes:
        return _with_classes(x, y, rule)
    y = y.astype(np.float64)
    sides = [_binned(v, GRID, bandwidth(v, rule)) for v in (x, y)]
    counts = np.zeros((GRID, GRID))
    (i, u, _, kx), (j, v, _, ky) = sides
    for a, wa in ((0, 1 - u), (1, u)):
        for b, wb in ((0, 1 - v), (1, v)):
            np.add.at(counts, (i + a, j + b), wa * wb)
    return _of_masses(_smoothed(_smoothed(counts, kx, 0), ky, 1))


def _with_classes(x: Array, y: NDArray[Any], rule: str) -> float:
    labels, which = np.unique(y, return_inverse=True)
    if len(labels) < 2:
        raise ValueError(f"y has the one class {labels[0]!r}: there is nothing to tell apart")
    size = 500
    left, share, _, kernel = _binned(x, size, bandwidth(x, rule))
    counts = np.zeros((len(labels), size))
    np.add.at(counts, (which, left), 1 - share)
    np.add.at(counts, (which, left + 1), share)
    return _of_masses(_smoothed(counts, kernel, 1))


class MutualInformationScreener(TransformerMixin, BaseEstimator):
    """Ranks features by their mutual information with the target, and keeps the best `k`.

    kind: "numbers" or "classes", what y is; "auto" takes labels and integers of at most 10 values for classes.

    Attributes: scores_ (d,), in nats; ranking_ (d,), features from the best; linfoot_ (d,), the informational
    correlation sqrt(1 - e^{-2 I}), which is |r| for normal pairs. A constant feature scores 0.

    Source: as `mutual_information`.

    Raises:
        ValueError: data that scikit-learn refuses, or k below 1.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 50))
    >>> found = MutualInformationScreener(k=2).fit(X, X[:, 7] ** 2 + np.sin(3 * X[:, 1]))
    >>> sorted(found.ranking_[:2].tolist()), found.transform(X).shape
    ([1, 7], (500, 2))
    """

    def __init__(
        self,
        k: int = 10,
        *,
        kind: Literal["auto", "numbers", "classes"] = "auto",
        rule: Literal["silverman", "scott"] = "silverman",
    ) -> None:
        self.k = k
        self.kind = kind
        self.rule = rule

    def fit(self, X: Any, y: Any) -> MutualInformationScreener:
        """Score the features of X (n, d) against y (n,)."""
        if self.k < 1:
            raise ValueError(f"k = {self.k} keeps no feature: use a whole number of at least 1")
        if self.kind not in ("auto", "numbers", "classes"):
            raise ValueError(f"kind = {self.kind!r} is unknown: use 'auto', 'numbers' or 'classes'")
        X, y = validated(self, X, y, ensure_min_samples=5)
        classes = self.kind == "classes"
        if self.kind == "auto":
            whole = y.dtype.kind not in "fc" or bool(np.equal(np.mod(y, 1), 0).all())
            classes = y.dtype.kind in "OUSb" or (whole and len(np.unique(y)) <= 10)
        self.scores_ = np.array(
            [
                0.0 if column.min() == column.max() else mutual_information(column, y, classes=classes, rule=self.rule)
                for column in X.T
            ]
        )
        self.ranking_ = np.argsort(-self.scores_, kind="stable")
        self.linfoot_ = np.sqrt(-np.expm1(-2 * self.scores_))
        return self

    def transform(self, X: Any) -> Array:
        """Return the k best columns of X (n, d), in their order in X."""
        return seen(self, X)[:, np.sort(self.ranking_[: self.k])]
