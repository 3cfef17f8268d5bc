"""Spike-and-slab laws over the weights of sparse ReLU networks, fitted as lanes: many supports, restarts, data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["SpikeSlab", "count", "fit_spike_slabs", "forward", "sizes"]

TEMPERATURE, LOW, HIGH = 2 / 3, -0.1, 1.1
"""Of the hard concrete gates: Louizos, Welling, Kingma, Learning sparse neural networks through L0 (2018)."""

SHIFT = TEMPERATURE * math.log(-LOW / HIGH)
EVALUATION = 64
"""Draws of the weights that an expectation under q is estimated with."""


def sizes(dimension: int, layers: int, width: int) -> list[tuple[int, int]]:
    """Return (outputs, inputs) of every layer: `layers` - 1 hidden ones of `width`, and one output.

    >>> sizes(1, 3, 20), count(sizes(1, 3, 20))
    ([(20, 1), (20, 20), (1, 20)], 481)
    """
    inputs = [dimension, *[width] * (layers - 1)]
    return list(zip([*[width] * (layers - 1), 1], inputs, strict=True))


def count(shapes: Sequence[tuple[int, int]]) -> int:
    """Return T, the number of weights and biases."""
    return sum(rows * (columns + 1) for rows, columns in shapes)


def forward(theta: Tensor, x: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Return f_theta(x), (..., n), for theta (..., T), x (..., n, d): per layer the weights row by row, then biases."""
    at = 0
    for place, (rows, columns) in enumerate(shapes):
        weight = theta[..., at : at + rows * columns].reshape(*theta.shape[:-1], rows, columns)
        bias = theta[..., at + rows * columns : at + rows * (columns + 1)]
        x = x @ weight.mT + bias[..., None, :]
        x = x.relu() if place < len(shapes) - 1 else x
        at += rows * (columns + 1)
    return x[..., 0]


def log_choose(total: int, chosen: Tensor) -> Tensor:
    """log C(T, S)."""
    return math.lgamma(total + 1) - torch.lgamma(chosen + 1) - torch.lgamma(total - chosen + 1)


def slab_divergence(mean: Tensor, scale: Tensor) -> Tensor:
    """KL(N(mean, scale^2) || N(0, 1)), entry by entry."""
    return (mean**2 + scale**2 - 1) / 2 - scale.log()


@dataclass(frozen=True)
class SpikeSlab:
    """q: off `support` the weights are 0, on it independent N(mean, scale^2); lanes (B, T), one support a lane.

    shapes: the network's layers.
    """

    mean: Tensor
    scale: Tensor
    support: Tensor
    shapes: tuple[tuple[int, int], ...]

    def divergence(self, nonzeros: Tensor | None = None) -> Tensor:
        """Return KL(q || prior) (B,), exactly: log C(T, S) + sum over the support of KL(N(mean, scale^2) || N(0, 1)).

        The prior draws a support uniformly among those of S entries, S = `nonzeros` (B,) or the size of the support,
        and N(0, 1) on it.
        """
        chosen = self.support.sum(-1).to(self.mean.dtype) if nonzeros is None else nonzeros
        slabs = torch.where(self.support, slab_divergence(self.mean, self.scale), 0.0).sum(-1)
        return log_choose(self.mean.shape[-1], chosen) + slabs

    def draw(self, normal: Tensor) -> Tensor:
        """Return weights (..., B, T) for standard normal numbers of that shape."""
        return torch.where(self.support, self.mean + self.scale * normal, 0.0)

    def outputs(self, x: Tensor, generator: np.random.Generator, draws: int = EVALUATION) -> Tensor:
        """Return f_theta(x) for `draws` weights of every lane, (draws, B, n), x (B, n, d) or (n, d)."""
        normal = torch.from_numpy(generator.standard_normal((draws, *self.mean.shape)))
        return torch.stack([forward(self.draw(noise), x, self.shapes) for noise in normal])

    def elbo(self, x: Tensor, y: Tensor, alpha: float, sigma: Any, generator: np.random.Generator) -> Tensor:
        """Return -alpha / (2 sigma^2) sum_i E_q (y_i - f(x_i))^2 - KL(q || prior), (B,), the expectation by draws."""
        squares = ((y - self.outputs(x, generator)) ** 2).sum(-1).mean(0)
        return -alpha / (2 * sigma**2) * squares - self.divergence()

    def lane(self, place: int) -> SpikeSlab:
        """Return one lane, as lanes of one."""
        one = slice(place, place + 1)
        return SpikeSlab(self.mean[one], self.scale[one], self.support[one], self.shapes)


def gates(logits: Tensor, uniform: Tensor) -> Tensor:
    """Return hard concrete gates in [0, 1], 0 with probability 1 - sigmoid(logits - SHIFT)."""
    soft = torch.sigmoid((uniform.log() - (1 - uniform).log() + logits) / TEMPERATURE)
    return (soft * (HIGH - LOW) + LOW).clamp(0, 1)


def relaxed_loss(
    parameters: Sequence[Tensor],
    noise: Sequence[Tensor],
    data: tuple[Tensor, Tensor],
    shapes: Sequence[tuple[int, int]],
    share: Tensor,
    heat: Any,
    weight: float,
) -> Tensor:
    """Return heat mean_i (y_i - f(x_i))^2 + weight KL, (B,), at one draw of gated weights.

    parameters: mean, log scale and gate logits (B, T); noise: standard normal and uniform numbers of that shape. KL is
    that of gates and slabs from independent Bernoulli(share), share (B,), and N(0, 1).
    """
    mean, log_scale, logits = parameters
    theta = gates(logits, noise[1]) * (mean + log_scale.exp() * noise[0])
    error = ((data[1] - forward(theta, data[0], shapes)) ** 2).mean(-1)
    odds, prior = logits - SHIFT, share[:, None]
    p = torch.sigmoid(odds)
    spikes = -p * (softplus(-odds) + prior.log()) - (1 - p) * (softplus(odds) + (1 - prior).log())
    return heat * error + weight * (spikes + p * slab_divergence(mean, log_scale.exp())).sum(-1)


def slab_loss(
    parameters: Sequence[Tensor],
    noise: Sequence[Tensor],
    data: tuple[Tensor, Tensor],
    support: Tensor,
    shapes: tuple[tuple[int, int], ...],
    heat: Any,
    weight: float,
) -> Tensor:
    """Return heat mean_i (y_i - f(x_i))^2 + weight KL, (B,), at one draw of the weights on a fixed support.

    parameters: mean and log scale. KL is the exact one of the projected law, see `SpikeSlab.divergence`.
    """
    q = SpikeSlab(parameters[0], parameters[1].exp(), support, shapes)
    error = ((data[1] - forward(q.draw(noise[0]), data[0], shapes)) ** 2).mean(-1)
    return heat * error + weight * q.divergence()


def fit_spike_slabs(
    x: Tensor,
    y: Tensor,
    nonzeros: Tensor,
    shapes: tuple[tuple[int, int], ...],
    generator: np.random.Generator,
    *,
    alpha: float,
    sigma: Any,
    steps: int,
    refit_steps: int,
    lr: float,
    batch: int | None = None,
) -> SpikeSlab:
    """Return q for every lane: gates and slabs by Adam, the S likeliest gates kept, slabs refitted on that support.

    x: (n, d) or (B, n, d); y: (n,) or (B, n); nonzeros: S (B,), each at most T; sigma: a number or (B,). float64.
    """
    total, heat = count(shapes), alpha / (2 * sigma**2)
    chosen = nonzeros.to(torch.float64)
    share = (chosen / total).clamp(max=1 - 1e-6)
    lanes = (len(nonzeros), total)
    initial = [
        torch.from_numpy(generator.standard_normal((len(nonzeros), rows * columns))) * (2 / columns) ** 0.5
        if part == 0
        else torch.from_numpy(generator.standard_normal((len(nonzeros), rows)))
        for rows, columns in shapes
        for part in (0, 1)
    ]
    mean = torch.cat(initial, -1)
    parameters = [mean, torch.full(lanes, math.log(0.02), dtype=mean.dtype), torch.full(lanes, 4.0, dtype=mean.dtype)]

    def relaxed(now: Sequence[Tensor], data: tuple[Tensor, Tensor], weight: float) -> Tensor:
        normal = torch.from_numpy(generator.standard_normal(lanes))
        uniform = torch.from_numpy(generator.uniform(1e-9, 1 - 1e-9, lanes))
        return relaxed_loss(now, (normal, uniform), data, shapes, share, heat, weight)

    mean, log_scale, logits = _adam(relaxed, parameters, x, y, generator, steps, lr, batch)
    ranks = logits.argsort(-1, descending=True).argsort(-1)
    support = ranks < nonzeros[:, None]

    def refitted(now: Sequence[Tensor], data: tuple[Tensor, Tensor], weight: float) -> Tensor:
        normal = torch.from_numpy(generator.standard_normal(lanes))
        return slab_loss(now, (normal,), data, support, shapes, heat, weight)

    mean, log_scale = _adam(refitted, [mean, log_scale], x, y, generator, refit_steps, lr, batch, warm=False)
    return SpikeSlab(mean, log_scale.exp(), support, shapes)


def _adam(
    loss: Callable[[Sequence[Tensor], tuple[Tensor, Tensor], float], Tensor],
    parameters: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    generator: np.random.Generator,
    steps: int,
    lr: float,
    batch: int | None,
    warm: bool = True,
) -> list[Tensor]:
    """Adam from lr to lr / 100 along a cosine; where it is `warm`, the weight of the divergence is 0 for a fifth of the
    steps, and then grows to 1/n over half of them."""
    n = y.shape[-1]

    def warmed(t: int) -> float:
        return min(1.0, max(0.0, (t / steps - 0.2) / 0.5)) if warm else 1.0

    with torch.enable_grad():
        current = [p.detach().clone().requires_grad_() for p in parameters]
        optimizer = torch.optim.Adam(current, lr=lr)
        for t in range(steps):
            optimizer.param_groups[0]["lr"] = lr * (0.01 + 0.99 * (1 + math.cos(math.pi * t / steps)) / 2)
            data = x, y
            if batch is not None and batch < n:
                some = torch.from_numpy(generator.integers(0, n, batch))
                data = x[..., some, :], y[..., some]
            optimizer.zero_grad()
            loss(current, data, warmed(t) / n).sum().backward()
            optimizer.step()
    return [p.detach() for p in current]
