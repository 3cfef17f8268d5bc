"""Networks on scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels, 10 classes."""

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
from tendsto.problems.data import digits
from tendsto.problems.once import once_property


@register("digits-mlp")
@dataclass(frozen=True)
class DigitsMLP(Classification):
    """Cross-entropy of a 64-h-10 tanh network on the digits, minibatches drawn with replacement.

    Points are dicts of float32 (or float64) tensors: "hidden.weight" (h, 64), "hidden.bias" (h,), "output.weight"
    (10, h), "output.bias" (10,). The criterion is the loss over all 1,438 training images; metrics are the test
    accuracy and the test loss.

    Raises:
        ValueError: a size below 1, or an unknown precision.

    >>> problem = DigitsMLP(hidden=8)
    >>> {name: tuple(p.shape) for name, p in problem.init(Random(0)).items()}
    {'hidden.weight': (8, 64), 'hidden.bias': (8,), 'output.weight': (10, 8), 'output.bias': (10,)}
    """

    hidden: int = 64
    batch: int | None = 64
    precision: str = "float32"

    small: ClassVar[Mapping[str, Any]] = {"hidden": 4, "batch": 8}

    def __post_init__(self) -> None:
        check_network(hidden=self.hidden, batch=self.batch, precision=self.precision)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return to_precision(digits(), self.precision)

    def init(self, rng: Random) -> Point:
        return tanh_network_init(rng, 64, self.hidden, getattr(torch, self.precision))

    def logits(self, x: Point, images: Tensor) -> Tensor:
        return tanh_network(x, images)


@register("digits-cnn")
@dataclass(frozen=True)
class DigitsCNN(Classification):
    """Cross-entropy of a small convolutional network on the digits.

    Two 3 x 3 convolutions with tanh, each followed by 2 x 2 average pooling, then a linear layer. Points are dicts of
    float32 (or float64) tensors: "first.weight" (c, 1, 3, 3), "second.weight" (2c, c, 3, 3), "output.weight" (10, 8c)
    and their biases.

    Raises:
        ValueError: a size below 1, or an unknown precision.

    >>> {name: tuple(p.shape) for name, p in DigitsCNN(channels=4).init(Random(0)).items() if "weight" in name}
    {'first.weight': (4, 1, 3, 3), 'second.weight': (8, 4, 3, 3), 'output.weight': (10, 32)}
    """

    channels: int = 8
    batch: int | None = 64
    precision: str = "float32"

    small: ClassVar[Mapping[str, Any]] = {"channels": 2, "batch": 4}

    def __post_init__(self) -> None:
        check_network(channels=self.channels, batch=self.batch, precision=self.precision)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return to_precision(digits(), self.precision)

    def init(self, rng: Random) -> Point:
        dtype, c = getattr(torch, self.precision), self.channels
        return {
            "first.weight": rng.normal("first", (c, 1, 3, 3), dtype) / 3.0,
            "first.bias": torch.zeros(c, dtype=dtype),
            "second.weight": rng.normal("second", (2 * c, c, 3, 3), dtype) / (9.0 * c) ** 0.5,
            "second.bias": torch.zeros(2 * c, dtype=dtype),
            "output.weight": rng.normal("output", (10, 8 * c), dtype) / (8.0 * c) ** 0.5,
            "output.bias": torch.zeros(10, dtype=dtype),
        }

    def logits(self, x: Point, images: Tensor) -> Tensor:
        f = torch.nn.functional
        hidden = images.reshape(-1, 1, 8, 8)
        for layer in ("first", "second"):
            hidden = torch.tanh(f.conv2d(hidden, x[f"{layer}.weight"], x[f"{layer}.bias"], padding=1))
            hidden = f.avg_pool2d(hidden, 2)
        return f.linear(hidden.flatten(1), x["output.weight"], x["output.bias"])
