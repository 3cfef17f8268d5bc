"""Extragradient and gradient descent-ascent, clipped or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import tree_map
from tendsto.optim.clipped import check_level, clip
from tendsto.optim.gradient_descent import check_step


def _moved(x: Any, v: Any, lr: Any) -> Any:
    return tree_map(lambda _, a, b: a - lr * b, x, v)


@dataclass(frozen=True)
class _Clipped(Method):
    lr: float = 0.1
    level: float = math.inf

    asks = ("operator",)
    family = "games"

    def __post_init__(self) -> None:
        check_step(self.lr)
        check_level(self.level)


@register("clipped-gda")
@dataclass(frozen=True)
class ClippedGradientDescentAscent(_Clipped):
    """x_{k+1} = x_k - lr clip(F(x_k), level), F = (grad_u f, -grad_v f) for a game min_u max_v f(u, v).

    level = inf is plain gradient descent-ascent, which spirals outward on bilinear games.

    Raises:
        ValueError: `lr` or `level` is not above 0.

    Source: Sadiev et al. (ICML 2023, arXiv 2302.00999), clipped-SGDA; recalled.

    >>> ClippedGradientDescentAscent(lr=0.1).level
    inf
    """

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        clipped, factor = clip(oracle.operator(state["x"]), self.level)
        return {"x": _moved(state["x"], clipped, self.lr)}, {"factor": factor}


@register("clipped-extragradient")
@dataclass(frozen=True)
class ClippedExtragradient(_Clipped):
    """y_k = x_k - lr clip(F_1(x_k), level),  x_{k+1} = x_k - lr clip(F_2(y_k), level), F_1 and F_2 independent samples.

    The answer is x_{k+1}. level = inf is plain (stochastic) extragradient.

    Raises:
        ValueError: `lr` or `level` is not above 0.

    Source: Sadiev et al. (ICML 2023, arXiv 2302.00999), clipped-SEG; recalled.

    >>> ClippedExtragradient(lr=0.1, level=2.0).level
    2.0
    """

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        _, x, factor = self.both(state["x"], oracle)
        return {"x": x}, {"factor": factor}

    def both(self, x: Any, oracle: Oracle) -> tuple[Any, Any, Any]:
        """Return y_k, x_{k+1}, and the factor by which F_1 was shortened."""
        first, factor = clip(oracle.operator(x), self.level)
        y = _moved(x, first, self.lr)
        second, _ = clip(oracle.fresh("second").operator(y), self.level)
        return y, _moved(x, second, self.lr), factor


@register("averaged-clipped-extragradient")
@dataclass(frozen=True)
class AveragedExtragradient(ClippedExtragradient):
    """Clipped extragradient, answering after K steps with the mean of y_0, ..., y_{K-1}.

    >>> AveragedExtragradient(lr=0.1).lr
    0.1
    """

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        return {"x": x, "point": x, "count": torch.zeros((), dtype=torch.float64)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        y, point, factor = self.both(state["point"], oracle)
        count = state["count"] + 1
        mean = tree_map(lambda _, old, y: old + (y - old) / count, state["x"], y)
        return {"x": mean, "point": point, "count": count}, {"factor": factor}
