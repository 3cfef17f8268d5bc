"""A linear mixed model whose groups have q-Gaussian tails: outlying groups lose their weight by themselves."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from tendsto.estimators.base import BaseEstimator, RegressorMixin, seen, validated

Array = NDArray[np.float64]

LEAST_NU, MOST_NU = 0.5, 1e4


class QGaussianMixedModel(RegressorMixin, BaseEstimator):
    """Random intercepts with q-Gaussian errors, the laws of largest Tsallis entropy of given covariance shape.

    The d observations of a group have r = y - X b - b_0 of density proportional to

        (1 + r' S^{-1} r / nu)^{-(nu + d) / 2},   S = scale I + group_scale 1 1',

    which is the q-Gaussian with q = 1 + 2 / (nu + d): a multivariate Student law, normal for nu -> inf (q -> 1).
    All parameters are fitted by maximum likelihood (L-BFGS from the normal fit). A group counts with the weight
    (nu + d) / (nu + r' S^{-1} r). Compact support, q < 1, is not offered: it has no likelihood for outliers.

    nu: None to fit it, or a fixed number; math.inf is the linear mixed model.

    Attributes: coef_ (d,), intercept_, scale_ and group_scale_ (scatters; variances are these times nu / (nu - 2)),
    nu_, groups_ and weights_ and effects_ (the predicted intercepts), one a group, log_likelihood_, converged_.

    Source: K. Yang, Contributions to Robust and Efficient Methods for Analysis of High Dimensional Data (thesis); its
    text was not found: reconstructed from the family's definition; nu is common to groups of all sizes, so that q
    depends on the size.

    Raises:
        ValueError: data that scikit-learn refuses, groups of another length, fewer than two of them, or nu not above 0.

    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(40), 5)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X @ [1.0, -2.0] + rng.normal(size=40)[groups] + 0.3 * rng.normal(size=200)
    >>> found = QGaussianMixedModel().fit(X, y, groups)
    >>> found.coef_.round(1).tolist()
    [1.1, -2.0]
    """

    def __init__(self, *, nu: float | None = None, fit_intercept: bool = True, max_iter: int = 500) -> None:
        self.nu = nu
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, groups: Any = None) -> QGaussianMixedModel:
        """Fit to X (n, d), y (n,) and the group of each observation, labels (n,); without, each is its own group."""
        if self.nu is not None and not self.nu > 0:
            raise ValueError(f"nu = {self.nu} is no number of degrees of freedom: use one above 0, or None to fit it")
        X, y = validated(self, X, y, y_numeric=True, ensure_min_samples=3)
        labels = np.arange(len(y)) if groups is None else np.asarray(groups)
        if labels.shape != (len(y),):
            raise ValueError(f"groups has the shape {labels.shape}: use one label for each of {len(y)} observations")
        self.groups_, which = np.unique(labels, return_inverse=True)
        if len(self.groups_) < 2:
            raise ValueError(f"all observations are of the group {self.groups_[0]!r}: two or more are needed")
        design = np.hstack([X, np.ones((len(y), int(self.fit_intercept)))])
        data = _Grouped(design, np.asarray(y, np.float64), which)
        theta, _ = data.fit(data.start(), math.inf, self.max_iter)
        theta, fitted = data.fit(theta, self.nu, self.max_iter)
        self.n_iter_ = int(fitted.nit)
        nu = data.nu_of(theta, self.nu)
        b = theta[: data.design.shape[1]].numpy()
        self.coef_ = b[: X.shape[1]]
        self.intercept_ = float(b[-1]) if self.fit_intercept else 0.0
        self.scale_, self.group_scale_ = (float(v) for v in torch.exp(theta[len(b) : len(b) + 2]))
        self.nu_ = float(nu)
        squares, effects = data.groups(theta)
        self.weights_ = (
            np.ones(len(squares))
            if math.isinf(self.nu_)
            else ((self.nu_ + data.sizes.numpy()) / (self.nu_ + squares.numpy()))
        )
        self.effects_ = effects.numpy()
        self.log_likelihood_ = -float(data.loss(theta, self.nu))
        self.converged_ = bool(fitted.success)
        return self

    def predict(self, X: Any, groups: Any = None) -> Array:
        """Return predictions (n,): those of the fixed part, and with groups that were seen their intercepts added."""
        fixed = seen(self, X) @ self.coef_ + self.intercept_
        if groups is None:
            return fixed
        known: dict[Hashable, float] = dict(zip(self.groups_.tolist(), self.effects_.tolist(), strict=True))
        return fixed + np.array([known.get(g, 0.0) for g in np.asarray(groups).tolist()])


class _Grouped:
    """The data as tensors, and the negative log-likelihood; theta = (b, log scale, log group_scale, log nu)."""

    def __init__(self, design: Array, response: Array, which: NDArray[np.int64]) -> None:
        self.design, self.response = torch.from_numpy(design), torch.from_numpy(response)
        self.which = torch.from_numpy(which)
        self.sizes = torch.bincount(self.which).double()

    def start(self) -> torch.Tensor:
        b = torch.linalg.lstsq(self.design, self.response).solution
        scale = float(((self.response - self.design @ b) ** 2).mean().clamp(min=1e-12))
        return torch.cat([b, torch.tensor([math.log(scale / 2), math.log(scale / 2), math.log(10.0)]).double()])

    def nu_of(self, theta: torch.Tensor, fixed: float | None) -> torch.Tensor:
        if fixed is not None:
            return torch.tensor(fixed).double()
        return torch.exp(theta[-1]).clamp(LEAST_NU, MOST_NU)

    def _sum(self, values: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(self.sizes).index_add(0, self.which, values)

    def groups(self, theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """r' S^{-1} r and the predicted intercept of each group; S is inverted by Sherman and Morrison's formula."""
        p = self.design.shape[1]
        scale, group_scale = torch.exp(theta[p]), torch.exp(theta[p + 1])
        r = self.response - self.design @ theta[:p]
        total, whole = self._sum(r), scale + self.sizes * group_scale
        return (self._sum(r * r) - group_scale * total**2 / whole) / scale, group_scale * total / whole

    def loss(self, theta: torch.Tensor, fixed: float | None) -> torch.Tensor:
        p, d = self.design.shape[1], self.sizes
        squares = self.groups(theta)[0]
        scale, group_scale = theta[p], theta[p + 1]
        determinant = (d - 1) * scale + torch.log(torch.exp(scale) + d * torch.exp(group_scale))
        if fixed is not None and math.isinf(fixed):
            return 0.5 * (d * math.log(2 * math.pi) + determinant + squares).sum()
        nu = self.nu_of(theta, fixed)
        constant = torch.lgamma((nu + d) / 2) - torch.lgamma(nu / 2) - d / 2 * torch.log(nu * math.pi)
        return -(constant - determinant / 2 - (nu + d) / 2 * torch.log1p(squares / nu)).sum()

    def fit(self, theta: torch.Tensor, fixed: float | None, most: int) -> tuple[torch.Tensor, Any]:
        def both(values: Array) -> tuple[float, Array]:
            at = torch.from_numpy(values.copy()).requires_grad_()
            loss = self.loss(at, fixed)
            loss.backward()
            return loss.item(), at.grad.numpy()  # type: ignore[union-attr]

        logs = [(-60.0, 60.0)] * 2 + [(math.log(LEAST_NU), math.log(MOST_NU))]
        bounds = [(-math.inf, math.inf)] * self.design.shape[1] + logs
        options: Any = {"maxiter": most, "ftol": 1e-13, "gtol": 1e-8}
        with torch.enable_grad():
            found = minimize(both, theta.numpy(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        low, high = torch.tensor(bounds).double().T
        return self._polish(torch.from_numpy(found.x), low, high, fixed), found

    def _polish(self, theta: torch.Tensor, low: torch.Tensor, high: torch.Tensor, fixed: float | None) -> torch.Tensor:
        """Newton's steps on what is not at a bound, while they shrink the gradient.

        The fall of the loss drowns in rounding where half of the digits of theta are right.
        """
        free = (theta > low + 1e-6) & (theta < high - 1e-6)
        free[-1] &= fixed is None

        def loss(at: torch.Tensor) -> torch.Tensor:
            return self.loss(at, fixed)

        def slope(at: torch.Tensor) -> torch.Tensor:
            return torch.autograd.functional.jacobian(loss, at)[free]  # type: ignore[index, no-any-return]

        here = slope(theta)
        for _ in range(5):
            hessian: Any = torch.autograd.functional.hessian(loss, theta)
            factor, wrong = torch.linalg.cholesky_ex(hessian[free][:, free])
            if wrong:
                break
            ahead = theta.clone()
            ahead[free] -= torch.cholesky_solve(here[:, None], factor)[:, 0]
            there = slope(ahead)
            if not there.norm() < here.norm():
                break
            theta, here = ahead, there
        return theta
