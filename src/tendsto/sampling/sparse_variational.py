"""SparseVariationalRegressor: sparse ReLU networks by spike-and-slab variational inference, as scikit-learn has it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import require
from tendsto.sampling.sparse_network import SpikeSlab, count, fit_spike_slabs, sizes

__all__ = ["SparseVariationalRegressor", "noise_by_ridge"]

DRAWS = 100
"""Draws of the weights that a prediction averages over."""

PRIORS = ("uniform", "geometric")


class SparseVariationalRegressor:
    """Regression by a sparse ReLU network: q over supports and weights that maximises the tempered ELBO.

    Model: y = f_theta(x) + N(0, sigma^2), f_theta of L layers of width D with S of its T weights and biases not 0; the
    prior draws the support uniformly, and N(0, 1) on it. For every architecture (S, L, D)

        ELBO(q) = -alpha / (2 sigma^2) sum_i E_q (y_i - f_theta(x_i))^2 - KL(q || prior),  0 < alpha < 1,

    is maximised over one support with independent Gaussians on it, and the architecture that maximises ELBO + log pi is
    kept. The search is not convex: gates relax the support while Adam runs, the S likeliest are kept, and the
    Gaussians are refitted on that support; the ELBO is always that of the projected law, whose KL is exact.

    Parameters:
        architectures: (S, L, D) to choose from; None for S = 10, 20, 40, 80, L = 3, D = max(20, d). S is cut at T.
        alpha: the tempering. sigma: the standard deviation of the noise, in units of y; None to estimate it.
        architecture_prior: "uniform", or "geometric" for pi ~ 2^-(S + L + D).
        restarts: searches of each architecture, of which the best is kept.
        steps, refit_steps, learning_rate, batch_size: of Adam; batch_size None for all data at every step.
        normalise: scale every feature to [-1, 1], and y to mean 0 and variance 1, first.
        random_state: a whole number, or NumPy's RandomState or Generator to draw one from; None for any.

    Attributes:
        architecture_: (S, L, D) that was kept. elbos_: the ELBO of each, in the order of `architectures_`, up to
            one constant; elbo_: that of the kept one. divergence_: its KL. sigma_: the noise that was used.
        log_prior_: log pi of each. posterior_: the kept q, a `SpikeSlab` of one lane. nonzeros_: S.

    Raises:
        ValueError: a setting that is none, when fitted; data that scikit-learn would refuse.
        ImportError: scikit-learn is not installed.

    Source: Cherief-Abdellatif, Convergence Rates of Variational Inference in Sparse Deep Learning (2020, arXiv
    1908.04847), Sections 2 to 4, recalled; the paper has no algorithm, the search is ours.

    >>> x = np.linspace(-1, 1, 80)[:, None]
    >>> model = SparseVariationalRegressor([(5, 3, 4), (10, 3, 4)], steps=50, refit_steps=20, restarts=1)
    >>> model.fit(x, 3 * x[:, 0]).predict(x).shape
    (80,)
    >>> model.nonzeros_ <= 10
    True
    """

    def __init__(
        self,
        architectures: Sequence[tuple[int, int, int]] | None = None,
        *,
        alpha: float = 0.5,
        sigma: float | None = None,
        architecture_prior: str = "uniform",
        restarts: int = 3,
        steps: int = 1500,
        refit_steps: int = 500,
        learning_rate: float = 0.02,
        batch_size: int | None = 128,
        normalise: bool = True,
        random_state: Any = 0,
    ):
        self.architectures = architectures
        self.alpha = alpha
        self.sigma = sigma
        self.architecture_prior = architecture_prior
        self.restarts = restarts
        self.steps = steps
        self.refit_steps = refit_steps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.normalise = normalise
        self.random_state = random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        return {name: getattr(self, name) for name in list(inspect.signature(type(self).__init__).parameters)[1:]}

    def set_params(self, **parameters: Any) -> SparseVariationalRegressor:
        """Set parameters by name.

        Raises:
            ValueError: a name that is no parameter.
        """
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(f"{name!r} is no parameter: those are {', '.join(known)}")
            setattr(self, name, value)
        return self

    def fit(self, X: Any, y: Any) -> SparseVariationalRegressor:
        """Fit to X (n, d) and y (n,), arrays or pandas objects; return self."""
        validation = require("sklearn.utils.validation", extra="data")
        X, y = validation.validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        self._check()
        generator = np.random.default_rng(self._seed())
        if self.normalise:
            low, high = X.min(axis=0), X.max(axis=0)
            self.x_center_, half = (low + high) / 2, (high - low) / 2
            self.x_scale_ = np.where(half > 0, half, 1.0)
            spread = float(y.std())
            self.y_center_, self.y_scale_ = float(y.mean()), spread if spread > 0 else 1.0
        else:
            self.x_center_, self.x_scale_ = np.zeros(X.shape[1]), np.ones(X.shape[1])
            self.y_center_, self.y_scale_ = 0.0, 1.0
        x, target = self._scaled(X), (y - self.y_center_) / self.y_scale_
        sigma = noise_by_ridge(x, target, generator) if self.sigma is None else self.sigma / self.y_scale_
        self.sigma_ = sigma * self.y_scale_
        self.architectures_ = self._architectures(X.shape[1])
        self._search(torch.from_numpy(x), torch.from_numpy(target), sigma, generator)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the mean of f_theta(X) under q, (n,), and its standard deviation, without noise, if `return_std`."""
        validation = require("sklearn.utils.validation", extra="data")
        validation.check_is_fitted(self)
        x = torch.from_numpy(self._scaled(validation.validate_data(self, X, dtype=np.float64, reset=False)))
        with torch.no_grad():
            outputs = self.posterior_.outputs(x, np.random.default_rng(0), DRAWS)[:, 0]
        mean = outputs.mean(0).numpy() * self.y_scale_ + self.y_center_
        return (mean, outputs.std(0).numpy() * self.y_scale_) if return_std else mean

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2 of the prediction."""
        metrics = require("sklearn.metrics", extra="data")
        return float(metrics.r2_score(y, self.predict(X), sample_weight=sample_weight))

    def __repr__(self) -> str:
        default = {n: p.default for n, p in inspect.signature(type(self).__init__).parameters.items()}
        shown = [f"{name}={value!r}" for name, value in self.get_params().items() if value is not default[name]]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Any:
        utils = require("sklearn.utils", extra="data")
        return utils.Tags(
            estimator_type="regressor",
            target_tags=utils.TargetTags(required=True),
            regressor_tags=utils.RegressorTags(),
            input_tags=utils.InputTags(),
        )

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray((X - self.x_center_) / self.x_scale_)

    def _seed(self) -> int:
        state: Any = self.random_state
        if state is None:
            return int(np.random.default_rng().integers(2**31))
        if isinstance(state, int | np.integer):
            return int(Random(int(state)).seed)
        return int(state.integers(2**31) if isinstance(state, np.random.Generator) else state.randint(2**31 - 1))

    def _check(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha = {self.alpha} does not temper: use a number above 0 and below 1")
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma = {self.sigma} is no noise: use a finite number above 0, or None to estimate it")
        if self.architecture_prior not in PRIORS:
            raise ValueError(
                f"architecture_prior = {self.architecture_prior!r} is unknown: use 'uniform' or 'geometric'"
            )
        for name in ("restarts", "steps", "refit_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} fits nothing: use a whole number of at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate = {self.learning_rate} moves nothing: use a number above 0")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size = {self.batch_size} draws nothing: use a whole number, or None for all data")

    def _architectures(self, d: int) -> list[tuple[int, int, int]]:
        listed = [(s, 3, max(20, d)) for s in (10, 20, 40, 80)] if self.architectures is None else self.architectures
        if not len(listed):
            raise ValueError("architectures = [] leaves nothing to fit: give at least one (S, L, D)")
        for S, L, D in listed:
            if S < 1 or L < 3 or d > D:
                raise ValueError(
                    f"the architecture (S, L, D) = {(S, L, D)} is not covered on {d} features: S of at least 1, L of at"
                    f" least 3, D of at least {d}"
                )
        return [(min(S, count(sizes(d, L, D))), L, D) for S, L, D in listed]

    def _search(self, x: Tensor, y: Tensor, sigma: float, generator: np.random.Generator) -> None:
        """Fit all that share a shape as lanes, and keep the best."""
        listed = self.architectures_
        self.elbos_ = np.full(len(listed), -np.inf)
        found: dict[int, SpikeSlab] = {}
        for shape in dict.fromkeys((L, D) for _, L, D in listed):
            places = [i for i, (_, L, D) in enumerate(listed) if shape == (L, D) for _ in range(self.restarts)]
            nonzeros = torch.tensor([listed[i][0] for i in places])
            shapes = tuple(sizes(x.shape[1], *shape))
            settings = {"alpha": self.alpha, "sigma": sigma, "steps": self.steps, "refit_steps": self.refit_steps}
            q = fit_spike_slabs(
                x, y, nonzeros, shapes, generator, **settings, lr=self.learning_rate, batch=self.batch_size
            )
            with torch.no_grad():
                elbos = q.elbo(x, y, self.alpha, sigma, generator).nan_to_num(nan=-math.inf).tolist()
            for lane, (place, elbo) in enumerate(zip(places, elbos, strict=True)):
                if elbo > self.elbos_[place]:
                    self.elbos_[place], found[place] = elbo, q.lane(lane)
        if not found:
            raise ValueError(f"no search ended at finite weights: lower learning_rate = {self.learning_rate}")
        self.log_prior_ = architecture_log_prior(listed, self.architecture_prior)
        best = int(np.argmax(self.elbos_ + self.log_prior_))
        self.architecture_, self.elbo_, self.posterior_ = listed[best], float(self.elbos_[best]), found[best]
        self.nonzeros_, self.divergence_ = listed[best][0], float(self.posterior_.divergence()[0])


def architecture_log_prior(listed: Sequence[tuple[int, int, int]], kind: str) -> np.ndarray:
    """Return log pi of every (S, L, D): "uniform", or "geometric", pi ~ 2^-(S + L + D).

    >>> np.exp(architecture_log_prior([(1, 3, 1), (2, 3, 1)], "geometric")).round(3).tolist()
    [0.667, 0.333]
    """
    logs = np.array([-math.log(2) * sum(a) if kind == "geometric" else 0.0 for a in listed])
    return logs - np.logaddexp.reduce(logs)


def noise_by_ridge(x: np.ndarray, y: np.ndarray, generator: np.random.Generator, features: int = 200) -> float:
    """Return the standard deviation of the noise: of the residuals of a wide ridge fit, over its degrees of freedom.

    x: (n, d), about [-1, 1]; y: (n,). The ridge is on random ReLU features, its penalty chosen by generalised
    cross-validation. At least 0.01 of the standard deviation of y, since noise-free data have no noise to find.
    """
    n, d = x.shape
    weights = generator.standard_normal((d, features))
    knots = generator.uniform(-1, 1, features) * np.linalg.norm(weights, axis=0)
    h = np.column_stack([np.maximum(x @ weights - knots, 0), x])
    h = h - h.mean(axis=0)
    u, s, _ = np.linalg.svd(h / np.sqrt(h.shape[1]), full_matrices=False)
    centred = y - y.mean()
    inside = u.T @ centred
    found: list[tuple[float, float]] = []
    for penalty in np.geomspace(1e-6, 1e3, 40) * n:
        kept = s**2 / (s**2 + penalty)
        left = float(centred @ centred - (inside**2).sum() + ((1 - kept) ** 2 * inside**2).sum())
        free = n - 1 - float(kept.sum())
        if free > 0.1 * n:
            found.append((left / free**2, max(left, 0.0) / free))
    variance = min(found)[1] if found else float(centred.var())
    return max(math.sqrt(variance), 0.01 * float(y.std()), 1e-6)
