"""Linear systems solved by a thermodynamic device: the equilibrium of an Ornstein-Uhlenbeck process, and its law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.tree import tree_map

INFINITE = float("inf")


@dataclass(frozen=True)
class OULaw:
    """The exact law of x(t), where dx = -(A x - b) dt + sqrt(2 / beta) dW and x(0) = x0: a normal law.

        mean        A^{-1} b + e^{-At} (x0 - A^{-1} b)
        covariance  beta^{-1} A^{-1} (I - e^{-2At})

    so as t grows it forgets x0 at the rate e^{-lambda_min(A) t}, and its mean solves A x = b.

    Args:
        A: (d, d) symmetric positive definite. b, x0: (d,). t: at least 0. beta: inverse temperature, inf for no noise.

    Source: Donatella et al. 2024, arXiv 2405.13817, section 3; the law is the textbook one.

    Raises:
        ValueError: A is not square, symmetric and positive definite, shapes that do not fit, a negative t or beta.

    >>> law = OULaw(torch.diag(torch.tensor([1.0, 2.0])), torch.tensor([1.0, 1.0]), torch.zeros(2), t=100.0, beta=2.0)
    >>> law.mean().tolist(), law.covariance().diagonal().tolist()
    ([1.0, 0.5], [0.5, 0.25])
    """

    A: Tensor
    b: Tensor
    x0: Tensor
    t: float
    beta: float = INFINITE

    def __post_init__(self) -> None:
        d = len(self.b)
        if tuple(self.A.shape) != (d, d) or tuple(self.b.shape) != (d,) or tuple(self.x0.shape) != (d,):
            shapes = f"{tuple(self.A.shape)}, {tuple(self.b.shape)} and {tuple(self.x0.shape)}"
            raise ValueError(f"A, b and x0 have shapes {shapes}: use (d, d), (d,) and (d,)")
        if not torch.allclose(self.A, self.A.T):
            raise ValueError("A is not symmetric: the device's drift is the gradient of a quadratic")
        if not self.t >= 0 or not self.beta > 0:
            raise ValueError(f"t = {self.t} and beta = {self.beta}: use t of at least 0 and beta above 0")
        if not bool(self._spectrum[0][0] > 0):
            raise ValueError(f"A has the eigenvalue {float(self._spectrum[0][0]):g}: only above 0 is there equilibrium")

    @cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(self.A)
        return values, vectors

    def mean(self) -> Tensor:
        """Return E x(t), (d,)."""
        values, vectors = self._spectrum
        goal = vectors.T @ self.b / values
        return vectors @ (goal + torch.exp(-values * self.t) * (vectors.T @ self.x0 - goal))

    def covariance(self) -> Tensor:
        """Return the covariance of x(t), (d, d)."""
        vectors = self._spectrum[1]
        return vectors * self._variances() @ vectors.T

    def draw(self, rng: Random, count: int) -> Tensor:
        """Return `count` exact draws of x(t), (count, d)."""
        vectors = self._spectrum[1]
        noise = rng.normal("thermal noise", (count, len(self.b)), self.b.dtype)
        return self.mean() + (noise * self._variances().sqrt()) @ vectors.T

    def _variances(self) -> Tensor:
        """Along the eigenvectors."""
        values = self._spectrum[0]
        return -torch.expm1(-2 * values * self.t) / values / self.beta


def drift(
    matvec: Callable[[Any], Any],
    b: Any,
    x: Any,
    *,
    steps: int,
    dt: Any,
    beta: float,
    rng: Random,
    noise_scale: float = 2.0,
) -> Any:
    """Return x after `steps` Euler-Maruyama steps of dx = -(A x - b) dt + sqrt(2 / beta) dW.

        x <- x - dt (A x - b) + sqrt(2 dt / beta) xi

    It is stable where dt < 2 / lambda_max(A). With beta = inf there is no noise, and nothing is drawn.

    Args:
        matvec: x -> A x. b, x: trees of tensors of one structure, or tensors. noise_scale: the 2 under the root.
    """
    for k in range(steps):
        product = matvec(x)
        x = tree_map(lambda _, y, ay, goal: y - dt * (ay - goal), x, product, b)
        if not (isinstance(beta, float) and beta == INFINITE):  # a lane's beta is a tensor, and may be infinite
            source, size = rng.fork(f"thermal noise {k}"), (noise_scale * dt / beta) ** 0.5
            x = tree_map(lambda name, y: y + size * source.normal(name, tuple(y.shape), y.dtype), x)  # noqa: B023
    return x


@dataclass(frozen=True)
class ThermodynamicSolve:
    """A x = b, solved by letting a simulated device relax: x(t) of `OULaw` by Euler-Maruyama steps, and its average.

    `run(t)` gives one state of the device; `solve(t)` the time average of its second half, whose noise is smaller.
    `dt` is 1 / lambda_max(A) unless given. A digital computer solves the same system in about sqrt(condition)
    conjugate-gradient steps: the gain is the device's, not this simulation's.

    Args:
        A: (d, d) symmetric positive definite. b: (d,).

    Source: Aifer et al. 2023, arXiv 2308.05660 (recalled); Donatella et al. 2024, arXiv 2405.13817.

    Raises:
        ValueError: A that is not symmetric positive definite, or a dt at which the simulation is unstable.

    >>> solver = ThermodynamicSolve(torch.diag(torch.tensor([1.0, 2.0])), torch.tensor([1.0, 1.0]))
    >>> solver.solve(50.0, Random(0)).round(decimals=4).tolist()
    [1.0, 0.5]
    """

    A: Tensor
    b: Tensor
    beta: float = INFINITE
    dt: float | None = None

    def __post_init__(self) -> None:
        OULaw(self.A, self.b, torch.zeros_like(self.b), 0.0, self.beta)
        if self.dt is not None and not 0 < self.dt < 2 / self._largest:
            raise ValueError(f"dt = {self.dt} is unstable: use dt below 2 / lambda_max = {2 / self._largest:g}")

    def run(self, t: float, rng: Random, x0: Tensor | None = None) -> Tensor:
        """Return the device's state (d,) after time t, from x0, 0 unless given."""
        return self._drift(torch.zeros_like(self.b) if x0 is None else x0, t, rng)

    def solve(self, t: float, rng: Random) -> Tensor:
        """Return the average (d,) over the second half of a run of time t."""
        x = self.run(t / 2, rng.fork("relaxing"))
        total, count = torch.zeros_like(x), max(1, round(t / 2 / self._dt()))
        for k in range(count):
            x = self._drift(x, self._dt(), rng.fork(f"averaging {k}"))
            total = total + x
        return total / count

    def _drift(self, x: Tensor, t: float, rng: Random) -> Tensor:
        steps = round(t / self._dt())
        return drift(lambda y: self.A @ y, self.b, x, steps=steps, dt=self._dt(), beta=self.beta, rng=rng)

    def _dt(self) -> float:
        return self.dt or 1 / self._largest

    @cached_property
    def _largest(self) -> float:
        return float(torch.linalg.eigvalsh(self.A)[-1])
