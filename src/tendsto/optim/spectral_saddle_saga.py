"""SaddleSAGA for spectral risks: w descends and the weights q ascend, both along variance-reduced gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.prospect import at, meta, put
from tendsto.optim.settings import at_least_zero
from tendsto.optim.spectral_risk import sorted_weights

Array = npt.NDArray[np.float64]


@register("spectral-saddle-saga")
@dataclass(frozen=True)
class SpectralSaddleSAGA(Method):
    """A step for w and one for q on q . l(w) - shift_cost n ||q - 1/n||^2 + (mu/2) ||w||^2, from one term i, uniform.

        w <- (w - lr v) / (1 + lr mu)       v = n q_i grad l_i(w) - n rho_i g_i + sum_k rho_k g_k
        q <- argmax over p in P(sigma) of { p . u - shift_cost n ||p - 1/n||^2 - ||p - q||^2 / (2 dual_lr) }
                                            u = l + n (l_i(w) - l_i) e_i

    Kept are losses l, gradients g and weights rho as last seen; l_i, g_i and rho_i are then those of this step, before
    it. v and u are unbiased. The weights lag behind the losses, where Prospect's are the worst ones for them, and their
    step is a second thing to tune. q starts as sigma in the order of the losses.

    dual_lr: None for lr / n. As it grows, q tends to the worst weights for u, where Prospect takes those for the new l.

    Info: "gradients", how many gradients of single losses were asked for so far. State: "losses", "slopes" (factors of
    a_i), "q", "rho" (..., n); "mean", sum_k rho_k g_k (..., d).

    Raises:
        ValueError: a negative learning rate.

    Source: Palaniappan, Bach, Stochastic variance reduction methods for saddle-point problems (2016, arXiv 1605.06398),
    as a baseline in the official code of Mehta et al. (2024, arXiv 2310.13863): uniform sampling, the dual step lr / n
    and the start are the code's. The chi-square penalty is the paper's, of which the code takes half.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim.spectral_problem import SpectralRisk
    >>> trace = iterate(SpectralSaddleSAGA(lr=0.02), SpectralRisk(terms=20, dimension=3), steps=2000)
    >>> bool(trace.gap()[0, -1] < 1e-8)
    True
    """

    lr: float = 0.01
    dual_lr: float | None = None

    asks = ("terms_at", "features")
    lanes = "leading"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr)
        if self.dual_lr is not None:
            at_least_zero(dual_lr=self.dual_lr)

    def declines(self, problem: Problem) -> str | None:
        penalty = getattr(problem, "penalty", "chi2")
        other = f"its step for the weights is that of the chi-square penalty, not of penalty = {penalty!r}"
        return super().declines(problem) or (other if penalty != "chi2" else None)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Array]:
        w, sigma = oracle.init(), meta(oracle).sigma
        losses, slopes = oracle.terms_at(w, None)
        q = sorted_weights(losses, sigma, 0.0, "chi2")[0]
        mean = (q * slopes) @ oracle.features(None)
        asked = np.full(w.shape[:-1], float(meta(oracle).size()))
        return {"x": w, "losses": losses, "slopes": slopes, "q": q, "rho": q, "mean": mean, "asked": asked}

    def step(self, state: dict[str, Array], oracle: Oracle, rng: Random) -> tuple[dict[str, Array], Info]:
        w, q, losses, n, mu = state["x"], state["q"], state["losses"], meta(oracle).size(), meta(oracle).mu
        i = rng.integers("gradient", n, (1,))
        loss, slope = oracle.terms_at(w, i)
        a, lr = oracle.features(i)[..., 0, :], np.asarray(self.lr)[..., None]
        weight, new = at(q, i), slope * a
        stood = at(state["rho"], i) * at(state["slopes"], i) * a
        v = n * weight * new - n * stood + state["mean"]
        up = lr / n if self.dual_lr is None else np.asarray(self.dual_lr)[..., None]
        ascent = put(losses, i, n * loss - (n - 1) * at(losses, i))
        # Times `up`, all of the argmax but constants is p . goal - (curved / 2) ||p - 1/n||^2.
        goal, curved = q + up * ascent, 1 + up * 2 * n * meta(oracle).shift_cost
        asked = state["asked"] + 1
        following = {
            "x": (w - lr * v) / (1 + lr * mu),
            "losses": put(losses, i, loss),
            "slopes": put(state["slopes"], i, slope),
            "q": sorted_weights(goal / curved, meta(oracle).sigma, 1 / (2 * n), "chi2")[0],
            "rho": put(state["rho"], i, weight),
            "mean": state["mean"] + weight * new - stood,
            "asked": asked,
        }
        return following, {"gradients": asked}
