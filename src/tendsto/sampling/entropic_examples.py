"""Entropy-regularised functionals: a sine by one-parameter neurons, tumours by two-layer ones, and a user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.problems.data import breast_cancer, refuse_nonfinite
from tendsto.problems.once import once_property
from tendsto.sampling.entropic_functional import LOSSES, EntropicFunctional

__all__ = ["SineNetwork", "TumourNetwork", "UserNetwork"]


@dataclass(frozen=True)
class SineNetwork(EntropicFunctional):
    """Squared loss on y = sin(2x) at `terms` points from -2 to 2, neurons h(theta, x) = 2 tanh(theta x - 0.7), p = 1.

    The nodes are `points` from -reach to reach, evenly spaced: the Gibbs measures are smooth and vanish far inside, so
    sums over the nodes are integrals to rounding.

    Raises:
        ValueError: a temperature or decay not above 0, or fewer than one term or two points.

    >>> network = SineNetwork()
    >>> mu = network.solution()
    >>> bool(network.duality_gap(mu) < 1e-10)
    True
    """

    temperature: float = 0.05
    decay: float = 0.05
    terms: int = 20
    reach: float = 6.0
    points: int = 1201

    def __post_init__(self) -> None:
        self.check()
        if self.terms < 1 or self.points < 2:
            raise ValueError(f"terms = {self.terms} must be at least 1, and points = {self.points} at least 2")
        if not 0 < self.reach < math.inf:
            raise ValueError(f"reach = {self.reach} spans no grid: use a finite number above 0")

    @property
    def dimension(self) -> int:
        return 1

    @property
    def bound(self) -> float:
        return 2.0

    @once_property
    def inputs(self) -> Tensor:
        """x, shape (n,)."""
        return torch.linspace(-2, 2, self.terms, dtype=torch.float64)

    @once_property
    def targets(self) -> Tensor:  # type: ignore[reportIncompatibleMethodOverride]
        return torch.sin(2 * self.inputs)

    def unit(self, theta: Tensor) -> Tensor:
        return 2 * torch.tanh(theta * self.inputs - 0.7)

    def drift(self, theta: Tensor, g: Tensor) -> Tensor:
        flat = 1 - torch.tanh(theta * self.inputs - 0.7) ** 2
        return flat @ (2 * g * self.inputs / len(g))[:, None] + 2 * self.decay * theta

    def nodes(self) -> tuple[Tensor, Tensor]:
        grid = torch.linspace(-self.reach, self.reach, self.points, dtype=torch.float64)
        return grid[:, None], torch.full_like(grid, math.log(2 * self.reach / (self.points - 1)))


def gaussian_nodes(functional: EntropicFunctional, count: int) -> tuple[Tensor, Tensor]:
    """Return `count` fixed draws of nu ~ exp(-decay ||theta||^2 / temperature), weighted for integrals dtheta."""
    normal = Random(0).normal("nodes", (count, functional.dimension), torch.float64)
    log_density = -(normal**2).sum(-1) / 2 - functional.dimension / 2 * math.log(2 * math.pi * functional.spread**2)
    return functional.spread * normal, -log_density - math.log(count)


@dataclass(frozen=True)
class TumourNetwork(EntropicFunctional):
    """Logistic loss on scikit-learn's breast cancer data, neurons h(theta, x) = R tanh(w . x / sqrt(30) + b), p = 31.

    theta = (w, b) and R = `size`. Of the 569 tumours every fifth is for testing: n = 456. Integrals over R^31 are
    estimated by `draws` fixed Gaussian draws, so D is an estimate.

    Raises:
        ValueError: a temperature, decay or size not above 0.
        ImportError: scikit-learn, which ships the data, is not installed.

    >>> TumourNetwork().dimension
    31
    """

    temperature: float = 0.03
    decay: float = 0.015
    size: float = 10.0
    draws: int = 1000

    loss = "logistic"
    exact = False

    def __post_init__(self) -> None:
        self.check()
        if not 0 < self.size < math.inf or self.draws < 1:
            raise ValueError(f"size = {self.size} must be finite and above 0, and draws = {self.draws} at least 1")

    @property
    def dimension(self) -> int:
        return 31

    @property
    def bound(self) -> float:
        return self.size

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Training inputs with a last column of ones (456, 31), their labels, and the same for testing."""
        features, labels = breast_cancer()
        x = torch.cat([features / features.shape[1] ** 0.5, torch.ones(len(features), 1, dtype=features.dtype)], 1)
        test = torch.arange(len(x)) % 5 == 4
        return x[~test], labels[~test], x[test], labels[test]

    @property
    def targets(self) -> Tensor:
        return self.data[1]

    def unit(self, theta: Tensor) -> Tensor:
        return self.size * torch.tanh(theta @ self.data[0].T)

    def drift(self, theta: Tensor, g: Tensor) -> Tensor:
        flat = 1 - torch.tanh(theta @ self.data[0].T) ** 2
        return flat @ (self.data[0] * (self.size * g / len(g))[:, None]) + 2 * self.decay * theta

    def nodes(self) -> tuple[Tensor, Tensor]:
        return gaussian_nodes(self, self.draws)

    def report(self, particles: Tensor) -> dict[str, Tensor]:
        score = torch.tanh(particles @ self.data[2].T).mean(0)
        return {"test accuracy": (score * self.data[3] > 0).to(score.dtype).mean()}


@dataclass(frozen=True)
class UserNetwork(EntropicFunctional):
    """A user's own neurons and data.

    neuron: maps theta (..., p) and x (n, d) to h (..., n), written with torch operations. x: inputs (n, d); y: targets
    (n,), real for "squared", -1 or +1 for "logistic". Integrals are estimated by `draws` fixed Gaussian draws.

    Raises:
        ValueError: a temperature or decay not above 0, an unknown loss, labels that are none, data that are not finite
            or of different lengths, or a neuron that answers with another shape.

    >>> x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    >>> def neuron(theta, x):
    ...     return torch.relu(theta[..., :1] * x[:, 0] + theta[..., 1:])
    >>> network = UserNetwork(x, x[:, 0] ** 2, neuron, 2)
    >>> network.unit(torch.zeros(5, 2, dtype=torch.float64)).shape
    torch.Size([5, 9])
    """

    x: Tensor
    y: Tensor
    neuron: Callable[[Tensor, Tensor], Tensor]
    p: int
    temperature: float = 0.05
    decay: float = 0.05
    loss: str = "squared"  # type: ignore[reportIncompatibleVariableOverride]
    draws: int = 4000

    exact = False

    def __post_init__(self) -> None:
        self.check()
        if self.loss not in LOSSES:
            raise ValueError(f"loss = {self.loss!r} is unknown: use 'squared' or 'logistic'")
        if self.p < 1 or self.draws < 1:
            raise ValueError(f"p = {self.p} and draws = {self.draws} must be whole numbers of at least 1")
        if self.x.ndim != 2 or self.y.shape != self.x.shape[:1] or len(self.y) < 1:
            raise ValueError(f"x of shape {tuple(self.x.shape)} and y of shape {tuple(self.y.shape)}: (n, d) and (n,)")
        for name in ("x", "y"):
            refuse_nonfinite(name, getattr(self, name))
            object.__setattr__(self, name, getattr(self, name).double())
        if self.loss == "logistic" and not bool((self.y.abs() == 1).all()):
            raise ValueError(f"y has the values {self.y.unique().tolist()[:5]}: the logistic loss needs -1 and +1")
        answer = self.unit(torch.zeros(2, self.p, dtype=torch.float64))
        if answer.shape != (2, len(self.y)):
            raise ValueError(
                f"the neuron answers 2 parameters on {len(self.y)} inputs with shape {tuple(answer.shape)}: return one "
                f"number an input for each, shape (2, {len(self.y)})"
            )

    @property
    def dimension(self) -> int:
        return self.p

    @property
    def targets(self) -> Tensor:
        return self.y

    def unit(self, theta: Tensor) -> Tensor:
        return self.neuron(theta, self.x)

    def nodes(self) -> tuple[Tensor, Tensor]:
        return gaussian_nodes(self, self.draws)
