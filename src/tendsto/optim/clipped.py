"""Clipping: SGD and the accelerated SSTM with gradients cut to a length, for noise without a variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import leaves, tree_map
from tendsto.optim.averaged import Averaged
from tendsto.optim.gradient_descent import check_step


def clip(point: Any, level: Any) -> tuple[Any, Any]:
    """Return min(1, level / ||v||) v for v a tensor or a dict of them, and the factor; the norm is over all entries.

    >>> clip(torch.tensor([3.0, 4.0]), 1.0)[0]
    tensor([0.6000, 0.8000])
    """
    square: Any = sum((leaf * leaf).sum() for leaf in leaves(point))
    # The level may be a tensor with one value a run; a vector that is 0 stays 0.
    factor = (level / square.clamp(min=1e-300).sqrt()).clamp(max=1.0)
    return tree_map(lambda _, leaf: factor * leaf, point), factor


def check_level(level: float) -> None:
    """Raise ValueError unless `level` is above 0."""
    if not level > 0:
        raise ValueError(f"level = {level} clips everything away: use a number above 0, or math.inf for no clipping")


@register("clipped-sgd")
@dataclass(frozen=True)
class ClippedSGD(Method):
    """x_{k+1} = x_k - lr clip(g_k, level_k), level_k = level exp(-decay lr (1 + k/2)), k = 0, 1, ...

    The gradient is clipped, not the step. decay is 0, or mu where f is (quasi-)strongly convex.

    Info: "factor", by which the gradient was shortened.

    Raises:
        ValueError: `lr` or `level` is not above 0, or `decay` is negative.

    Source: Sadiev et al., High-Probability Bounds: the Case of Unbounded Variance (ICML 2023, arXiv 2302.00999),
    clipped-SGD; recalled.

    >>> ClippedSGD.for_horizon(smooth=1.0, sigma=4.0, alpha=1.5, distance=1.0, horizon=1000).lr < 0.01
    True
    """

    lr: float = 0.1
    level: float = 1.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        check_step(self.lr)
        check_level(self.level)
        if not self.decay >= 0:
            raise ValueError(f"decay = {self.decay} is not allowed: use 0, or the strong convexity mu")

    @classmethod
    def for_horizon(
        cls, *, smooth: float, sigma: float, alpha: float, distance: float, horizon: int, beta: float = 0.05
    ) -> ClippedSGD:
        """Return the step and level that the theory has for convex f, its unknown constants replaced by 1.

        With A = log(4 K / beta): lr = min(1/(L A), R / (sigma K^(1/alpha) A^((alpha-1)/alpha))), level = R / (lr A).
        """
        check_noise(sigma, alpha, beta)
        a = math.log(4 * horizon / beta)
        lr = 1 / (smooth * a)
        if sigma > 0:
            lr = min(lr, distance / (sigma * horizon ** (1 / alpha) * a ** ((alpha - 1) / alpha)))
        return cls(lr=lr, level=distance / (lr * a))

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return {"x": oracle.init(), "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        level = self.level * (-self.decay * self.lr * (1 + state["count"] / 2)).exp()
        clipped, factor = clip(oracle.gradient(state["x"]), level)
        x = tree_map(lambda _, x, g: x - self.lr * g, state["x"], clipped)
        return {"x": x, "count": state["count"] + 1}, {"factor": factor}


@register("averaged-clipped-sgd")
def averaged_clipped_sgd() -> Averaged:
    """Clipped SGD, answering with the mean of the points visited."""
    return Averaged(ClippedSGD())


@register("clipped-sstm")
@dataclass(frozen=True)
class ClippedSSTM(Method):
    """The method of similar triangles with clipped gradients: accelerated, for heavy tails. The answer is y_k.

        a_{k+1} = (k + 2) / (2 a L),  A_{k+1} = A_k + a_{k+1},  A_0 = 0,  y_0 = z_0 = x_0
        x_{k+1} = (A_k y_k + a_{k+1} z_k) / A_{k+1}
        z_{k+1} = z_k - a_{k+1} clip(g(x_{k+1}), level / a_{k+1})
        y_{k+1} = (A_k y_k + a_{k+1} z_{k+1}) / A_{k+1}

    slowness: a >= 1, by which steps are shorter than without noise. level: the longest move of z in a step.

    State: "z", shaped as the point; "total" A_k and "count" k, float64. Info: "factor" as for clipped SGD.

    Raises:
        ValueError: a setting that is not above 0.

    Source: Sadiev et al., High-Probability Bounds: the Case of Unbounded Variance (ICML 2023, arXiv 2302.00999),
    clipped-SSTM; read where a later paper restates it.

    >>> ClippedSSTM(smooth=2.0).slowness
    1.0
    """

    smooth: float = 1.0
    slowness: float = 1.0
    level: float = math.inf

    def __post_init__(self) -> None:
        check_level(self.level)
        if not (self.smooth > 0 and self.slowness > 0):
            raise ValueError(f"smooth = {self.smooth} and slowness = {self.slowness} must be above 0")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x, zero = oracle.init(), torch.zeros((), dtype=torch.float64)
        return {"x": x, "z": x, "total": zero, "count": zero}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        size = (state["count"] + 2) / (2 * self.slowness * self.smooth)
        total = state["total"] + size

        def mix(z: Any) -> Any:
            return tree_map(lambda _, y, z: (state["total"] * y + size * z) / total, state["x"], z)

        clipped, factor = clip(oracle.gradient(mix(state["z"])), self.level / size)
        z = tree_map(lambda _, z, g: z - size * g, state["z"], clipped)
        return {"x": mix(z), "z": z, "total": total, "count": state["count"] + 1}, {"factor": factor}


def check_noise(sigma: float, alpha: float, beta: float) -> None:
    """Raise ValueError for a moment that is none, or a failure probability out of (0, 1)."""
    if not 1 < alpha <= 2 or not sigma >= 0:
        raise ValueError(f"E||noise||^alpha <= sigma^alpha needs 1 < alpha <= 2, sigma >= 0, not {alpha} and {sigma}")
    if not 0 < beta < 1:
        raise ValueError(f"beta = {beta} is no probability of failure: use a number in (0, 1), such as 0.05")
