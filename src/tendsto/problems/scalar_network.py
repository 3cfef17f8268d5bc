"""Scalar networks: a product of weights fitted to a number, with gradient flow solved in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.spectrum import top_eigenvalue

# Newton's method on a convex increasing function, from its positive side: monotone, and soon quadratic.
_NEWTON = 12
_HALVINGS = 100


@register("scalar-network")
@dataclass(frozen=True)
class ScalarNetwork(Problem):
    """L(w) = (w_1 ... w_D - target)^2 / 2, D = `depth`: a deep linear network with one unit a layer and one datum.

    Gradient flow keeps w_i^2 - w_j^2, so the minimum that it reaches from w is w*_i = +-sqrt(u + w_i^2 - min w^2) with
    the one u > 0 of product `target` (`flow_limit`). The Hessian there has the one positive eigenvalue
    phi(w) = target^2 sum_i 1 / w*_i^2, the *GFS sharpness* of w (`flow_sharpness`), at least D target^(2 - 2/D).

    An initial point has positive weights, a GFS sharpness uniform between the two numbers of `sharpness`, and the
    product `product` times `target`, on the line of gradient flow to a minimum with log weights of random directions.
    Metrics: "GFS sharpness"; "sharpness", the largest eigenvalue of the Hessian at w; "product"; "negative weights",
    their number. Points are float64 tensors (depth,).

    Raises:
        ValueError: depth below 2, a target or product not above 0, or a sharpness that no minimum has.

    Source: Kreisler, Shpigel Nacson, Soudry, Carmon 2023, arXiv 2305.13064, section 3; the closed form is derived. It
    holds for every w whose product is positive, and else wherever one |w_i| alone is the smallest: its sign flips on
    the way. Where the smallest are tied and the product is not positive, flow ends at the saddle 0 or stays.

    >>> problem = ScalarNetwork(depth=2)
    >>> w = torch.tensor([2.0, 0.5], dtype=torch.float64)
    >>> problem.flow_limit(w).tolist(), round(float(problem.flow_sharpness(w)), 9)
    ([2.0, 0.5], 4.25)
    """

    depth: int = 3
    sharpness: tuple[float, float] = (10.0, 10.5)
    product: float = 1.05
    target: float = 1.0

    criterion_name = "L(w)"

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"depth = {self.depth} is no product: use a whole number of at least 2")
        if not self.target > 0 or not self.product > 0:
            raise ValueError(f"target = {self.target} and product = {self.product} must be above 0")
        low, high = self.sharpness
        if not self.least_sharpness() <= low <= high:
            raise ValueError(
                f"sharpness = {self.sharpness} is no range of minima: use two numbers in order, from "
                f"{self.least_sharpness():g}, the balanced minimum's, on"
            )

    def least_sharpness(self) -> float:
        """Return depth target^(2 - 2/depth), the sharpness of the flattest minimum."""
        return self.depth * self.target ** (2 - 2 / self.depth)

    def init(self, rng: Random) -> Tensor:
        low, high = self.sharpness
        wanted = (low + (high - low) * rng.uniform("sharpness", (), torch.float64)) / self.target ** (
            2 - 2 / self.depth
        )
        z = rng.normal("direction", (self.depth,), torch.float64)
        z = z - z.mean()
        # sum_i exp(-2 s z_i) is depth at s = 0 and increases; one term alone is enough at the upper end.
        s = _bisect(lambda s: (-2 * s * z).exp().sum() - wanted, wanted * 0, wanted.log() / (-2 * z.min()))
        square = (2 * s * z).exp()
        # Up or down the line of flow, where all squares change alike.
        least, most = -square.min(), torch.clamp(wanted * 0 + self.product**2 - 1, min=0) / (1 / square).sum()
        v = _bisect(lambda v: (square + v).prod() - self.product**2, least, most)
        return self.target ** (1 / self.depth) * (square + v).sqrt()

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        return (x.prod() - self.target) ** 2 / 2

    def gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        return (x.prod() - self.target) * _without(x, torch.eye(self.depth, dtype=torch.bool))

    def value_and_gradient(self, x: Tensor, sample: Any = None) -> tuple[Tensor, Tensor]:
        return self.value(x), self.gradient(x)

    def hessian(self, x: Tensor) -> Tensor:
        """Return the Hessian at x, shape (depth, depth)."""
        one = torch.eye(self.depth, dtype=torch.bool)
        others, pairs = _without(x, one), _without(x, one[:, None], one[None])
        return torch.outer(others, others) + torch.where(one, 0.0, (x.prod() - self.target) * pairs)

    def hvp(self, x: Tensor, v: Tensor, sample: Any = None) -> Tensor:
        return self.hessian(x) @ v

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def optimum(self) -> float:
        return 0.0

    def flow_limit(self, x: Tensor) -> Tensor:
        """Return the minimum that gradient flow reaches from x, shape (depth,)."""
        scale = self.target ** (1 / self.depth)
        w = x / scale
        above = w * w - (w * w).min()
        signs = torch.where(w < 0, -torch.ones_like(w), torch.ones_like(w))
        flips = (torch.arange(self.depth) == w.abs().argmin()) & (signs.prod() < 0)
        signs = torch.where(flips, -signs, signs)
        # t = log u: sum_i log(e^t + above_i) is convex and increases in t, and is not negative at t = 0.
        t = above.sum() * 0
        for _ in range(_NEWTON):
            u = t.exp()
            t = t - (u + above).log().sum() / (u / (u + above)).sum()
        return scale * signs * (t.exp() + above).sqrt()

    def flow_sharpness(self, x: Tensor) -> Tensor:
        """Return phi(x), the largest eigenvalue of the Hessian at `flow_limit(x)`."""
        return self.target**2 * (1 / self.flow_limit(x) ** 2).sum()

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {
            "GFS sharpness": self.flow_sharpness(x),
            "sharpness": top_eigenvalue(self.hessian(x)),
            "product": x.prod(),
            "negative weights": (x < 0).sum().to(x.dtype),
        }

    def constants(self) -> Constants:
        return Constants(convex=False, noise=0.0)


def _without(x: Tensor, *left_out: Tensor) -> Tensor:
    """The product of the entries that are not marked, over the last axis; right where some are 0."""
    marked = left_out[0] if len(left_out) == 1 else left_out[0] | left_out[1]
    return torch.where(marked, torch.ones_like(x), x).prod(-1)


def _bisect(function: Any, low: Tensor, high: Tensor) -> Tensor:
    """The root of an increasing function between `low` and `high`."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2
