"""Target: a law to be sampled or approximated, known by its log-density up to a constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.problems.once import once_property

__all__ = ["Gaussian", "LogDensity", "Target"]


class Target:
    """A law on R^d with a density pi. Subclasses are frozen dataclasses of the numbers that define it.

    A subclass gives `dimension` and `log_density`; `score` = grad log pi and `hessian` of log pi follow by
    differentiation. Where they are known, it also gives `draw`, `mean` and `covariance`. Points are float64 tensors
    (..., d) with any leading axes, and every answer keeps these axes. All are pure functions, so that they may be
    batched by `torch.func.vmap`.
    """

    @property
    def dimension(self) -> int:
        """d."""
        raise NotImplementedError(f"{type(self).__name__} has no dimension: define the property dimension")

    def log_density(self, x: Tensor) -> Tensor:
        """Return log pi(x) up to a constant, of shape (...)."""
        raise NotImplementedError(f"{type(self).__name__} has no density: define log_density(x)")

    def score(self, x: Tensor) -> Tensor:
        """Return grad log pi(x), of shape (..., d)."""
        return torch.func.grad(lambda y: self.log_density(y).sum())(x)

    def hessian(self, x: Tensor) -> Tensor:
        """Return the Hessian of log pi at x, of shape (..., d, d)."""

        def one(y: Tensor) -> Tensor:
            # Reverse over reverse: forward mode warns when torch first loads it.
            pull: Any = torch.func.vjp(self.score, y)[1]
            return torch.func.vmap(lambda e: pull(e)[0])(torch.eye(len(y), dtype=y.dtype))

        flat = x.reshape(-1, x.shape[-1])
        return torch.func.vmap(one)(flat).reshape(*x.shape, x.shape[-1])

    def draw(self, rng: Random, n: int) -> Tensor | None:
        """Return n independent draws (n, d), or None where no exact sampler is known."""
        return None

    def mean(self) -> Tensor | None:
        """Return the mean (d,), or None where it is not known."""
        return None

    def covariance(self) -> Tensor | None:
        """Return the covariance (d, d), or None where it is not known."""
        return None


@dataclass(frozen=True)
class LogDensity(Target):
    """A user's own target: `function` maps (..., d) to log-densities (...), written with torch operations.

    Raises:
        ValueError: d < 1, or at 0 and at points around it the function is not finite, or has another shape, or along
            an axis it grows or falls too slowly for a density to be proportional to its exponential.

    >>> target = LogDensity(2, lambda x: -0.5 * (x**2).sum(-1))
    >>> target.score(torch.tensor([[1.0, 2.0]], dtype=torch.float64)).tolist()
    [[-1.0, -2.0]]
    """

    d: int
    function: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        if self.d < 1:
            raise ValueError(f"d = {self.d} is no dimension: use a whole number of at least 1")
        directions = torch.cat([torch.eye(self.d), -torch.eye(self.d)]).to(torch.float64)
        near = self.function(torch.cat([torch.zeros(1, self.d, dtype=torch.float64), directions]))
        if near.shape != (2 * self.d + 1,):
            raise ValueError(
                f"{2 * self.d + 1} points of dimension {self.d} got log-densities of shape {tuple(near.shape)}: "
                "return one number a point, for instance by .sum(-1)"
            )
        if not near.isfinite().all():
            raise ValueError(
                f"the log-density is {near.tolist()} at 0 and plus and minus the unit vectors: it must be finite there"
            )
        self._check_decay(directions, float(near.max()))

    def _check_decay(self, directions: Tensor, top: float) -> None:
        """Raise ValueError where along a ray the density grows, or falls no faster than 1 / r.

        What overflows to NaN so far out says nothing: the funnel does.
        """
        middle, far = self.function(1e3 * directions), self.function(1e6 * directions)
        power = (far - middle) / math.log(1e3)
        wrong = (far > top) | (far.isfinite() & middle.isfinite() & (power > -1.0))
        if wrong.any():
            at = int(wrong.nonzero()[0, 0])
            grows = far[at] > top
            told = (
                f"more than near 0, where it is at most {top:.6g}"
                if grows
                else (f"so along that ray the density goes as r^{float(power[at]):.3g}, and its integral is infinite")
            )
            place = (1e6 * directions[at]).tolist()
            raise ValueError(
                f"the log-density is {float(far[at]):.6g} at {place}, {told}: it is improper, so no law has it"
            )

    @property
    def dimension(self) -> int:
        return self.d

    def log_density(self, x: Tensor) -> Tensor:
        return self.function(x)


@dataclass(frozen=True)
class Gaussian(Target):
    """N(mean, covariance), the centre and the rows of the covariance given as tuples of floats.

    Raises:
        ValueError: the covariance is not square of the mean's length, not symmetric, or not positive definite.

    >>> Gaussian((0.0, 0.0), ((2.0, 0.0), (0.0, 1.0))).score(torch.tensor([2.0, 1.0], dtype=torch.float64)).tolist()
    [-1.0, -1.0]
    """

    centre: tuple[float, ...] = (0.0, 0.0)
    rows: tuple[tuple[float, ...], ...] = ((1.0, 0.8), (0.8, 1.0))

    def __post_init__(self) -> None:
        d = len(self.centre)
        if d < 1 or [len(row) for row in self.rows] != [d] * d:
            raise ValueError(f"a mean of {d} entries needs {d} rows of {d}, not {[len(row) for row in self.rows]}")
        covariance = self.covariance()
        if not torch.equal(covariance, covariance.T):
            raise ValueError(f"the covariance {self.rows} is not symmetric")
        least = float(torch.linalg.eigvalsh(covariance)[0])
        if not least > 0:
            raise ValueError(f"the covariance {self.rows} has the eigenvalue {least:.3g}: a density needs all above 0")

    @property
    def dimension(self) -> int:
        return len(self.centre)

    @once_property
    def precision(self) -> Tensor:
        """The inverse of the covariance, (d, d)."""
        return torch.linalg.inv(self.covariance())

    def log_density(self, x: Tensor) -> Tensor:
        return 0.5 * ((x - self.mean()) * self.score(x)).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        return (self.mean() - x) @ self.precision

    def hessian(self, x: Tensor) -> Tensor:
        return -self.precision.expand(*x.shape, x.shape[-1])

    def draw(self, rng: Random, n: int) -> Tensor:
        normal = rng.normal("normal", (n, self.dimension), torch.float64)
        return self.mean() + normal @ torch.linalg.cholesky(self.covariance()).T

    def mean(self) -> Tensor:
        return torch.tensor(self.centre, dtype=torch.float64)

    def covariance(self) -> Tensor:
        return torch.tensor(self.rows, dtype=torch.float64)
