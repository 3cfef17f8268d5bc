"""Worst cases: functions on which the bounds of gradient methods are attained, or nearly so."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register


class Huber(Problem):
    """f(x) = L/2 ||x||^2 where ||x|| <= t, else L t ||x|| - L t^2 / 2: flat enough to be slow, and then gone.

    L-smooth and convex; the optimum is 0 at x* = 0. Far out the gradient has the constant norm L t: a small threshold t
    makes the method crawl, a large one makes little of f left to lose; the worst case for a method and a horizon lies
    between. The initial point is uniform on the sphere of radius `distance`. A subclass gives the threshold.
    """

    criterion_name = "f(x) - f*"
    smooth: Any
    distance: Any
    dimension: Any
    horizon: Any

    def threshold(self) -> float:
        """Return t, where the function turns from quadratic to linear."""
        raise NotImplementedError(f"{type(self).__name__} has no threshold: define threshold()")

    def _check(self) -> None:
        if self.smooth <= 0 or self.distance <= 0:
            raise ValueError(f"smooth = {self.smooth} and distance = {self.distance} must be positive")
        if self.dimension < 1 or self.horizon < 1:
            raise ValueError(
                f"dimension = {self.dimension} and horizon = {self.horizon} must be whole numbers of at least 1"
            )

    def init(self, rng: Random) -> Tensor:
        direction = rng.normal("x", (self.dimension,), torch.float64)
        return self.distance * direction / direction.norm()

    def _beyond(self, x: Tensor) -> Tensor:
        """max(||x||, t). The square is clamped before the root, so that nothing is divided by ||x|| = 0."""
        return (x * x).sum().clamp(min=self.threshold() ** 2).sqrt()

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        t, beyond = self.threshold(), self._beyond(x)
        inside = 0.5 * self.smooth * (x * x).sum()
        return torch.where(beyond > t, self.smooth * t * (beyond - 0.5 * t), inside)

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.smooth * self.threshold() / self._beyond(x) * x

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def solution(self) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": (x * x).sum(), "||grad f||^2": (self.gradient(x) ** 2).sum()}

    def constants(self) -> Constants:
        t = self.threshold()
        return Constants(
            smooth=self.smooth,
            convex=True,
            lipschitz=self.smooth * t,
            noise=0.0,
            distance=self.distance,
            gap=self.smooth * t * (self.distance - 0.5 * t),
        )


@register("worst-gd")
@dataclass(frozen=True)
class WorstGD(Huber):
    """The Huber function on which N steps of gradient descent leave exactly what the theorem allows.

    For steps g <= 1/L, GD on an L-smooth convex function has f(x_N) - f* <= L D^2 / (4 L g N + 2), D = ||x_0 - x*||.
    With the threshold t = D / (2 L g N + 1) this is an equality at N (and at N alone). Points are float64 tensors of
    shape (dimension,).

    Raises:
        ValueError: step_size > 1/L or not positive, or sizes below 1.

    Source: Drori, Teboulle, *Performance of first-order methods for smooth convex minimization* (2014), Theorem 3.2.

    >>> problem = WorstGD(horizon=10, smooth=2.0, step_size=0.25)
    >>> x = problem.init(Random(0))
    >>> for _ in range(10):
    ...     x = x - 0.25 * problem.gradient(x)
    >>> round(float(problem.criterion(x)) / problem.attained(), 9)
    1.0
    """

    horizon: int = 20
    step_size: float = 1.0
    smooth: float = 1.0
    distance: float = 1.0
    dimension: int = 2

    def __post_init__(self) -> None:
        self._check()
        if not 0 < self.step_size <= 1 / self.smooth:
            raise ValueError(
                f"step_size = {self.step_size} is outside what the bound is attained for: "
                f"use a step above 0 and at most 1/L = {1 / self.smooth:g}"
            )

    def threshold(self) -> float:
        return self.distance / (2 * self.smooth * self.step_size * self.horizon + 1)

    def attained(self) -> float:
        """Return L D^2 / (4 L g N + 2), the criterion of GD after N steps."""
        return self.smooth * self.distance**2 / (4 * self.smooth * self.step_size * self.horizon + 2)


@register("worst-accelerated")
@dataclass(frozen=True)
class WorstAccelerated(Huber):
    """The Huber function that is worst, among Huber functions, for N steps of Nesterov's method with step 1/L.

    The method: y_k = x_{k-1} - grad f(x_{k-1}) / L, x_k = y_k + (t_k - 1)/t_{k+1} (y_k - y_{k-1}), t_1 = 1,
    t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2, and f(y_N) - f* <= L D^2 / (2 t_N^2) <= 2 L D^2 / (N + 1)^2. Under a constant
    gradient y_N has moved by S_N of them, which makes f(y_N) = L (D t - (S_N + 1/2) t^2) largest, L D^2 / (4 S_N + 2),
    at t = D / (2 S_N + 1). That is not exactly the bound, but tends to it: 0.87 of L D^2 / (2 t_N^2) at N = 10, 0.987
    at N = 100. Points are float64 tensors of shape (dimension,).

    Raises:
        ValueError: sizes below 1, or numbers that are not positive.

    Source: the Huber family as worst case of accelerated methods: Taylor, Hendrickx, Glineur, *Smooth strongly convex
    interpolation and exact worst-case performance of first-order methods* (2017), section 4 (conjectured there; the
    value above is derived here).

    >>> WorstAccelerated(horizon=1).attained() == WorstGD(horizon=1).attained()
    True
    """

    horizon: int = 20
    smooth: float = 1.0
    distance: float = 1.0
    dimension: int = 2

    def __post_init__(self) -> None:
        self._check()

    def threshold(self) -> float:
        return self.distance / (2 * _displacement(self.horizon) + 1)

    def attained(self) -> float:
        """Return L D^2 / (4 S_N + 2), the criterion of Nesterov's method at y_N."""
        return self.smooth * self.distance**2 / (4 * _displacement(self.horizon) + 2)


@functools.cache
def _displacement(steps: int) -> float:
    """S_N: how many gradients Nesterov's method has moved by after N steps under a constant gradient."""
    t, x, y = 1.0, 0.0, 0.0
    for _ in range(steps):
        following = (1 + math.sqrt(1 + 4 * t * t)) / 2
        new = x + 1.0
        x, y, t = new + (t - 1) / following * (new - y), new, following
    return y


@register("worst-nesterov")
@dataclass(frozen=True)
class WorstNesterov(Problem):
    """Nesterov's tridiagonal quadratic: no method that stays in the span of its gradients is fast on it.

    f(x) = L/4 (1/2 (x_1^2 + sum_i (x_i - x_{i+1})^2 + x_m^2) - x_1) in dimension m = 2 horizon + 1. From x_0 = 0 a step
    can make one more coordinate nonzero, so after k <= m steps f(x_k) - f* >= L/8 (1/(k+1) - 1/(m+1)), which conjugate
    gradients attain exactly; at k = horizon it is at least 3 L D^2 / (32 (k+1)^2). It is the instance of the *lower*
    bound: the accelerated method's upper bound 2 L D^2 / (k+1)^2 is not attained on it (see `WorstAccelerated`).

    f* = -L/8 (1 - 1/(m+1)), x*_i = 1 - i/(m+1), D^2 = m (2m+1) / (6 (m+1)). The Hessian's eigenvalues are
    L sin^2(pi j / (2(m+1))), j = 1, ..., m: those at the ends are the constants `smooth` (below L) and
    `strongly_convex`. Points are float64 tensors of shape (m,); every run starts at 0.

    Raises:
        ValueError: horizon below 1, or smooth not positive.

    Source: Nesterov, *Introductory lectures on convex optimization* (2004), section 2.1.2, Theorem 2.1.7.

    >>> problem = WorstNesterov(horizon=2)
    >>> problem.solution()
    tensor([0.8333, 0.6667, 0.5000, 0.3333, 0.1667], dtype=torch.float64)
    """

    horizon: int = 50
    smooth: float = 1.0

    criterion_name = "f(x)"

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.smooth <= 0:
            raise ValueError(
                f"horizon = {self.horizon} and smooth = {self.smooth} make no function: use a whole number of at least "
                "1 and a positive number"
            )

    @property
    def dimension(self) -> int:
        return 2 * self.horizon + 1

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def _multiply(self, x: Tensor) -> Tensor:
        """The second difference, 2 x_i - x_{i-1} - x_{i+1}, with zeros beyond the ends."""
        padded = torch.nn.functional.pad(x, (1, 1))
        return 2 * x - padded[:-2] - padded[2:]

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return self.smooth / 4 * (0.5 * (x * self._multiply(x)).sum() - x[0])

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        first = (torch.arange(self.dimension) == 0).to(x.dtype)
        return self.smooth / 4 * (self._multiply(x) - first)

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return self.smooth / 4 * self._multiply(v)

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return -self.smooth / 8 * (1 - 1 / (self.dimension + 1))

    def solution(self) -> Tensor:
        m = self.dimension
        return 1 - torch.arange(1, m + 1, dtype=torch.float64) / (m + 1)

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self.solution()) ** 2).sum(), "||grad f||^2": (self.gradient(x) ** 2).sum()}

    def lower_bound(self, k: int) -> float:
        """Return L/8 (1/(k+1) - 1/(m+1)): what no method can have gone below after k gradients.

        Raises:
            ValueError: k is not in 0, ..., m.
        """
        if not 0 <= k <= self.dimension:
            raise ValueError(f"k = {k} is outside the reach of the bound: use 0 to m = {self.dimension}")
        return self.smooth / 8 * (1 / (k + 1) - 1 / (self.dimension + 1))

    def constants(self) -> Constants:
        m = self.dimension
        angle = math.pi / (2 * (m + 1))
        mu = self.smooth * math.sin(angle) ** 2
        return Constants(
            smooth=self.smooth * math.cos(angle) ** 2,
            convex=True,
            strongly_convex=mu,
            polyak_lojasiewicz=mu,
            noise=0.0,
            distance=math.sqrt(m * (2 * m + 1) / (6 * (m + 1))),
            gap=-self.optimum(),
        )
