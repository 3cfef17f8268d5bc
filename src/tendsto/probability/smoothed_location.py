"""The smoothed estimator of a location, the shape of the noise known (Gupta, Lee and Price, 2023).

Add Gaussian noise of width r to the data, so that it has the density ``f_r = f * N(0, r²)``, and take one Newton step
from a crude estimate, with the score and the Fisher information of f_r. Its error is that of ``N(0, 1/(n I_r))``, at a
finite n, where maximum likelihood is only so in the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tendsto.probability.assumption import Assumption, require
from tendsto.probability.noise import Noise
from tendsto.probability.noise_vector import ProductNoise, VectorNoise, as_covariance
from tendsto.probability.robust_centre import Initial, initial_errors, initial_location, parts_of

__all__ = ["SmoothedLocation", "location_radius", "second_order", "smoothed_newton"]

Array = NDArray[np.float64]

_GRID = 1.25 ** -np.arange(-6.0, 32.0)
"""Widths that "auto" looks at, in standard deviations of the noise, from 3.8 down to 1/1000."""


def smoothed_newton(
    samples: ArrayLike,
    noise: Noise | VectorNoise,
    smoothing: Any,
    initial: ArrayLike,
    rng: np.random.Generator,
    *,
    steps: int = 1,
    draws: int = 1,
) -> Array:
    """``λ - I_R^{-1} mean s_R(x_i + Z_i - λ)``, Z_i from N(0, R), begun at λ = initial: the estimate of each sample.

    samples: (..., n) on the line, (..., n, d) in R^d; initial: (...) or (..., d). steps: more than the paper's one
    approach the smoothed maximum likelihood. draws: more than the paper's one average the score over so many Z_i, which
    lowers the variance below ``1/(n I_r)``.

    Raises ValueError for fewer than 1 step or draw, or an information that is singular. Source: Gupta, Lee and Price,
    arXiv:2302.02497; the algorithm is recalled from its predecessor (arXiv:2206.02348).

    >>> from tendsto.probability.noise import MixtureNoise
    >>> normal, x = MixtureNoise([1.0], [0.0], [1.0]), np.array([1.0, 2.0, 6.0])
    >>> smoothed_newton(x, normal, 1e-6, 0.0, np.random.default_rng(0)).round(3)  # Gaussian noise: the mean
    np.float64(3.0)
    """
    if steps < 1 or draws < 1:
        raise ValueError(f"{steps} steps and {draws} draws make no estimate; at least 1 of each is needed")
    x, at = np.asarray(samples, np.float64), np.asarray(initial, np.float64)
    if isinstance(noise, Noise):
        smooth = [x + float(smoothing) * rng.standard_normal(x.shape) for _ in range(draws)]
        information = float(noise.information(float(smoothing)).value)
        for _ in range(steps):
            score = np.mean([noise.score(z - at[..., None], float(smoothing)).mean(axis=-1) for z in smooth], axis=0)
            at = at - score / information
        return at
    inverse = inverse_information(noise, smoothing)
    values, vectors = np.linalg.eigh(as_covariance(smoothing, noise.dimension))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    smooth = [x + rng.standard_normal(x.shape) @ root for _ in range(draws)]
    for _ in range(steps):
        score = np.mean([noise.score(z - at[..., None, :], smoothing).mean(axis=-2) for z in smooth], axis=0)
        at = at - score @ inverse
    return at


def inverse_information(noise: VectorNoise, smoothing: Any) -> Array:
    """``I_R^{-1}``; ValueError where it is singular to rounding."""
    value = np.asarray(noise.information(smoothing).value)
    eigenvalues = np.linalg.eigvalsh(value)
    if not eigenvalues[0] > 1e-12 * eigenvalues[-1]:
        raise ValueError(
            f"the information is singular: its eigenvalues go from {eigenvalues[0]:g} to {eigenvalues[-1]:g}"
        )
    return np.linalg.inv(value)


def second_order(noise: Noise, r: float, n: int, delta: float, initial_error: float) -> float:
    """What one Newton step from an error of up to ``initial_error`` loses, as a share of the first-order radius.

    The largest over shifts ε of ``|ε - E s_r(W - ε)/I_r| / √(2 log(2/δ) / (n I_r)) + √(Var s_r(W - ε) / I_r) - 1``: the
    bias that the step leaves, and the variance that it adds. Source: derived here; the paper asks for n large enough.

    >>> from tendsto.probability.noise import MixtureNoise
    >>> round(second_order(MixtureNoise([1.0], [0.0], [1.0]), 0.1, 100, 0.05, 0.3), 6)  # linear score: nothing is lost
    0.0
    """
    if not math.isfinite(initial_error):
        return math.inf
    information = float(noise.information(r).value)
    radius = math.sqrt(2 * math.log(2 / delta) / (n * information))
    worst = 0.0
    for shift in initial_error * np.array([-1.0, -0.5, -0.25, 0.25, 0.5, 1.0]):
        mean, variance = noise.shifted_score(r, float(shift))
        lost = abs(shift - mean / information) / radius + math.sqrt(variance / information) - 1
        worst = max(worst, float(lost))
    return worst


def location_radius(information: ArrayLike, n: int, delta: float, slack: float = 0.1) -> float:
    """How far the estimate is from λ with probability 1 - delta, from the information of one smoothed sample.

    On the line ``(1 + η) √(2 log(2/δ) / (n I))``, in R^d ``(1 + η) √(Tr I^{-1} / n) + 5 √(|I^{-1}| log(4/δ) / n)``; η
    is the slack. Source: Gupta, Lee and Price, arXiv:2302.02497; the latter recalled.

    >>> round(location_radius(4.0, 100, 0.05, slack=0.0), 4)
    0.1358
    """
    matrix = np.asarray(information, np.float64)
    if matrix.ndim == 0:
        return (1 + slack) * math.sqrt(2 * math.log(2 / delta) / (n * float(matrix)))
    inverse = np.linalg.inv(matrix)
    first = (1 + slack) * math.sqrt(float(np.trace(inverse)) / n)
    return first + 5 * math.sqrt(float(np.linalg.norm(inverse, 2)) * math.log(4 / delta) / n)


@dataclass
class SmoothedLocation:
    """Estimate a location λ from samples λ + noise, the noise's shape known.

    noise: a `Noise` on the line (also for each column of an (n, d) sample), or a `VectorNoise`.
    smoothing: the width r; in R^d also a covariance R. "auto": the smallest r of a grid at which the second-order terms
        of the step are predicted to be at most ``slack``; "rule": ``σ (log(1/δ)/n)^{1/8}``, recalled from the paper.
    delta: the probability with which the radius may fail. slack: η in the radius.
    initial: as in `initial_location`; by default "quantile" on the line and "median-of-means" in R^d.
    steps, draws: as in `smoothed_newton`. random_state: a seed or a NumPy generator.

    Fitted: ``location_``, a number, or (d,); ``fisher_``, the information I_r of one sample, a number, or (d, d);
    ``smoothing_``; ``initial_``; ``assumptions_``; ``radius_``, of `location_radius`, refused where one of them fails.

    ``fit`` raises ValueError for fewer than 2 samples, a value that is not finite, a constant sample or column, or a
    wrong number of columns. Source: Gupta, Lee and Price, arXiv:2302.02497; the algorithm is recalled.

    >>> from tendsto.probability.noise import MixtureNoise
    >>> spike = MixtureNoise((0.8, 0.2), (0.0, 0.0), (1.0, 0.02))
    >>> X = 3.0 + spike.sample(2000, np.random.default_rng(0))
    >>> estimate = SmoothedLocation(spike).fit(X)
    >>> bool(abs(estimate.location_ - 3.0) < estimate.radius_ < abs(X.mean() - 3.0))
    True
    """

    noise: Any
    smoothing: Any = "auto"
    delta: float = 0.05
    slack: float = 0.1
    initial: Initial | None = None
    steps: int = 1
    draws: int = 1
    random_state: Any = 0

    def fit(self, X: ArrayLike, y: None = None) -> SmoothedLocation:
        """Fit to samples of shape (n,) or (n, d), an array, Series or DataFrame; return self."""
        x = np.asarray(X, np.float64)
        noise = self._check(x)
        how = self.initial or ("median-of-means" if isinstance(noise, VectorNoise) else "quantile")
        x = x[:, 0] if isinstance(noise, Noise) and x.ndim == 2 else x
        n = len(x)
        self.n_samples_ = n
        self.initial_ = initial_location(x, noise, how, self.delta)
        found = zip(parts_of(noise), initial_errors(noise, how, n, self.delta), strict=True)
        parts = list(dict.fromkeys(found))  # of equal coordinates one tells all
        self.smoothing_ = self._width(noise, parts, n)
        rng = np.random.default_rng(self.random_state)
        location = smoothed_newton(x, noise, self.smoothing_, self.initial_, rng, steps=self.steps, draws=self.draws)
        self.location_ = float(location) if isinstance(noise, Noise) else location
        self.fisher_ = noise.information(self.smoothing_).value
        self.assumptions_ = self._assumptions(noise, parts, n)
        return self

    @property
    def radius_(self) -> float:
        """The radius around ``location_`` in which λ lies with probability 1 - delta.

        Raises ValueError where an assumption fails, with its witness.
        """
        require("finite-sample bound of the smoothed estimator", *self.assumptions_)
        return location_radius(self.fisher_, self.n_samples_, self.delta, self.slack)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def set_params(self, **settings: Any) -> SmoothedLocation:
        """Change settings by name; ValueError for one that is not there."""
        for name, value in settings.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"{name!r} is no setting; {', '.join(self.__dataclass_fields__)} are")
            setattr(self, name, value)
        return self

    def _check(self, x: Array) -> Noise | VectorNoise:
        if not isinstance(self.noise, Noise | VectorNoise):
            raise TypeError(
                f"noise {self.noise!r} is no shape; a Noise or VectorNoise, such as MixtureNoise, is needed"
            )
        if not 0 < self.delta < 1 or not self.slack > 0:
            raise ValueError(f"delta {self.delta} must lie strictly between 0 and 1, slack {self.slack} above 0")
        if x.ndim not in (1, 2) or x.shape[0] < 2 or x.size == 0:
            raise ValueError(f"a sample of shape {x.shape} has no location; (n,) or (n, d) with n >= 2 is needed")
        if not np.isfinite(x).all():
            raise ValueError(f"{np.size(x) - int(np.isfinite(x).sum())} of {x.size} values are not finite")
        still = np.flatnonzero(np.ptp(x.reshape(len(x), -1), axis=0) == 0)
        if still.size:
            raise ValueError(f"column {still[0]} of the sample is constant, which noise with a density never gives")
        if isinstance(self.noise, Noise):
            return self.noise if x.ndim == 1 or x.shape[1] == 1 else ProductNoise([self.noise] * x.shape[1])
        if x.ndim != 2 or x.shape[1] != self.noise.dimension:
            raise ValueError(f"a sample of shape {x.shape} does not have the noise's {self.noise.dimension} columns")
        return self.noise

    def _width(self, noise: Any, parts: list[tuple[Noise, float]], n: int) -> Any:
        if not isinstance(self.smoothing, str):
            if isinstance(noise, Noise) and not isinstance(self.smoothing, int | float):
                raise TypeError(f"smoothing {self.smoothing!r} is no width; on the line a number is needed")
            return self.smoothing
        if self.smoothing not in ("auto", "rule"):
            raise ValueError(
                f"smoothing {self.smoothing!r} is unknown; 'auto', 'rule', a width or a covariance is needed"
            )
        variance = noise.variance if isinstance(noise, Noise) else float(np.trace(noise.covariance)) / noise.dimension
        if not math.isfinite(variance):
            raise ValueError("noise without variance has no width of its own: give smoothing as a number")
        sigma = math.sqrt(variance)
        if self.smoothing == "rule" or not parts:
            return sigma * (math.log(1 / self.delta) / n) ** 0.125
        chosen = float(sigma * _GRID[0])
        for r in sigma * _GRID[1:]:
            if max(self._lost(noise, parts, float(r), n)) > self.slack:
                break
            chosen = float(r)
        return chosen

    def _lost(self, noise: Any, parts: list[tuple[Noise, float]], r: float, n: int) -> list[float]:
        """The second-order terms of each part, the failure shared out over the coordinates."""
        share = self.delta / len(parts_of(noise))
        return [second_order(part, r, n, share, error) for part, error in parts]

    def _assumptions(self, noise: Any, parts: list[tuple[Noise, float]], n: int) -> tuple[Assumption, ...]:
        variance = noise.variance if isinstance(noise, Noise) else float(np.trace(noise.covariance))
        finite = Assumption("finite variance", "holds" if math.isfinite(variance) else "fails", f"it is {variance:.4g}")
        name = "nearness of the first estimate"
        if not parts or np.ndim(self.smoothing_) != 0:
            return finite, Assumption(name, "unknown", "second-order terms are not computed for this noise")
        terms = self._lost(noise, parts, self.smoothing_, n)
        worst = int(np.argmax(terms))
        said = (
            f"from an error of up to {parts[worst][1]:.3g} the step loses {terms[worst]:.3g} of the radius, "
            f"slack {self.slack:g}, r = {self.smoothing_:.3g}"
        )
        return finite, Assumption(name, "holds" if terms[worst] <= self.slack else "fails", said)
