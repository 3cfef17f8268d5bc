"""Networks on scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels, 10 classes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register, require


@functools.cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training images and labels, test images and labels; images (n, 64) in [0, 1] less their mean, float64.

    Every fifth image is for testing: 1,437 train, 360 test.

    Raises:
        ImportError: scikit-learn, which ships the data, is not installed.
    """
    images, labels = require("sklearn.datasets", extra="data").load_digits(return_X_y=True)
    x = torch.from_numpy(images) / 16.0
    y = torch.from_numpy(labels).to(torch.int64)
    test = torch.arange(len(y)) % 5 == 4
    x = x - x[~test].mean(dim=0)
    return x[~test], y[~test], x[test], y[test]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[label], over the leading axes; logits (n, classes), labels (n,) int64."""
    picked = torch.gather(logits, -1, labels[..., None])[..., 0]
    return (logits.logsumexp(dim=-1) - picked).mean()


@register("digits-mlp")
@dataclass(frozen=True)
class DigitsMLP(Problem):
    """Cross-entropy of a 64-h-10 ReLU network on the digits, minibatches drawn with replacement.

    Points are dicts of float32 (or float64) tensors: "hidden.weight" (h, 64), "hidden.bias" (h,), "output.weight"
    (10, h), "output.bias" (10,). The criterion is the loss over all 1,437 training images; metrics are the test
    accuracy and the test loss.

    >>> problem = DigitsMLP(hidden=8)
    >>> {name: tuple(p.shape) for name, p in problem.init(Random(0)).items()}
    {'hidden.weight': (8, 64), 'hidden.bias': (8,), 'output.weight': (10, 8), 'output.bias': (10,)}
    """

    hidden: int = 64
    batch: int = 64
    precision: str = "float32"

    criterion_name = "train loss"

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.batch < 1:
            raise ValueError(f"hidden = {self.hidden} and batch = {self.batch} must be whole numbers of at least 1")
        if self.precision not in ("float32", "float64"):
            raise ValueError(f"precision = {self.precision!r} is unknown: use 'float32' or 'float64'")

    @functools.cached_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, x_test, y_test = digits()
        dtype = getattr(torch, self.precision)
        return x.to(dtype), y, x_test.to(dtype), y_test

    def init(self, rng: Random) -> dict[str, Tensor]:
        dtype = getattr(torch, self.precision)
        return {
            "hidden.weight": rng.normal("hidden", (self.hidden, 64), dtype) / 8.0,
            "hidden.bias": torch.zeros(self.hidden, dtype=dtype),
            "output.weight": rng.normal("output", (10, self.hidden), dtype) / self.hidden**0.5,
            "output.bias": torch.zeros(10, dtype=dtype),
        }

    def sample(self, rng: Random) -> Tensor:
        return rng.integers("batch", len(self.data[1]), (self.batch,))

    def logits(self, x: dict[str, Tensor], images: Tensor) -> Tensor:
        hidden = torch.relu(torch.nn.functional.linear(images, x["hidden.weight"], x["hidden.bias"]))
        return torch.nn.functional.linear(hidden, x["output.weight"], x["output.bias"])

    def value(self, x: dict[str, Tensor], sample: Any = None) -> Tensor:
        images, labels = self.data[0][sample], self.data[1][sample]
        return cross_entropy(self.logits(x, images), labels)

    def criterion(self, x: dict[str, Tensor]) -> Tensor:
        return cross_entropy(self.logits(x, self.data[0]), self.data[1])

    def metrics(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        logits = self.logits(x, self.data[2])
        right = (logits.argmax(dim=-1) == self.data[3]).to(logits.dtype).mean()
        return {"test accuracy": right, "test loss": cross_entropy(logits, self.data[3])}

    def constants(self) -> Constants:
        return Constants(convex=False)
