"""The toy targets that samplers are compared on, each with exact draws, and as problems by name."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.once import once, once_property
from tendsto.sampling.cloud import Cloud
from tendsto.sampling.target import Gaussian, Target

__all__ = ["Banana", "Donut", "Funnel", "Mixture", "Squiggle"]


@dataclass(frozen=True)
class Mixture(Target):
    """A mixture of N(centre_k, scale^2 I) with the given weights, which are divided by their sum.

    Raises:
        ValueError: no centres, or of different lengths; weights not one each and above 0; a scale not above 0.

    >>> Mixture(((-1.0,), (1.0,)), weights=(1.0, 1.0)).mean().item()
    0.0
    """

    centres: tuple[tuple[float, ...], ...] = ((-2.0, 2.0), (2.0, -2.0))
    weights: tuple[float, ...] = (1.0, 1.0)
    scale: float = 0.5**0.5

    def __post_init__(self) -> None:
        if len({len(c) for c in self.centres}) != 1 or not self.centres[0]:
            raise ValueError(f"centres {self.centres} must be one or more tuples of the same length, one a component")
        if len(self.weights) != len(self.centres) or not all(0 < w < math.inf for w in self.weights):
            raise ValueError(f"weights {self.weights} must be {len(self.centres)} finite numbers above 0")
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale = {self.scale} is no standard deviation: use a finite number above 0")

    @property
    def dimension(self) -> int:
        return len(self.centres[0])

    def _parts(self) -> tuple[Tensor, Tensor]:
        weights = torch.tensor(self.weights, dtype=torch.float64)
        return torch.tensor(self.centres, dtype=torch.float64), weights / weights.sum()

    def _exponents(self, x: Tensor) -> Tensor:
        centres, weights = self._parts()
        return weights.log() - ((x[..., None, :] - centres) ** 2).sum(-1) / (2 * self.scale**2)

    def log_density(self, x: Tensor) -> Tensor:
        return self._exponents(x).logsumexp(-1)

    def score(self, x: Tensor) -> Tensor:
        return (self._exponents(x).softmax(-1) @ self._parts()[0] - x) / self.scale**2

    def draw(self, rng: Random, n: int) -> Tensor:
        centres, weights = self._parts()
        which = torch.searchsorted(weights.cumsum(0), rng.uniform("which", (n,), torch.float64))
        normal = rng.normal("normal", (n, self.dimension), torch.float64)
        return centres[which.clamp_max(len(centres) - 1)] + self.scale * normal

    def mean(self) -> Tensor:
        centres, weights = self._parts()
        return weights @ centres

    def covariance(self) -> Tensor:
        centres, weights = self._parts()
        apart = centres - self.mean()
        return apart.T @ (weights[:, None] * apart) + self.scale**2 * torch.eye(self.dimension, dtype=torch.float64)


@dataclass(frozen=True)
class _Bent(Target):
    """(u, v) ~ `base`, x = u and y = v - bend(u): a map that keeps areas. A subclass gives `bend` and `base`."""

    dimension = 2  # type: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    @once_property
    def base(self) -> Gaussian:
        raise NotImplementedError(f"{type(self).__name__} has no Gaussian: define base")

    def bend(self, u: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} is not bent: define bend(u)")

    def log_density(self, x: Tensor) -> Tensor:
        u, y = x[..., :1], x[..., 1:]
        return self.base.log_density(torch.cat([u, y + self.bend(u)], -1))

    def draw(self, rng: Random, n: int) -> Tensor:
        u, v = self.base.draw(rng, n).split(1, -1)
        return torch.cat([u, v - self.bend(u)], -1)


@dataclass(frozen=True)
class Banana(_Bent):
    """A Gaussian bent along a parabola: x = u, y = v - bend u^2, (u, v) standard with the given correlation.

    Raises:
        ValueError: a correlation outside (-1, 1).

    >>> Banana().log_density(torch.tensor([1.0, -1.0], dtype=torch.float64)).item().__round__(4)
    -0.6667
    """

    curvature: float = 1.0
    correlation: float = 0.5

    def __post_init__(self) -> None:
        _check_correlation(self.correlation)

    @once_property
    def base(self) -> Gaussian:
        return Gaussian((0.0, 0.0), ((1.0, self.correlation), (self.correlation, 1.0)))

    def bend(self, u: Tensor) -> Tensor:
        return self.curvature * u**2

    def mean(self) -> Tensor:
        return torch.tensor([0.0, -self.curvature], dtype=torch.float64)


@dataclass(frozen=True)
class Squiggle(_Bent):
    """A long Gaussian bent along a sine: x = u, y = v - sin(frequency u), u of variance 2 and v of variance 1/2.

    Raises:
        ValueError: a correlation outside (-1, 1).

    >>> Squiggle().log_density(torch.zeros(2, dtype=torch.float64)).item()
    0.0
    """

    frequency: float = 2.0
    correlation: float = 0.25

    def __post_init__(self) -> None:
        _check_correlation(self.correlation)

    @once_property
    def base(self) -> Gaussian:
        # Standard deviations 2^(1/2) and 2^(-1/2), whose product is 1.
        return Gaussian((0.0, 0.0), ((2.0, self.correlation), (self.correlation, 0.5)))

    def bend(self, u: Tensor) -> Tensor:
        return (self.frequency * u).sin()


def _check_correlation(correlation: float) -> None:
    if not -1 < correlation < 1:
        raise ValueError(f"correlation = {correlation} is none: use a number between -1 and 1")


@dataclass(frozen=True)
class Donut(Target):
    """A ring in the plane: log pi(x) = -(||x|| - radius)^2 / width^2, up to a constant.

    Draws invert the radius' law r pi(r) on a grid of 20,001 points, exact to about 1e-7 of the radius.

    Raises:
        ValueError: a radius or a width that is not above 0.

    >>> Donut(radius=2.0).log_density(torch.tensor([0.0, -2.0], dtype=torch.float64)).item()
    -0.0
    """

    radius: float = 2.5
    width: float = 0.5**0.5

    dimension = 2  # type: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __post_init__(self) -> None:
        if not (0 < self.radius < math.inf and 0 < self.width < math.inf):
            raise ValueError(f"radius = {self.radius} and width = {self.width} must be finite numbers above 0")

    def log_density(self, x: Tensor) -> Tensor:
        return -(((x * x).sum(-1).sqrt() - self.radius) ** 2) / self.width**2

    def score(self, x: Tensor) -> Tensor:
        # At the centre, where no direction is downhill, it is 0.
        r = (x * x).sum(-1, keepdim=True).sqrt().clamp_min(1e-300)
        return 2 / self.width**2 * (self.radius / r - 1) * x

    def draw(self, rng: Random, n: int) -> Tensor:
        levels, radii = _radius_law(self.radius, self.width)
        u = rng.uniform("radius", (n,), torch.float64)
        at = torch.searchsorted(levels, u).clamp(1, len(levels) - 1)
        low, high = levels[at - 1], levels[at]
        share = ((u - low) / (high - low).clamp_min(1e-300)).clamp(0, 1)
        r = radii[at - 1] + share * (radii[at] - radii[at - 1])
        angle = 2 * math.pi * rng.uniform("angle", (n,), torch.float64)
        return r[:, None] * torch.stack([angle.cos(), angle.sin()], -1)

    def mean(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64)


@once
def _radius_law(radius: float, width: float) -> tuple[Tensor, Tensor]:
    """The distribution function of the radius, and where it is told."""
    r = torch.linspace(max(0.0, radius - 8 * width), radius + 8 * width, 20_001, dtype=torch.float64)
    density = r * (-(((r - radius) / width) ** 2)).exp()
    mass = torch.cat([torch.zeros(1, dtype=torch.float64), ((density[1:] + density[:-1]) / 2).cumsum(0)])
    return mass / mass[-1], r


@dataclass(frozen=True)
class Funnel(Target):
    """v ~ N(0, spread^2) and x | v ~ N(0, e^v), the point being (x, v). Neal's funnel has spread 3.

    Raises:
        ValueError: a spread that is not above 0.

    Source: Neal 2003, *Slice sampling*, section 8.

    >>> Funnel().score(torch.tensor([1.0, 0.0], dtype=torch.float64)).tolist()
    [-1.0, 0.0]
    """

    spread: float = 1.0

    dimension = 2  # type: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __post_init__(self) -> None:
        if not 0 < self.spread < math.inf:
            raise ValueError(f"spread = {self.spread} is no standard deviation: use a finite number above 0")

    def log_density(self, x: Tensor) -> Tensor:
        wide, v = x[..., 0], x[..., 1]
        return -0.5 * (v / self.spread) ** 2 - 0.5 * v - 0.5 * wide**2 * (-v).exp()

    def score(self, x: Tensor) -> Tensor:
        wide, v = x[..., 0], x[..., 1]
        steep = wide * (-v).exp()
        return torch.stack([-steep, -v / self.spread**2 - 0.5 + 0.5 * wide * steep], -1)

    def draw(self, rng: Random, n: int) -> Tensor:
        v = self.spread * rng.normal("v", (n,), torch.float64)
        return torch.stack([(0.5 * v).exp() * rng.normal("x", (n,), torch.float64), v], -1)

    def mean(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64)

    def covariance(self) -> Tensor:
        return torch.diag(torch.tensor([math.exp(0.5 * self.spread**2), self.spread**2], dtype=torch.float64))


@register("correlated-gaussian")
def correlated_gaussian(particles: int = 50) -> Cloud:
    """N((-1, 1), [[1, 0.8], [0.8, 1]])."""
    return Cloud(Gaussian((-1.0, 1.0)), particles=particles)


@register("gaussian-mixture")
def gaussian_mixture(particles: int = 50) -> Cloud:
    """Two equal Gaussians at (-2, 2) and (2, -2), of variance 1/2."""
    return Cloud(Mixture(), particles=particles)


@register("banana")
def banana(particles: int = 50) -> Cloud:
    """`Banana`."""
    return Cloud(Banana(), particles=particles)


@register("squiggle")
def squiggle(particles: int = 50) -> Cloud:
    """`Squiggle`."""
    return Cloud(Squiggle(), particles=particles)


@register("donut")
def donut(particles: int = 50) -> Cloud:
    """`Donut`."""
    return Cloud(Donut(), particles=particles)


@register("funnel")
def funnel(particles: int = 50) -> Cloud:
    """`Funnel`."""
    return Cloud(Funnel(), particles=particles)


@register("gaussian-line")
def gaussian_line(particles: int = 50) -> Cloud:
    """N(0, 1) on the line."""
    return Cloud(Gaussian((0.0,), ((1.0,),)), particles=particles)


@register("mixture-line")
def mixture_line(particles: int = 50) -> Cloud:
    """0.3 N(-1.5, 0.49) + 0.7 N(1.5, 0.49) on the line."""
    return Cloud(Mixture(((-1.5,), (1.5,)), (0.3, 0.7), 0.7), particles=particles)
