"""Adam as its convergence theorem has it: decreasing steps and momentum, projected, against a stream of losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import join, split
from tendsto.optim.settings import at_least_zero, decay_rates


@register("online-adam")
@dataclass(frozen=True)
class OnlineAdam(Method):
    """Adam with steps lr / sqrt(t) and momentum b1 decay^(t-1), each step projected onto the problem's box.

    With g the gradient of the loss of round t = 1, 2, ..., b1_t = b1 decay^(t-1), and m = v = 0 at first,

        m <- b1_t m + (1 - b1_t) g          v <- b2 v + (1 - b2) g^2
        m^ = m / (1 - b1_1 ... b1_t)        v^ = v / (1 - b2^t)
        x <- project(x - lr / sqrt(t) * m^ / (sqrt(v^) + eps))

    amsgrad: divide by the largest v^ so far, which repairs the proof. bias_correction: False leaves m^ = m, v^ = v.

    Info: "total loss", the sum of the losses paid, and what the regret bound needs: "roots", sum_i sqrt(v^_i), and
    "norms", sum_i ||g_{1:t,i}||_2. The entries of x are taken as one vector, so its tensors share a dtype. The
    projection is Euclidean: on a box it is also the projection in the metric of sqrt(v^).

    Source: Kingma and Ba 2015, arXiv 1412.6980, Theorem 4.1 (recalled; with momentum that decays, the bias of m is
    corrected by the product of the rates, which is inferred); Reddi, Kale and Kumar 2018, Algorithms 1 and 2.

    Raises:
        ValueError: a negative setting, betas outside [0, 1), or decay outside (0, 1].

    >>> from tendsto.core.iterate import iterate
    >>> from tendsto.problems import AdamCounterexample
    >>> method = OnlineAdam(lr=0.5, betas=(0.0, 0.1), bias_correction=False)
    >>> iterate(method, AdamCounterexample(shift=0), steps=300)["x"][0, -1] > 0.9
    np.True_
    """

    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.9
    eps: float = 1e-8
    amsgrad: bool = False
    bias_correction: bool = True

    asks = ("gradient", "project")

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, eps=self.eps)
        decay_rates(self.betas)
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay = {self.decay} is out of range: use a number above 0 and at most 1, such as 0.9")

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        zeros, zero = torch.zeros_like(join(x)), torch.zeros((), dtype=torch.float64)
        return {"x": x, "m": zeros, "v": zeros, "largest": zeros, "squares": zeros, "total": zero, "step": zero}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, t, (b1, b2) = state["x"], state["step"] + 1, self.betas
        value, gradient = oracle.value_and_gradient(x)
        g, now = join(gradient), b1 * self.decay ** (t - 1)
        m = now * state["m"] + (1 - now) * g
        v = b2 * state["v"] + (1 - b2) * g * g
        if self.bias_correction:
            m_hat, v_hat = m / (1 - b1**t * self.decay ** (t * (t - 1) / 2)), v / (1 - b2**t)
        else:
            m_hat, v_hat = m, v
        largest = torch.maximum(state["largest"], v_hat)
        root = (largest if self.amsgrad else v_hat).sqrt()
        move = self.lr * t**-0.5 * m_hat / (root + self.eps)
        squares, total = state["squares"] + g * g, state["total"] + value
        info = {"value": value, "total loss": total, "roots": root.sum(), "norms": squares.sqrt().sum()}
        x = oracle.project(split(join(x) - move, like=x))
        return {
            "x": x, "m": m, "v": v, "largest": largest, "squares": squares, "total": total, "step": t
        }, info  # fmt: skip
