"""Prospect with proximal maps of single losses in place of their gradients: losses need not be smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.prospect import meta, put

Array = npt.NDArray[np.float64]


@register("prospect-moreau")
@dataclass(frozen=True)
class ProspectMoreau(Method):
    """A proximal map a step, on F(w) = max_q { q . l(w) - shift_cost D(q) } + (mu/2) ||w||^2, for linear models.

    With f_i = l_i + (mu/2) ||.||^2, and losses l, gradients g of the f_i and q, the worst weights for l, as last seen:

        i ~ q           w+ = prox_{lr f_i}(w + lr (g_i - gbar))                     gbar = sum_k q_k g_k
        j ~ uniform     g_j <- (z - prox_{lr f_j}(z)) / lr, z = w + lr (g_j - gbar);  l_j <- l_j(w);  q <- worst for l

    (z - prox_{lr f}(z)) / lr is the gradient at z of f's Moreau envelope, and a subgradient of f at the proximal point,
    so f needs no gradient of its own. Where q and g have settled, w = w* does not move: sum_k q_k g_k = 0 there.
    j is drawn apart from i, for terms of weight 0 have to be seen again as well. It is Point-SAGA, but for that, where
    all q_k = 1/n. With smooth losses and a large shift cost, steps may be far above those of gradients; stale weights
    limit them. No rate is stated here. A step costs n d, for gbar.

    Info: "gradients", how many gradients and proximal maps of single losses were asked for so far: two a step. State:
    "losses", their "order", "q" (..., n); "gradients" (..., n, d).

    Raises:
        ValueError: a learning rate that is not above 0.

    Source: Mehta, Roulet, Pillutla, Harchaoui, Distributionally Robust Optimization with Bias and Variance Reduction
    (2024, arXiv 2310.13863), the variant with Moreau envelopes; Defazio, A simple practical accelerated method for
    finite sums (2016), which it extends. That gbar has the weights q of now, that j's entry is renewed as i's would be,
    and losses at the point before the step, is inferred; the official code has no such method.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim.spectral_problem import SpectralRisk
    >>> trace = iterate(ProspectMoreau(lr=0.1), SpectralRisk(terms=20, dimension=3), steps=2000)
    >>> bool(trace.gap()[0, -1] < 1e-10)
    True
    """

    lr: float = 0.1

    asks = ("terms_at", "features", "weights", "prox_slope")
    lanes = "leading"

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"lr = {self.lr} is not allowed: use a number above 0")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Array]:
        w = oracle.init()
        losses, slopes = oracle.terms_at(w, None)
        q, order = oracle.weights(losses, None)
        gradients = slopes[..., None] * oracle.features(None) + meta(oracle).mu * w[..., None, :]
        asked = np.full(w.shape[:-1], float(meta(oracle).size()))
        return {"x": w, "losses": losses, "order": order, "q": q, "gradients": gradients, "asked": asked}

    def step(self, state: dict[str, Array], oracle: Oracle, rng: Random) -> tuple[dict[str, Array], Info]:
        w, q, table, n = state["x"], state["q"], state["gradients"], meta(oracle).size()
        mean = (q[..., None, :] @ table)[..., 0, :]
        i, j = drawn(q, rng.uniform("term", (1,))), rng.integers("table", n, (1,))
        point, _ = self.proximal(w, row(table, i) - mean, i, oracle)
        _, gradient = self.proximal(w, row(table, j) - mean, j, oracle)
        losses = put(state["losses"], j, oracle.terms_at(w, j)[0])
        following, order = oracle.weights(losses, state["order"])
        renewed = table.copy()
        np.put_along_axis(renewed, j[..., None], gradient[..., None, :], axis=-2)
        asked = state["asked"] + 2
        new = {"x": point, "losses": losses, "order": order, "q": following, "gradients": renewed, "asked": asked}
        return new, {"gradients": asked}

    def proximal(self, w: Array, move: Array, i: npt.NDArray[np.int64], oracle: Oracle) -> tuple[Array, Array]:
        """Return p = prox_{lr f_i}(z), z = w + lr move, and (z - p) / lr, both (..., d)."""
        lr, mu = np.asarray(self.lr)[..., None], meta(oracle).mu
        # The l2 term joins the square: prox_{lr f}(z) = prox_{size l}(z / (1 + lr mu)).
        size, centre = lr / (1 + lr * mu), (w + lr * move) / (1 + lr * mu)
        pull = oracle.prox_slope(centre, i, size) * oracle.features(i)[..., 0, :]
        point = centre - size * pull
        return point, pull + mu * point


def drawn(q: Array, u: Array) -> npt.NDArray[np.int64]:
    """Return the index (..., 1) that the uniform number u (..., 1) picks among weights q (..., n)."""
    total = np.cumsum(q, axis=-1)
    return np.minimum((total <= u * total[..., -1:]).sum(axis=-1, keepdims=True), q.shape[-1] - 1)


def row(table: Array, i: npt.NDArray[np.int64]) -> Array:
    """Return the rows i (..., 1) of (..., n, d), shape (..., d)."""
    return np.take_along_axis(table, i[..., None], axis=-2)[..., 0, :]
