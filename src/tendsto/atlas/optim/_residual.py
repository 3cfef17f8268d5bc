"""A residual network with batch normalisation, for claims about very large learning rates. Not a registered problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.problems.classification import Point, cross_entropies
from tendsto.problems.data import mnist
from tendsto.problems.once import once_property

STRIDES = (1, 2, 2)


@dataclass(frozen=True)
class ResidualNetwork(Problem):
    """ResNet-8 on MNIST images averaged to 14 x 14: a convolution, three blocks of two, widths c, 2c, 4c, a linear layer.

    Batches are normalised by their own statistics, also where the network is evaluated (on the first 1,000 training
    images for the criterion, on the 1,000 test images for the metric). So a minibatch's gradient is not an unbiased one
    of a fixed sum, and the promises of a registered problem cannot be kept. `images` of the 4,000 are trained on.
    """

    channels: int = 4
    batch: int = 64
    images: int = 4000

    lanes = None
    criterion_name = "train loss"

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, x_test, y_test = mnist()

        def small(images: Tensor) -> Tensor:
            return torch.nn.functional.avg_pool2d(images.float().reshape(-1, 1, 28, 28), 2)

        # The file is sorted by class, so the images that are kept are spread over it.
        kept = torch.linspace(0, len(y) - 1, self.images).long()
        return small(x[kept]), y[kept], small(x_test), y_test

    def sample(self, rng: Random) -> Tensor:
        return rng.integers("batch", self.images, (self.batch,))

    def init(self, rng: Random) -> Point:
        x: Point = {"first.weight": rng.normal("first", (self.channels, 1, 3, 3)) * (2 / 9) ** 0.5}
        norms, width = {"first": self.channels}, self.channels
        for i, stride in enumerate(STRIDES):
            for part, inputs in (("a", width), ("b", width * stride)):
                shape = (width * stride, inputs, 3, 3)
                x[f"{part}{i}.weight"] = rng.normal(f"{part}{i}", shape) * (2 / (9 * inputs)) ** 0.5
                norms[f"{part}{i}"] = width * stride
            width *= stride
        for name, size in norms.items():
            x[f"{name}.scale"], x[f"{name}.shift"] = torch.ones(size), torch.zeros(size)
        x["output.weight"], x["output.bias"] = rng.normal("output", (10, width)) / width**0.5, torch.zeros(10)
        return x

    def logits(self, x: Point, images: Tensor) -> Tensor:
        """Return the logits (m, 10) of images (m, 1, 14, 14)."""
        f = torch.nn.functional

        def layer(name: str, inputs: Tensor, stride: int = 1) -> Tensor:
            outputs = f.conv2d(inputs, x[f"{name}.weight"], padding=1, stride=stride)
            return f.batch_norm(outputs, None, None, x[f"{name}.scale"], x[f"{name}.shift"], training=True)

        hidden = torch.relu(layer("first", images))
        for i, stride in enumerate(STRIDES):
            inner = layer(f"b{i}", torch.relu(layer(f"a{i}", hidden, stride)))
            if stride > 1:
                hidden = f.avg_pool2d(hidden, 2, ceil_mode=True)
                hidden = f.pad(hidden, (0, 0, 0, 0, 0, inner.shape[1] - hidden.shape[1]))
            hidden = torch.relu(inner + hidden)
        return f.linear(hidden.mean(dim=(2, 3)), x["output.weight"], x["output.bias"])

    def value(self, x: Point, sample: Any = None) -> Tensor:
        images, labels = self.data[:2]
        some = slice(None) if sample is None else sample
        return cross_entropies(self.logits(x, images[some]), labels[some]).mean()

    def criterion(self, x: Point) -> Tensor:
        return self.value(x, torch.linspace(0, self.images - 1, min(1000, self.images)).long())

    def metrics(self, x: Point) -> dict[str, Tensor]:
        return {"test accuracy": (self.logits(x, self.data[2]).argmax(dim=-1) == self.data[3]).float().mean()}
