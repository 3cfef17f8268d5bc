"""Prospect: stochastic gradients of a spectral risk whose bias and variance both vanish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.settings import at_least_zero, one_of

if TYPE_CHECKING:
    from tendsto.optim.spectral_problem import SpectralRisk

Array = npt.NDArray[np.float64]
VARIANTS = ("paper", "official")


@register("prospect")
@dataclass(frozen=True)
class Prospect(Method):
    """One gradient a step of F(w) = max_q { q . l(w) - shift_cost D(q) } + (mu/2) ||w||^2, for linear models.

    Kept are the losses l as last seen, q = the worst weights for them, gradients g_i as last seen and the weights rho_i
    that they stand with in their mean gbar = sum_i rho_i g_i. Each step draws i uniformly, and moves along

        v = n q_i grad l_i(w) - n rho_i g_i + gbar

    so that stale losses make the bias and stale gradients the variance, and both vanish as w settles. Then:

        variant    gradients            step                              loss refreshed      rho_i
        paper      with mu w            w - lr v                          j, drawn apart      q_i from the new losses
        official   of the loss alone    (w - lr v) / (1 + lr mu)          j = i               q_i from the old losses

    With a uniform spectrum q = 1/n, and "paper" is SAGA. "official" is that of the code, but for the penalty, where the
    code takes half of the chi-square one; it keeps n numbers where "paper" keeps n gradients.

    Info: "gradients", how many gradients of single losses were asked for so far. State: "losses",
    their "order", "q", "rho" (..., n); "gradients" (..., n, d), or for "official" "slopes" (..., n), their factors of
    a_i; "mean", gbar (..., d).

    Raises:
        ValueError: a negative learning rate, or an unknown variant.

    Source: Mehta, Roulet, Pillutla, Harchaoui, Distributionally Robust Optimization with Bias and Variance Reduction
    (2024, arXiv 2310.13863), Algorithm 1, and its official code. That losses are refreshed at the point before the step
    is the code's order.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim.spectral_problem import SpectralRisk
    >>> trace = iterate(Prospect(lr=0.02), SpectralRisk(terms=20, dimension=3), steps=2000)
    >>> bool(trace.gap()[0, -1] < 1e-10)
    True
    """

    lr: float = 0.01
    variant: str = "paper"

    asks = ("terms_at", "features", "weights")
    lanes = "leading"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr)
        one_of("variant", self.variant, VARIANTS)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Array]:
        w, problem = oracle.init(), meta(oracle)
        losses, slopes = oracle.terms_at(w, None)
        (q, order), features = oracle.weights(losses, None), oracle.features(None)
        # Weights and mean are the same for both variants; what is kept of gradients is not.
        kept = {"slopes": slopes} if self.variant == "official" else {"gradients": slopes[..., None] * features}
        if self.variant == "paper":
            kept["gradients"] = kept["gradients"] + problem.mu * w[..., None, :]
        mean = (q * slopes) @ features + (problem.mu * w if self.variant == "paper" else 0)
        asked = np.full(w.shape[:-1], float(problem.size()))
        return {"x": w, "losses": losses, "order": order, "q": q, "rho": q, **kept, "mean": mean, "asked": asked}

    def step(self, state: dict[str, Array], oracle: Oracle, rng: Random) -> tuple[dict[str, Array], Info]:
        w, q, rho, mu = state["x"], state["q"], state["rho"], meta(oracle).mu
        n = meta(oracle).size()
        i = rng.integers("gradient", n, (1,))
        loss, slope = oracle.terms_at(w, i)
        a = oracle.features(i)[..., 0, :]
        if self.variant == "official":
            new, old = slope * a, at(state["slopes"], i) * a
            v = self.direction(n * at(q, i) * new, n * at(rho, i) * old, state["mean"])
            shrink = 1 + np.asarray(self.lr)[..., None] * mu
            point = (w - np.asarray(self.lr)[..., None] * v) / shrink
            losses = put(state["losses"], i, loss)
            following, order = oracle.weights(losses, state["order"])
            weight = at(q, i)
            table = {"slopes": put(state["slopes"], i, slope)}
        else:
            new = slope * a + mu * w
            old = np.take_along_axis(state["gradients"], i[..., None], axis=-2)[..., 0, :]
            v = self.direction(n * at(q, i) * new, n * at(rho, i) * old, state["mean"])
            point = w - np.asarray(self.lr)[..., None] * v
            j = rng.integers("loss", n, (1,))
            losses = put(state["losses"], j, oracle.terms_at(w, j)[0])
            following, order = oracle.weights(losses, state["order"])
            weight = at(following, i)
            gradients = state["gradients"].copy()
            np.put_along_axis(gradients, i[..., None], new[..., None, :], axis=-2)
            table = {"gradients": gradients}
        mean = state["mean"] + weight * new - at(rho, i) * old
        asked = state["asked"] + 1
        tables = {"losses": losses, "order": order, "q": following, "rho": put(rho, i, weight), **table}
        return {"x": point, **tables, "mean": mean, "asked": asked}, {"gradients": asked}

    def direction(self, sampled: Array, kept: Array, mean: Array) -> Array:
        """Return v, (..., d), from n q_i grad l_i(w), n rho_i g_i and gbar."""
        return sampled - kept + mean


def meta(oracle: Oracle) -> SpectralRisk:
    """Return the problem, for its n and mu, which cost nothing to know."""
    return cast("SpectralRisk", oracle.problem)


def at(table: Array, i: npt.NDArray[np.int64]) -> Array:
    """Return the entries i (..., m) of (..., n), shape (..., m)."""
    return np.take_along_axis(table, i, axis=-1)


def put(table: Array, i: npt.NDArray[np.int64], values: Array) -> Array:
    """Return a copy of (..., n) with its entries i (..., m) replaced."""
    copy = table.copy()
    np.put_along_axis(copy, i, values, axis=-1)
    return copy
