"""The exponentiated online-to-non-convex conversion: an online learner of steps finds a stationary point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import join, split, tree_map
from tendsto.optim.random_scaling import LAWS, random_scale
from tendsto.optim.settings import at_least_zero, one_of


def lemma_residual(value: Callable[[Tensor], Tensor], x: Tensor, move: Tensor, scales: Tensor) -> Tensor:
    """Return F(x + s D) - F(x) - <grad F(x + s D), D> for every scale s: of mean 0 for s ~ Exp(1), and only then.

    value: F, differentiable almost everywhere and the integral of its gradient. x, move: (d,), scales: (draws,).
    D, not s D, is on the right: integrate the exponential's tail by parts.

    Source: Zhang and Cutkosky 2024, arXiv 2405.09742, Lemma 3.1 (its number recalled).

    >>> scales = Random(0).exponential("s", (100_000,), torch.float64)
    >>> x, move = torch.tensor([0.5], dtype=torch.float64), torch.tensor([-2.0], dtype=torch.float64)
    >>> found = lemma_residual(lambda x: x.abs().sum(), x, move, scales)
    >>> bool(found.mean().abs() < 4 * found.std() / 100_000**0.5)
    True
    """

    def one(scale: Tensor) -> Tensor:
        gradient, after = torch.func.grad_and_value(value)(x + scale * move)
        return after - value(x) - (gradient * move).sum()

    return torch.func.vmap(one)(scales)


def stationarity(points: Tensor, gradients: Tensor, weights: Tensor, c: float) -> Tensor:
    """Return |sum w_t g_t| + c sum w_t |x_t - x|^2 at x = sum w_t x_t: a bound on |grad F(x)|_c from points visited.

    |grad F(x)|_c is the least of |E grad F(y)| + c E|y - x|^2 over all distributions of y of mean x; x is
    (c, eps)-stationary where it is at most eps.

    points, gradients: (t, d); weights: (t,), of sum 1.

    Source: Zhang and Cutkosky 2024, arXiv 2405.09742, Definition 2.2 (its number recalled).

    >>> x = torch.tensor([[1.0], [-1.0]])
    >>> float(stationarity(x, x.sign(), torch.tensor([0.5, 0.5]), c=0.1))
    0.10000000149011612
    """
    x = weights @ points
    return (weights @ gradients).norm() + c * (weights * ((points - x) ** 2).sum(dim=1)).sum()


@register("online-to-nonconvex")
@dataclass(frozen=True)
class OnlineToNonconvex(Method):
    """Online gradient descent learns the step D; the point moves by s D, and its exponential average answers.

    For n = 1, 2, ..., with D_1 = 0, s_n ~ Exp(1), g_n a stochastic gradient at x_n,

        x_n = x_{n-1} + s_n D_n
        D_{n+1} = (D_n - lr g_n) beta / (1 + lr mu)
        answer: mean_n = sum_{t <= n} beta^(n-t) x_t / sum_{t <= n} beta^(n-t)

    which is SGD of momentum b = beta / (1 + lr mu) and learning rate lr b with random scaling. The learner sees the
    losses beta^-n (<g_n, D> + mu |D|^2 / 2). For F that is Lipschitz, smooth or not, the answer at a random n <= N is
    (c, eps)-stationary for N of the order c^(1/2) eps^(-7/2) once tuned, see `tuned`.

    Info: "stationarity" is `stationarity` of the points so far, weighted as the answer is, with c and the stochastic
    gradients, which make it larger in the mean; "average stationarity" its mean over 1, ..., n: the theorem's figure.

    The entries of x are taken as one vector, so its tensors share a dtype. law: see `RandomScalingRule`.

    Source: Zhang and Cutkosky 2024, arXiv 2405.09742, Algorithms 1 and 2; closed form of the learner from the authors'
    code.

    Raises:
        ValueError: a negative setting, beta outside [0, 1), or an unknown law.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems import Quadratic
    >>> trace = iterate(OnlineToNonconvex(lr=0.1, beta=0.9), Quadratic(dimension=3), steps=200)
    >>> bool(trace.final("info.stationarity")[0] < 0.1)
    True
    """

    lr: float = 1e-2
    beta: float = 0.9
    mu: float = 0.0
    c: float = 1.0
    law: str = "exponential"

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, mu=self.mu, c=self.c)
        one_of("law", self.law, LAWS)
        if not 0 <= self.beta < 1:
            raise ValueError(f"beta = {self.beta} is out of range: use a number of at least 0 and below 1, such as 0.9")

    @classmethod
    def tuned(cls, steps: int, *, gap: float, gradient: float, c: float = 1.0) -> OnlineToNonconvex:
        """Return the method whose settings have the theorem's orders for a budget.

        gap: F(x_0) - inf F. gradient: G + sigma, the Lipschitz constant and the noise of a gradient. With
        eps = (gap gradient^2 sqrt(c) / steps)^(2/7), the settings are 1 - beta = (eps / gradient)^2, at most 1/2,
        D = (1 - beta) sqrt(eps / c), lr = D sqrt(1 - beta) / gradient and mu = 2 c D / (1 - beta)^2. The orders are the
        paper's; the constants are derived here from the learner's regret, those of the theorem not being at hand.

        Raises:
            ValueError: a figure that is not above 0.

        >>> [round(OnlineToNonconvex.tuned(n, gap=1.0, gradient=3.0).beta, 4) for n in (1000, 100_000)]
        [0.9925, 0.9995]
        """
        for name, figure in {"steps": steps, "gap": gap, "gradient": gradient, "c": c}.items():
            if not figure > 0:
                raise ValueError(f"{name} = {figure} is not allowed: use a number above 0")
        eps = (gap * gradient**2 * c**0.5 / steps) ** (2 / 7)
        forget = min((eps / gradient) ** 2, 0.5)
        size = forget * (eps / c) ** 0.5
        return cls(lr=size * forget**0.5 / gradient, beta=1 - forget, mu=2 * c * size / forget**2, c=c)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        flat, zero = join(x), torch.zeros((), dtype=torch.float64)
        none = torch.zeros_like(flat)
        means = {"point": flat, "move": none, "gradient": none, "spread": zero, "total": zero, "step": zero}
        return {"x": x, **tree_map(lambda _, leaf: leaf.clone(), means)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        n = state["step"] + 1
        # The scale of step n - 1 of the rule: its first step takes a gradient first, and then moves.
        point = state["point"] + random_scale(self.law, rng.seed, n - 1) * state["move"]
        value, gradient = oracle.value_and_gradient(split(point, like=state["x"]))
        g = join(gradient)
        move = (state["move"] - self.lr * g) * (self.beta / (1 + self.lr * self.mu))
        weight = (1 - self.beta) / (1 - self.beta**n)
        mean, apart = join(state["x"]), point - join(state["x"])
        spread = (1 - weight) * (state["spread"] + weight * (apart * apart).sum())
        mean_gradient = state["gradient"] + weight * (g - state["gradient"])
        now = mean_gradient.norm() + self.c * spread
        total = state["total"] + now
        info = {"value": value, "stationarity": now, "average stationarity": total / n}
        answer = split(mean + weight * apart, like=state["x"])
        found = {"point": point, "move": move, "gradient": mean_gradient, "spread": spread, "total": total, "step": n}
        return {"x": answer, **found}, info
