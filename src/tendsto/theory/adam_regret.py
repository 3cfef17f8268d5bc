"""The regret bound that Adam was published with, executable so that it can be refuted."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tendsto.core.guarantee import Guarantee
from tendsto.core.trace import Array, Trace

if TYPE_CHECKING:
    from tendsto.optim.online_adam import OnlineAdam
    from tendsto.problems.online import Stream


@dataclass(frozen=True, kw_only=True)
class AdamRegret(Guarantee):
    """Kingma and Ba's bound on the average regret of Adam with steps lr / sqrt(t). Its proof is wrong.

    With d coordinates, D = diameter and D_inf = width the largest 2-norm and entry of a difference of two points, G_inf
    the largest entry of a gradient, gamma = b1^2 / sqrt(b2) < 1 and lambda = decay,

        R(T) <= D^2 / (2 lr (1 - b1)) sum_i sqrt(T v^_{T,i})
              + lr (1 + b1) G_inf / ((1 - b1) sqrt(1 - b2) (1 - gamma)^2) sum_i ||g_{1:T,i}||_2
              + d D_inf^2 G_inf sqrt(1 - b2) / (2 lr (1 - b1) (1 - lambda)^2)

    and `bound(T)` is that over T. `check` takes the two sums from the trace (the largest over its runs); elsewhere they
    are replaced by what they can be at most, d G_inf and d G_inf sqrt(T).

    The proof sums D^2 (sqrt(v^_t)/lr_t - sqrt(v^_{t-1})/lr_{t-1}) as if every term were positive. The missing
    assumption is that sqrt(v^_t)/lr_t does not decrease in t, in any coordinate: AMSGrad enforces it, Adam does not,
    and on `AdamCounterexample` its regret is linear and this bound violated. The second term also is not of the units
    of a loss (its lemma needs a factor sqrt(1 + log T) in the place of G_inf), so a change of units alone can break it.
    It is not enrolled among the theorems that `find` offers.

    Raises:
        ValueError: gamma is not below 1, decay not in (0, 1), or a size that is not positive.

    >>> AdamRegret(lr=0.1, diameter=2.0, width=2.0, gradient_bound=1.0, dimension=1).gamma < 1
    True
    """

    lr: float
    diameter: float
    width: float
    gradient_bound: float
    dimension: int
    beta1: float = 0.9
    beta2: float = 0.999
    decay: float = 0.9
    seen: tuple[tuple[float, float, float], ...] = ()

    method = "adam"
    runs = "online-adam"
    assumes = ("convex",)
    measure = "average regret"
    statement = (
        "R(T)/T <= O(1/sqrt(T)) for convex losses on a bounded set; as published, without the assumption that it needs:"
        " that sqrt(v^_t)/lr_t does not decrease in t."
    )
    proof = (
        "wrong: it telescopes sqrt(v^_t)/lr_t - sqrt(v^_{t-1})/lr_{t-1} as if these were positive; with the largest v^"
        " so far (AMSGrad) they are."
    )
    source = (
        "Kingma and Ba 2015, arXiv 1412.6980, Theorem 4.1 (recalled; the third term varies between versions); refuted"
        " by Reddi, Kale and Kumar 2018"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lr", "diameter", "width", "gradient_bound", "dimension"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is no size: use a positive number")
        if not (0 <= self.beta1 < 1 and 0 < self.beta2 < 1 and self.gamma < 1):
            raise ValueError(f"beta1 = {self.beta1} is not below beta2^(1/4) = {self.beta2**0.25:.4g}: lower it")
        if not 0 < self.decay < 1:
            raise ValueError(f"decay = {self.decay} is out of range: use a number above 0 and below 1, such as 0.9")

    @classmethod
    def on(cls, problem: Stream, method: OnlineAdam) -> AdamRegret:
        """Return the theorem for a method on a stream of losses on a box.

        >>> from tendsto.optim import OnlineAdam
        >>> from tendsto.problems import AdamCounterexample
        >>> AdamRegret.on(AdamCounterexample(), OnlineAdam(lr=0.5)).width
        2.0
        """
        width, dimension = 2.0 * problem.radius, problem.dimension()
        return cls(
            lr=method.lr,
            diameter=width * math.sqrt(dimension),
            width=width,
            gradient_bound=problem.gradient_bound(),
            dimension=dimension,
            beta1=method.betas[0],
            beta2=method.betas[1],
            decay=method.decay,
        )

    @property
    def gamma(self) -> float:
        """b1^2 / sqrt(b2), which has to be below 1."""
        return self.beta1**2 / math.sqrt(self.beta2)

    def settings(self) -> dict[str, Any]:
        return {"lr": self.lr, "betas": (self.beta1, self.beta2), "decay": self.decay}

    def started(self, trace: Trace) -> AdamRegret:
        """Return this bound with the sums that a trace of `OnlineAdam` recorded, the largest over its runs."""
        later = trace.index > 0
        roots, norms = (trace[f"info.{name}"][:, later].max(axis=0) for name in ("roots", "norms"))
        seen = zip(trace.index[later].tolist(), roots.tolist(), norms.tolist(), strict=True)
        return dataclasses.replace(self, seen=tuple(seen))

    def formula(self, k: Array) -> Array:
        rounds = np.maximum(k, 1.0)
        most = self.dimension * self.gradient_bound
        roots, norms = np.full_like(rounds, most), most * np.sqrt(rounds)
        for at, root, norm in self.seen:
            roots, norms = np.where(rounds == at, root, roots), np.where(rounds == at, norm, norms)
        left = 1 - self.beta1
        first = self.diameter**2 / (2 * self.lr * left) * np.sqrt(rounds) * roots
        second = self.lr * (1 + self.beta1) * self.gradient_bound * norms
        second = second / (left * math.sqrt(1 - self.beta2) * (1 - self.gamma) ** 2)
        third = self.dimension * self.width**2 * self.gradient_bound * math.sqrt(1 - self.beta2)
        third = third / (2 * self.lr * left * (1 - self.decay) ** 2)
        return np.where(k < 1, np.inf, (first + second + third) / rounds)
