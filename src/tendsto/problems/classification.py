"""What the classification problems share: cross-entropy over images, and test metrics from one forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.problems.finite_sum import FiniteSum, check_batch

Point = dict[str, Tensor]


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Return -log softmax(logits)[label]; logits (..., classes), labels (...,) int64.

    Written with logsumexp, which is several times faster than log_softmax on a short last axis.
    """
    picked = torch.gather(logits, -1, labels[..., None])[..., 0]
    return logits.logsumexp(dim=-1) - picked


class Classification(FiniteSum):
    """Mean cross-entropy of a network over training images; a subclass gives `data`, `logits` and a field `precision`.

    Metrics are the test accuracy and the test loss. Points are dicts of tensors of `precision`.
    """

    criterion_name = "train loss"
    data: Any
    precision: Any

    def logits(self, x: Point, images: Tensor) -> Tensor:
        """Return the logits (m, classes) of images (m, pixels)."""
        raise NotImplementedError(f"{type(self).__name__} has no network: define logits(x, images)")

    def size(self) -> int:
        return len(self.data[1])

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        images, labels = self.data[:2] if which is None else (self.data[0][which], self.data[1][which])
        return cross_entropies(self.logits(x, images), labels)

    def metrics(self, x: Point) -> dict[str, Tensor]:
        logits = self.logits(x, self.data[2])
        right = (logits.argmax(dim=-1) == self.data[3]).to(logits.dtype).mean()
        return {"test accuracy": right, "test loss": cross_entropies(logits, self.data[3]).mean()}

    def constants(self) -> Constants:
        return Constants(convex=False)


def check_network(*, batch: int | None, precision: str, **sizes: int) -> None:
    """Raise ValueError for a size below 1, a batch that draws nothing, or an unknown precision."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} = {size} is no size: use a whole number of at least 1")
    check_batch(batch)
    if precision not in ("float32", "float64"):
        raise ValueError(f"precision = {precision!r} is unknown: use 'float32' or 'float64'")


def to_precision(data: tuple[Tensor, Tensor, Tensor, Tensor], precision: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return data whose images have the dtype named by `precision`."""
    dtype = getattr(torch, precision)
    return data[0].to(dtype), data[1], data[2].to(dtype), data[3]


def tanh_network(x: Point, images: Tensor) -> Tensor:
    """Return the logits of a network with one hidden tanh layer: output(tanh(hidden(images))).

    tanh(z) = 2 sigmoid(2 z) - 1 is folded into the weights: on a CPU the sigmoid is about seven times faster than the
    tanh, which otherwise takes half of the time.
    """
    linear = torch.nn.functional.linear
    hidden = torch.sigmoid(linear(images, 2 * x["hidden.weight"], 2 * x["hidden.bias"]))
    return linear(hidden, 2 * x["output.weight"], x["output.bias"] - x["output.weight"].sum(dim=1))


def tanh_network_init(rng: Random, inputs: int, hidden: int, dtype: torch.dtype) -> Point:
    """Return an inputs-hidden-10 network: normal weights of variance 1 / fan-in, biases 0."""
    return {
        "hidden.weight": rng.normal("hidden", (hidden, inputs), dtype) / inputs**0.5,
        "hidden.bias": torch.zeros(hidden, dtype=dtype),
        "output.weight": rng.normal("output", (10, hidden), dtype) / hidden**0.5,
        "output.bias": torch.zeros(10, dtype=dtype),
    }
