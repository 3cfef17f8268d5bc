"""Kernels of the distance: what particles repel each other by, and what discrepancies compare clouds by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.sampling.pairs import median_squared_distance

__all__ = ["IMQ", "RBF", "Kernel", "median_rule"]


def median_rule(x: Tensor) -> Tensor:
    """Return the squared bandwidth h^2 = med / (2 log(n + 1)), of shape (...), for a cloud x (..., n, d).

    med is the median of all n^2 squared distances, zeros included, see `median_squared_distance`. Where that is 0 (one
    particle, or most in one place) h^2 = 1. It is a number: no gradient flows through it.

    Source: Liu and Wang 2016 (arXiv 1608.04471), section 5; zeros included and n + 1 as in the authors' code.

    >>> round(median_rule(torch.tensor([[0.0], [1.0], [3.0]])).item(), 4)
    0.3607
    """
    squared = median_squared_distance(x.detach()) / (2 * math.log(x.shape[-2] + 1))
    return torch.where(squared > 0, squared, 1.0)


@dataclass(frozen=True)
class Kernel:
    """k(x, y) = kappa(||x - y||^2). A subclass gives `profile`, from which every derivative of k follows.

    bandwidth: h; None for the median rule of the cloud at hand.

    Raises:
        ValueError: a bandwidth that is not above 0.
    """

    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ValueError(f"bandwidth = {self.bandwidth} is none: use a number above 0, or None for the median rule")

    def squared_bandwidth(self, x: Tensor) -> Any:
        """Return h^2, a number or of shape (..., 1, 1) for a cloud x (..., n, d)."""
        return median_rule(x)[..., None, None] if self.bandwidth is None else self.bandwidth**2

    def profile(self, r2: Tensor, h2: Any, order: int) -> list[Tensor]:
        """Return kappa and its derivatives in r2 = ||x - y||^2 up to `order` (at most 3), each shaped as r2."""
        raise NotImplementedError(f"{type(self).__name__} has no profile: define profile(r2, h2, order)")

    def __call__(self, x: Tensor, y: Tensor, h2: Any = None) -> Tensor:
        """Return k(x_i, y_j), (..., n, m); h2 replaces the squared bandwidth, which else is that of y."""
        from tendsto.sampling.pairs import squared_distances

        return self.profile(squared_distances(x, y), self.squared_bandwidth(y) if h2 is None else h2, 0)[0]


@dataclass(frozen=True)
class RBF(Kernel):
    """The Gaussian kernel exp(-||x - y||^2 / (2 h^2)).

    Raises:
        ValueError: a bandwidth that is not above 0.

    >>> point = torch.zeros(1, 1)
    >>> round(RBF(bandwidth=1.0)(point, point + 1).item(), 4)
    0.6065
    """

    def profile(self, r2: Tensor, h2: Any, order: int) -> list[Tensor]:
        rate = -0.5 / h2
        k = (r2 * rate).exp_()
        return [k * rate**i if i else k for i in range(order + 1)]


@dataclass(frozen=True)
class IMQ(Kernel):
    """The inverse multiquadric (1 + ||x - y||^2 / h^2)^power, whose slow tails make the Stein discrepancy detect loss
    of mass at infinity.

    Raises:
        ValueError: a bandwidth that is not above 0, or a power outside (-1, 0).

    Source: Gorham and Mackey 2017 (arXiv 1703.01717), Theorem 8.

    >>> point = torch.zeros(1, 1)
    >>> round(IMQ(bandwidth=1.0)(point, point + 1).item(), 4)
    0.7071
    """

    bandwidth: float | None = 1.0
    power: float = -0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not -1 < self.power < 0:
            raise ValueError(f"power = {self.power} is out of range: use a number between -1 and 0, such as -0.5")

    def profile(self, r2: Tensor, h2: Any, order: int) -> list[Tensor]:
        base, factor, found = 1 + r2 / h2, 1.0, list[Tensor]()
        for i in range(order + 1):
            found.append(factor * base ** (self.power - i))
            factor = factor * (self.power - i) / h2
        return found
