"""LSVRG for spectral risks: variance is reduced between checkpoints, where the weights are set anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.prospect import at, meta
from tendsto.optim.settings import at_least_zero

Array = npt.NDArray[np.float64]


@register("spectral-lsvrg")
@dataclass(frozen=True)
class SpectralLSVRG(Method):
    """Every n steps, all losses and gradients g_i at c = w, and q = the worst weights there; between, i uniform and

        w - lr (n q_i (grad l_i(w) - g_i) + sum_i q_i g_i + mu w).

    Between checkpoints the weights are stale, which is its bias. The g_i are kept (n numbers for a linear model), so a
    pass costs 2n gradients of single losses; the code computes each g_i again, which costs 3n.

    Info: "gradients", how many gradients of single losses were asked for so far. State: "q", "slopes" (..., n), "mean"
    (..., d), "count" (...,).

    Raises:
        ValueError: a negative learning rate.

    Source: Mehta, Pillutla, Liu, Harchaoui, Stochastic Optimization for Spectral Risk Measures (2023), as a baseline in
    the official code of Mehta et al. (2024).

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim.spectral_problem import SpectralRisk
    >>> trace = iterate(SpectralLSVRG(lr=0.02), SpectralRisk(terms=20, dimension=3), steps=2000)
    >>> bool(trace.gap()[0, -1] < 1e-10)
    True
    """

    lr: float = 0.01

    asks = ("terms_at", "features", "weights")
    lanes = "leading"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Array]:
        w = oracle.init()
        zero = np.zeros(w.shape[:-1])
        return {"x": w, **self._checkpoint(w, oracle), "count": zero, "asked": zero + meta(oracle).size()}

    def step(self, state: dict[str, Array], oracle: Oracle, rng: Random) -> tuple[dict[str, Array], Info]:
        w, n = state["x"], meta(oracle).size()
        count, asked = state["count"], state["asked"]
        # Lanes count alike; one that has ended lags behind, and no longer matters.
        if count.max() > 0 and count.max() % n == 0:
            state, asked = state | self._checkpoint(w, oracle), asked + n
        i = rng.integers("gradient", n, (1,))
        slope, a = oracle.terms_at(w, i)[1], oracle.features(i)[..., 0, :]
        v = n * at(state["q"], i) * (slope - at(state["slopes"], i)) * a + state["mean"] + meta(oracle).mu * w
        new = {"x": w - np.asarray(self.lr)[..., None] * v, "count": count + 1, "asked": asked + 1}
        return state | new, {"gradients": new["asked"]}

    def _checkpoint(self, w: Array, oracle: Oracle) -> dict[str, Array]:
        losses, slopes = oracle.terms_at(w, None)
        q, _ = oracle.weights(losses, None)
        return {"q": q, "slopes": slopes, "mean": (q * slopes) @ oracle.features(None)}
