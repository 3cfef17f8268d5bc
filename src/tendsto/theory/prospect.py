"""The rate of Prospect on spectral risks with a large enough shift cost."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from tendsto.core.guarantee import Guarantee, unit
from tendsto.core.registry import register
from tendsto.core.trace import Array


@register("prospect-linear")
@dataclass(frozen=True, kw_only=True)
class ProspectLinear(Guarantee):
    """n losses convex, L-smooth and G-Lipschitz, an l2 term with mu, a spectrum up to sigma_n; the last point.

    smooth_max: L, of the losses without the l2 term. strongly_convex: mu. terms: n. top_weight: sigma_n, in [1/n, 1].
    lipschitz, shift_cost: G and nu, for a chi-square penalty; the theorem needs nu of order G^2 / (2 n mu) at least.
    That constant is not known here, so it is no assumption that is checked: where both are given and nu is below
    G^2 / (2 n mu) itself, a warning is.

    Raises:
        ValueError: a number of terms below 1, or a top weight outside [1/n, 1].

    >>> theorem = ProspectLinear(smooth_max=1.0, strongly_convex=1.0, terms=20, top_weight=0.1, distance=1.0)
    >>> round(theorem.lr, 5), theorem.passes, round(theorem.bound(6000), 8)
    (0.01389, 14.4, 1e-07)
    """

    smooth_max: float
    strongly_convex: float
    terms: int
    top_weight: float
    lipschitz: float | None = None
    shift_cost: float | None = None
    distance: float | None = None

    method = "prospect"
    assumes = ("smooth_max", "strongly_convex", "convex", "terms", "top_weight")
    measure = "||x - x*||^2"
    scale = "distance"
    mode = "expectation"
    statement = (
        "E||w_k - w*||^2 <= (1 + 1/sigma_n + 1/sigma_n^2) exp(-k/tau) ||w_0 - w*||^2, tau = 2 max(n, 24 kappa_s"
        " (kappa + 1)), kappa = 1 + L/mu, kappa_s = n sigma_n, with lr = 1 / (12 mu (1 + kappa) kappa_s) and a shift"
        " cost of order G^2 / (mu alpha_n) at least; alpha_n = 2n for the chi-square penalty, 1 for KL."
    )
    proof = (
        "a Lyapunov function adds to ||w - w*||^2 the errors of the two tables; a large shift cost makes the weights"
        " move so little with the losses that the bias falls with the distance."
    )
    source = (
        "Mehta, Roulet, Pillutla, Harchaoui, Distributionally Robust Optimization with Bias and Variance Reduction"
        " (2024, arXiv 2310.13863), main theorem; the constant of the condition on the shift cost is not known here"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.terms >= 1:
            raise ValueError(f"terms = {self.terms} is no number of losses: use a whole number of at least 1")
        if not 1 / self.terms * (1 - 1e-9) <= self.top_weight <= 1:
            raise ValueError(
                f"top_weight = {self.top_weight} is not possible for {self.terms} terms: it is in [1/n, 1]"
            )
        if self.lipschitz is not None and self.shift_cost is not None:
            least = self.lipschitz**2 / (2 * self.terms * self.strongly_convex)
            if self.shift_cost < least:
                warnings.warn(
                    f"shift_cost = {self.shift_cost:g} is below G^2 / (2 n mu) = {least:g}: the rate may not apply",
                    stacklevel=3,
                )

    @property
    def condition(self) -> float:
        """kappa = 1 + L/mu."""
        return 1 + self.smooth_max / self.strongly_convex

    @property
    def lr(self) -> float:
        """The one step size that the theorem is about."""
        return 1 / (12 * self.strongly_convex * (1 + self.condition) * self.terms * self.top_weight)

    @property
    def passes(self) -> float:
        """tau / n: how many times n steps divide the bound by e."""
        return 2 * max(self.terms, 24 * self.terms * self.top_weight * (self.condition + 1)) / self.terms

    def settings(self) -> dict[str, Any]:
        return {"lr": self.lr, "variant": "paper"}

    def formula(self, k: Array) -> Array:
        first = 1 + 1 / self.top_weight + 1 / self.top_weight**2
        return first * np.exp(-k / (self.terms * self.passes)) * unit(self.distance) ** 2
