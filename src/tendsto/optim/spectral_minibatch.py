"""Minibatch methods for spectral risks: the risk of a batch in place of the risk of the data, which is a bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.optim.prospect import meta
from tendsto.optim.settings import at_least_zero

Array = npt.NDArray[np.float64]


def _check(lr: float, batch: int) -> None:
    at_least_zero(lr=lr)
    if batch < 1:
        raise ValueError(f"batch = {batch} draws nothing: use a whole number of at least 1")


def batch_gradient(w: Array, batch: int, oracle: Oracle, rng: Random) -> Array:
    """Return the gradient of the risk of `batch` terms drawn without replacement, without the l2 term, (..., d)."""
    which = rng.permutation("batch", meta(oracle).size())[..., :batch]
    losses, slopes = oracle.terms_at(w, which)
    return ((oracle.weights(losses, None)[0] * slopes)[..., None, :] @ oracle.features(which))[..., 0, :]


@register("spectral-sgd")
@dataclass(frozen=True)
class SpectralSGD(Method):
    """w - lr (sum over a batch of q_k grad l_k(w) + mu w), q the worst weights of the batch's losses alone.

    The worst half of a batch is not a sample of the worst half of the data: with any step size, w tends to where the
    mean risk of a batch is least and not the risk of the data.

    Info: "gradients", how many gradients of single losses were asked for so far.

    Raises:
        ValueError: a negative learning rate, or a batch that draws nothing.

    Source: baseline of Mehta et al. (2024, arXiv 2310.13863), batches of 64; there without replacement within a pass.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim.spectral_problem import SpectralRisk
    >>> trace = iterate(SpectralSGD(lr=0.1, batch=16), SpectralRisk(), steps=200)
    >>> bool(trace.gap()[0, -1] < trace.gap()[0, 0])
    True
    """

    lr: float = 0.01
    batch: int = 64

    asks = ("terms_at", "features", "weights")
    lanes = "leading"

    def __post_init__(self) -> None:
        _check(self.lr, self.batch)

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or _too_large(self.batch, problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Array]:
        w = oracle.init()
        return {"x": w, "asked": np.zeros(w.shape[:-1])}

    def step(self, state: dict[str, Array], oracle: Oracle, rng: Random) -> tuple[dict[str, Array], Info]:
        w, asked = state["x"], state["asked"] + self.batch
        v = batch_gradient(w, self.batch, oracle, rng) + meta(oracle).mu * w
        return {"x": w - np.asarray(self.lr)[..., None] * v, "asked": asked}, {"gradients": asked}


@register("spectral-srda")
@dataclass(frozen=True)
class SpectralSRDA(Method):
    """w_{t+1} = argmin_w <gbar_t, w> + (mu/2 + 1/(2 lr t)) ||w||^2 = -gbar_t / (mu + 1/(lr t)), t = 1, 2, ...

    gbar_t is the mean of the batches' gradients so far, without the l2 term: stochastic regularised dual averaging.

    Info: "gradients", how many gradients of single losses were asked for so far. State: "mean", gbar (..., d); "count".

    Raises:
        ValueError: a learning rate that is not above 0, or a batch that draws nothing.

    Source: Xiao, Dual averaging methods for regularized stochastic learning and online optimization (2010), as a
    baseline in the official code of Mehta et al. (2024).

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.optim.spectral_problem import SpectralRisk
    >>> trace = iterate(SpectralSRDA(lr=0.1, batch=16), SpectralRisk(), steps=200)
    >>> bool(trace.gap()[0, -1] < trace.gap()[0, 0])
    True
    """

    lr: float = 0.01
    batch: int = 64

    asks = ("terms_at", "features", "weights")
    lanes = "leading"

    def __post_init__(self) -> None:
        _check(self.lr, self.batch)
        if not self.lr > 0:
            raise ValueError(f"lr = {self.lr} is not allowed: use a number above 0")

    def declines(self, problem: Problem) -> str | None:
        return super().declines(problem) or _too_large(self.batch, problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Array]:
        w = oracle.init()
        zero = np.zeros(w.shape[:-1])
        return {"x": w, "mean": np.zeros_like(w), "count": zero, "asked": zero}

    def step(self, state: dict[str, Array], oracle: Oracle, rng: Random) -> tuple[dict[str, Array], Info]:
        t, asked = state["count"][..., None] + 1, state["asked"] + self.batch
        mean = state["mean"] + (batch_gradient(state["x"], self.batch, oracle, rng) - state["mean"]) / t
        point = -mean / (meta(oracle).mu + 1 / (np.asarray(self.lr)[..., None] * t))
        new = {"x": point, "mean": mean, "count": state["count"] + 1, "asked": asked}
        return new, {"gradients": asked}


def _too_large(batch: int, problem: Problem) -> str | None:
    n = problem.size()  # type: ignore[reportAttributeAccessIssue]
    return f"its batch = {batch} is more than the {n} terms of {type(problem).__name__}" if batch > n else None
