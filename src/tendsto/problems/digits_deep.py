"""Deeper networks on the digits, for methods that look at layers: a classifier and an autoencoder."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.classification import Classification, Point, check_network, tanh, to_precision
from tendsto.problems.data import digits
from tendsto.problems.layered import Layered
from tendsto.problems.once import once_property


def deep_init(rng: Random, sizes: tuple[int, ...], dtype: torch.dtype) -> Point:
    """Return a network of linear layers "1", "2", ...: normal weights of variance 1 / fan-in, biases 0."""
    point: Point = {}
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes), start=1):
        point[f"{i}.weight"] = rng.normal(f"{i}", (fan_out, fan_in), dtype) / fan_in**0.5
        point[f"{i}.bias"] = torch.zeros(fan_out, dtype=dtype)
    return point


def deep_network(x: Point, images: Tensor) -> Tensor:
    """Return the outputs of linear layers with tanh between them."""
    layers = len(x) // 2
    for i in range(1, layers + 1):
        images = torch.nn.functional.linear(images, x[f"{i}.weight"], x[f"{i}.bias"])
        images = tanh(images) if i < layers else images
    return images


def _check(sizes: tuple[int, ...], batch: int | None, precision: str) -> None:
    if isinstance(sizes, int) or len(sizes) == 0:
        raise ValueError(f"hidden = {sizes!r} must be a tuple of widths, such as (128, 128)")
    check_network(batch=batch, precision=precision, **{f"hidden layer {i}": s for i, s in enumerate(sizes, start=1)})


@register("digits-deep")
@dataclass(frozen=True)
class DigitsDeep(Classification):
    """Cross-entropy of a tanh network with several hidden layers on the digits.

    Points are dicts of float32 (or float64) tensors "1.weight" (h, 64), "1.bias" (h,), "2.weight" and so on. The
    criterion is the loss over all 1,438 training images; metrics are the test accuracy and the test loss.

    Raises:
        ValueError: no hidden layer, a width below 1, or an unknown precision.

    >>> point = DigitsDeep(hidden=(8, 4)).init(Random(0))
    >>> {name: tuple(p.shape) for name, p in point.items() if "weight" in name}
    {'1.weight': (8, 64), '2.weight': (4, 8), '3.weight': (10, 4)}
    """

    hidden: tuple[int, ...] = (128, 128)
    batch: int | None = 128
    precision: str = "float32"

    small: ClassVar[Mapping[str, Any]] = {"hidden": (4, 3), "batch": 8}

    def __post_init__(self) -> None:
        _check(self.hidden, self.batch, self.precision)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return to_precision(digits(), self.precision)

    def init(self, rng: Random) -> Point:
        return deep_init(rng, (64, *self.hidden, 10), getattr(torch, self.precision))

    def logits(self, x: Point, images: Tensor) -> Tensor:
        return deep_network(x, images)


@register("digits-autoencoder")
@dataclass(frozen=True)
class DigitsAutoencoder(Layered):
    """Mean squared error of a tanh autoencoder on the digits, over images and pixels.

    Points are dicts of float32 (or float64) tensors "1.weight" (h, 64), "1.bias" (h,), "2.weight" and so on; by default
    64-32-8-32-64. Pixels are in [0, 1] less their mean over the training images. The criterion is the loss over all
    1,438 training images; the metric is the test loss.

    Raises:
        ValueError: no hidden layer, a width below 1, or an unknown precision.

    >>> problem = DigitsAutoencoder()
    >>> [tuple(p.shape) for name, p in problem.init(Random(0)).items() if "weight" in name]
    [(32, 64), (8, 32), (32, 8), (64, 32)]
    """

    hidden: tuple[int, ...] = (32, 8, 32)
    batch: int | None = 128
    precision: str = "float32"

    criterion_name = "train loss"

    small: ClassVar[Mapping[str, Any]] = {"hidden": (3, 2), "batch": 8}

    def __post_init__(self) -> None:
        _check(self.hidden, self.batch, self.precision)

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return to_precision(digits(), self.precision)

    def size(self) -> int:
        return len(self.data[0])

    def init(self, rng: Random) -> Point:
        return deep_init(rng, (64, *self.hidden, 64), getattr(torch, self.precision))

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        return (self.predict(x, which) - self._images(which)).square().mean(dim=-1)

    def predict(self, x: Point, which: Tensor | None) -> Tensor:
        return deep_network(x, self._images(which))

    def predicted_loss(self, outputs: Tensor, which: Tensor | None) -> Tensor:
        return (outputs - self._images(which)).square().mean()

    def _images(self, which: Tensor | None) -> Tensor:
        return self.data[0] if which is None else self.data[0][which]

    def metrics(self, x: Point) -> dict[str, Tensor]:
        return {"test loss": (deep_network(x, self.data[2]) - self.data[2]).square().mean()}

    def constants(self) -> Constants:
        return Constants(convex=False)
