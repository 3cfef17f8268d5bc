"""What the claims on coin sampling run on: their problems, and methods with one mechanism removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.problems.once import once, once_property
from tendsto.sampling.betting import CoinBetting
from tendsto.sampling.breast_cancer_posterior import BreastCancerPosterior
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.coin import Coin
from tendsto.sampling.langevin import MALA
from tendsto.sampling.lawgd import LAWGD
from tendsto.sampling.sample import sample
from tendsto.sampling.target import Target


@dataclass(frozen=True)
class NoReward(Coin):
    """The bettor's wealth never grows: no particle comes further than 1 from where it began."""

    def reward(self, won: Tensor, new: Tensor) -> Tensor:
        return torch.zeros_like(new)


@dataclass(frozen=True)
class Potential(Target):
    """exp(-f), f convex with slopes of at most 1 and least at 0: |x|, or Huber's, quadratic between -1 and 1."""

    huber: bool = False

    dimension = 1  # type: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def log_density(self, x: Tensor) -> Tensor:
        r = x.abs()[..., 0]
        return -torch.where(r < 1, r * r / 2, r - 0.5) if self.huber else -r

    def score(self, x: Tensor) -> Tensor:
        return -x.clamp(-1, 1) if self.huber else -x.sign()


@dataclass(frozen=True)
class Alone(Cloud):
    """One particle, which starts at +-10^u from the solution, u uniform on [-3, 4]. The criterion is f - f*."""

    criterion_name = "f(mean) - f*"

    def init(self, rng: Random) -> Tensor:
        far = 10.0 ** (7 * rng.uniform("distance", (1, 1), torch.float64) - 3)
        return far * rng.rademacher("side", (1, 1), torch.float64)

    def metrics(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"distance": x.abs().sum()}


@dataclass(frozen=True)
class FixedStake(CoinBetting):
    """Bets a share of the first wealth only."""

    def reward(self, won: Tensor, new: Tensor) -> Tensor:
        return torch.zeros_like(new)


@dataclass(frozen=True)
class Spread(Cloud):
    """The criterion is the variance of the particles; the target's is 1."""

    criterion_name = "variance"

    def criterion(self, x: Tensor) -> Tensor:
        return x.var(correction=0)


@dataclass(frozen=True)
class GroundKept(LAWGD):
    """The eigenfunctions of -f'' + V f, V = (s^2 + 2 s') / 4, the lowest one kept, whose eigenvalue is nearly 0."""

    def prepare(self, oracle: Oracle) -> dict[str, Tensor]:
        grid = self.grid(oracle)
        h, log_density = grid[1] - grid[0], oracle.log_density(grid[:, None])
        first = torch.gradient(log_density, spacing=float(h))[0]
        potential = (first**2 + 2 * torch.gradient(first, spacing=float(h))[0]) / 4
        beside = torch.ones(self.points - 1, dtype=torch.float64) / h**2
        matrix = torch.diag(2 / h**2 + potential) - torch.diag(beside, 1) - torch.diag(beside, -1)
        values, vectors = torch.linalg.eigh(matrix)
        functions = vectors[:, : self.modes] / log_density.softmax(0).sqrt()[:, None]
        slopes = functions.diff(dim=0) / h / values[: self.modes]
        return {"grid": grid, "functions": functions, "slopes": slopes}


@dataclass(frozen=True)
class Whitened(Target):
    """`BreastCancerPosterior` in coordinates where it is near N(0, I): theta = mode + factor z."""

    base: BreastCancerPosterior = field(default_factory=BreastCancerPosterior)

    dimension = 31  # type: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    @once_property
    def frame(self) -> tuple[Tensor, Tensor]:
        """The mode, and the factor of the inverse of minus the Hessian there."""
        mode = torch.zeros(31, dtype=torch.float64)
        for _ in range(30):
            mode = mode - torch.linalg.solve(self.base.hessian(mode), self.base.score(mode))
        return mode, torch.linalg.cholesky(torch.linalg.inv(-self.base.hessian(mode)))

    def back(self, z: Tensor) -> Tensor:
        mode, factor = self.frame
        return mode + z @ factor.T

    def log_density(self, x: Tensor) -> Tensor:
        return self.base.log_density(self.back(x))

    def score(self, x: Tensor) -> Tensor:
        return self.base.score(self.back(x)) @ self.frame[1]


@once
def reference(chains: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Means (31,), standard deviations (31,) and test accuracy of the posterior, by many chains of MALA.

    A slow test holds it to NUTS of blackjax.
    """
    target = Whitened()
    history = sample(Cloud(target, particles=chains), MALA(lr=0.35), steps=steps, record=20).history
    draws = target.back(history[len(history) // 2 :].reshape(-1, 31))
    return draws.mean(0), draws.std(0), target.base.accuracy(draws)


@dataclass(frozen=True)
class Posterior(Cloud):
    """The breast cancer posterior; the criterion is the largest error of a marginal mean, in standard deviations."""

    target: Target = field(default_factory=BreastCancerPosterior)
    spread: float = 0.1
    chains: int = 400
    long: int = 1500

    criterion_name = "largest error of a mean"

    def criterion(self, x: Tensor) -> Tensor:
        mean, deviation, _ = reference(self.chains, self.long)
        return ((x.mean(0) - mean) / deviation).abs().max()

    def metrics(self, x: Tensor) -> Mapping[str, Tensor]:
        mean, deviation, accuracy = reference(self.chains, self.long)
        target: Any = self.target
        shares = x.std(0, correction=0) / deviation
        return {
            "largest error of a standard deviation": (shares - 1).abs().max(),
            "accuracy": target.accuracy(x),
            "accuracy off": (target.accuracy(x) - accuracy).abs(),
            "median of sd over the posterior's": shares.median(),
            "median error of a mean": ((x.mean(0) - mean) / deviation).abs().median(),
        }
