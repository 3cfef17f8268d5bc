"""Spectral risks of losses with a kink: absolute errors and the hinge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.registry import register
from tendsto.optim.settings import one_of
from tendsto.optim.spectral_problem import Array, SpectralConstants, SpectralRisk

LOSSES = ("absolute", "hinge")


@register("spectral-kink")
@dataclass(frozen=True)
class SpectralKink(SpectralRisk):
    """`SpectralRisk` of losses that are not smooth, on the same data and with the same oracles.

        loss        l_i(w)                          labels b_i
        absolute    |a_i . w - b_i|                 any
        hinge       max(0, 1 - b_i a_i . w)         -1 or +1; of other targets, the side of their median

    Derivatives are subderivatives, at a kink 0, and `gradient` is a subgradient. `prox_slope` is exact. The optimum is
    not known here: F is neither smooth nor, with a penalty, a linear programme.

    Raises:
        ValueError: an unknown loss, or what `SpectralRisk` refuses.

    Source: Mehta et al. (2024, arXiv 2310.13863), on non-smooth losses; these two are chosen here.

    >>> problem, w, first = SpectralKink(terms=4, dimension=1), np.zeros(1), np.array([0])
    >>> point = w - 100.0 * problem.prox_slope(w, first, 100.0) * problem.features(first)[0]
    >>> bool(problem.terms_at(point, first)[0] < 1e-15)
    True
    """

    loss: str = "absolute"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("loss", self.loss, LOSSES)

    def _sides(self, b: Array) -> Array:
        if self.data == "breast-cancer":
            return b
        return np.where(b > np.median(self.table[1]), 1.0, -1.0)

    def _losses(self, margin: Array, b: Array) -> tuple[Array, Array]:
        if self.loss == "absolute":
            return np.abs(margin - b), np.sign(margin - b)
        left = 1 - self._sides(b) * margin
        return np.maximum(left, 0), np.where(left > 0, -self._sides(b), 0.0)

    def _prox_slope(self, margin: Array, b: Array, c: Array) -> Array:
        if self.loss == "absolute":
            return np.clip((margin - b) / c, -1, 1)
        return -self._sides(b) * np.clip((1 - self._sides(b) * margin) / c, 0, 1)

    def optimum(self) -> None:
        return None

    def solution(self) -> None:
        return None

    def metrics(self, x: Array) -> dict[str, Any]:
        return {}

    def constants(self) -> SpectralConstants:
        return SpectralConstants(
            strongly_convex=self.mu, convex=True, terms=self.size(), top_weight=float(self.sigma[-1])
        )

    def lipschitz_within(self, radius: float) -> float:
        """Return G, a bound on the subgradients of all losses, anywhere."""
        return float(np.linalg.norm(self.table[0], axis=1).max())
