"""Entropic fictitious play by Langevin chains and a reservoir, in memory that does not grow with the rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.sampling.fictitious_play import check_mixing, mixing

__all__ = ["MeanFieldLangevin", "ParticleFictitiousPlay"]


NOISE = 2**16
"""Numbers drawn at once, for as many inner steps as they last: a draw costs a hundred small operations."""


def langevin(theta: Tensor, g: Tensor, lr: Any, steps: int, oracle: Oracle, rng: Random) -> Tensor:
    """Return the chains after `steps` times theta - lr grad U_g(theta) + sqrt(2 lr temperature) noise."""
    scale = (2 * lr * oracle.problem.temperature) ** 0.5  # type: ignore[reportAttributeAccessIssue]
    size = max(1, NOISE // theta.numel())
    for first in range(0, steps, size):
        shape = (min(size, steps - first), *theta.shape)
        for noise in rng.normal(f"noise {first}", shape, theta.dtype):
            theta = theta - lr * oracle.drift(theta, g) + scale * noise
    return theta


def _check_langevin(name: str, lr: float) -> None:
    if not lr > 0:
        raise ValueError(f"{name} = {lr} moves nothing: use a number above 0")


@register("particle-fictitious-play")
@dataclass(frozen=True)
class ParticleFictitiousPlay(Method):
    """One round, from predictions f (n,), a reservoir and as many chains, both (M, p):

        g = l'(f);  U(theta) = (1/n) sum_i g_i h(theta, x_i) + decay ||theta||^2
        inner_steps times, every chain:  theta <- theta - inner_lr grad U(theta) + sqrt(2 inner_lr temperature) noise
        f_hat = mean of h over the chains;  f <- (1 - gamma) f + gamma f_hat
        each particle of the reservoir is replaced by its chain with probability gamma

    U is fixed within a round, and chains go on from where the last round left them. The reservoir is, particle by
    particle, a sample of mu^{s+1}; nothing grows with the rounds. gamma, `rule`, `lr` as in `EntropicFictitiousPlay`.
    Langevin's bias is not counted in any theorem here, and the paper's mode that keeps all rounds is left out.

    Info: "duality gap", an estimate in O(n) memory of an upper bound on L(mu) - D(g) before the step: (1/n) f . g +
    temperature (k + z), where z is log Z(g), Z(g) = E exp(-(1/n) g . h(theta) / temperature) over the Gaussian nu ~
    exp(-decay ||theta||^2 / temperature), followed from round to round by the trapezoidal rule, dz = -f_hat . dg / (n
    temperature); and k >= KL(mu || nu) by convexity, k <- (1 - gamma) k + gamma (-f_hat . g / (n temperature) - z),
    from k = 0, as the cloud starts at nu, and z = -f_hat . g / (n temperature), its upper bound by convexity, with
    f_hat of chains that went `burn_in` steps first; that slack is forgotten as (1 - gamma)^s. The estimate is as good
    as the chains are mixed, and its noise, of either sign, is of the order 1/M. Where it is at most a positive
    `tolerance`, f and the reservoir stay.

    State: "chains" (M, p); "g", "fresh" (n,), those of the last round; "k", "z", "count", 0-d; all float64.

    Raises:
        ValueError: an unknown rule, lr outside (0, 1], inner_lr not above 0, inner_steps below 1, burn_in or tolerance
            below 0.

    Source: Nitanda, Oko, Wu, Takenouchi, Suzuki (2023, arXiv 2303.02957), the memory-efficient implementation;
    recalled. The estimate of the gap is ours.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.sampling import ParticleMeasure
    >>> trace = iterate(ParticleFictitiousPlay(lr=0.05), ParticleMeasure(particles=200), steps=60)
    >>> bool(trace.gap()[0, -1] < 0.01 * trace.gap()[0, 0])
    True
    """

    rule: str = "constant"
    lr: float = 0.05
    inner_lr: float = 0.1
    inner_steps: int = 20
    burn_in: int = 200
    tolerance: float = 0.0

    family = "sampling"
    asks = ("outputs", "slopes", "drift")
    # The chains are lanes already: batching runs as well costs a long recording and gains nothing.
    lanes = None

    def __post_init__(self) -> None:
        check_mixing(self.rule, self.lr, self.tolerance)
        _check_langevin("inner_lr", self.inner_lr)
        if self.inner_steps < 1 or self.burn_in < 0:
            steps = f"inner_steps = {self.inner_steps} must be at least 1, and burn_in = {self.burn_in} at least 0"
            raise ValueError(f"{steps}: chains move by whole steps")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x, zero = oracle.init(), torch.zeros((), dtype=torch.float64)
        f = x["predictions"]
        g = oracle.slopes(f)
        chains = langevin(x["particles"], g, self.inner_lr, self.burn_in, oracle, rng)
        fresh = oracle.outputs(chains).mean(0)
        z = -(fresh * g).sum() / (len(f) * oracle.problem.temperature)  # type: ignore[reportAttributeAccessIssue]
        return {"x": x, "chains": chains, "g": g, "fresh": fresh, "k": zero, "z": z, "count": zero}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        f, chains, count = state["x"]["predictions"], state["chains"], state["count"]
        n, temperature = f.shape[-1], oracle.problem.temperature  # type: ignore[reportAttributeAccessIssue]
        g = oracle.slopes(f)
        chains = langevin(chains, g, self.inner_lr, self.inner_steps, oracle, rng)
        fresh = oracle.outputs(chains).mean(0)
        z = state["z"] - ((state["fresh"] + fresh) / 2 * (g - state["g"])).sum() / (n * temperature)
        gap = (f * g).sum() / n + temperature * (state["k"] + z)
        gamma = mixing(self.rule, self.lr, count)
        if self.tolerance > 0:
            gamma = torch.where(gap > self.tolerance, gamma, 0 * gamma)
        replaced = rng.uniform("replaced", (chains.shape[0], 1), chains.dtype) < gamma
        x = {
            "particles": torch.where(replaced, chains, state["x"]["particles"]),
            "predictions": (1 - gamma) * f + gamma * fresh,
        }
        k = (1 - gamma) * state["k"] + gamma * (-(fresh * g).sum() / (n * temperature) - z)
        new = {"x": x, "chains": chains, "g": g, "fresh": fresh, "k": k, "z": z, "count": count + 1}
        return new, {"duality gap": gap}


@register("mean-field-langevin")
@dataclass(frozen=True)
class MeanFieldLangevin(Method):
    """Noisy gradient descent on all particles: theta <- theta - lr grad U_g(theta) + sqrt(2 lr temperature) noise.

    g = l'(f) is that of the cloud's own predictions f, renewed at every step. What fictitious play is compared with.

    Raises:
        ValueError: lr not above 0.

    Source: Mei, Montanari, Nguyen, A mean field view of the landscape of two-layer neural networks (2018); recalled.

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.sampling import ParticleMeasure
    >>> trace = iterate(MeanFieldLangevin(), ParticleMeasure(particles=200), steps=60)
    >>> bool(trace.gap()[0, -1] < 0.05 * trace.gap()[0, 0])
    True
    """

    lr: float = 0.1

    family = "sampling"
    asks = ("outputs", "slopes", "drift")

    def __post_init__(self) -> None:
        _check_langevin("lr", self.lr)

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        theta = state["x"]["particles"]
        theta = langevin(theta, oracle.slopes(state["x"]["predictions"]), self.lr, 1, oracle, rng)
        return {"x": {"particles": theta, "predictions": oracle.outputs(theta).mean(0)}}, {}
