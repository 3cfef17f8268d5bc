"""Distillation: a loss of the task and a loss of a teacher, whose gradients are had apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor

from tendsto.core.problem import Constants, Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.problems.classification import (
    Point,
    check_network,
    cross_entropies,
    tanh_network,
    tanh_network_init,
    to_precision,
)
from tendsto.problems.data import digits
from tendsto.problems.finite_sum import FiniteSum
from tendsto.problems.once import once, once_property


@register("digits-distillation")
@dataclass(frozen=True)
class DigitsDistillation(FiniteSum):
    """A 64-h-10 tanh student of a 64-w-w-10 ReLU teacher on the digits, minibatches drawn with replacement.

        task_weight * cross-entropy + distill_weight * T^2 KL(softmax(teacher / T) || softmax(student / T))

    is the criterion, over all 1,438 training images. "task loss" and "distill loss", without their weights, are
    metrics, beside the test accuracy. The oracles "task_gradient" and "distill_gradient" answer with the gradients of
    the two weighted parts on the same minibatch. The teacher is trained once, by 300 steps of Adam from seed 0.

    Points are dicts of float32 (or float64) tensors: "hidden.weight" (h, 64), "hidden.bias", "output.weight" (10, h),
    "output.bias".

    Raises:
        ValueError: a size below 1, a temperature or weight that is not positive, or an unknown precision.

    Source: the loss of Hinton, Vinyals and Dean 2015; weights and temperature of Zhao et al. 2023, arXiv 2307.08436.

    >>> {name: tuple(p.shape) for name, p in DigitsDistillation(hidden=4).init(Random(0)).items() if "w" in name}
    {'hidden.weight': (4, 64), 'output.weight': (10, 4)}
    """

    hidden: int = 32
    teacher: int = 256
    temperature: float = 4.0
    task_weight: float = 0.1
    distill_weight: float = 0.9
    batch: int | None = 64
    precision: str = "float32"

    criterion_name = "train loss"
    oracles = ("task_gradient", "distill_gradient")
    small: ClassVar[Mapping[str, Any]] = {"hidden": 3, "teacher": 4, "batch": 8}

    def __post_init__(self) -> None:
        check_network(hidden=self.hidden, teacher=self.teacher, batch=self.batch, precision=self.precision)
        for name in ("temperature", "task_weight", "distill_weight"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)} is not allowed: use a number above 0")

    @once_property
    def data(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return to_precision(digits(), self.precision)

    @once_property
    def targets(self) -> Tensor:
        """The teacher's softmax(logits / T) of every training image, (1438, 10)."""
        logits = teacher_logits(self.teacher).to(getattr(torch, self.precision))
        return torch.softmax(logits / self.temperature, dim=-1)

    def size(self) -> int:
        return len(self.data[1])

    def init(self, rng: Random) -> Point:
        return tanh_network_init(rng, 64, self.hidden, getattr(torch, self.precision))

    def logits(self, x: Point, images: Tensor) -> Tensor:
        """Return the student's logits (m, 10) of images (m, 64)."""
        return tanh_network(x, images)

    def parts(self, x: Point, which: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the task's and the distillation's loss of each image, without their weights, each (m,)."""
        some = slice(None) if which is None else which
        logits, targets = self.logits(x, self.data[0][some]), self.targets[some]
        soft = logits / self.temperature
        # KL = sum t log t - sum t log s, where log s = soft - logsumexp(soft) and the t sum to 1.
        entropy = torch.xlogy(targets, targets).sum(dim=-1)
        divergence = entropy - (targets * soft).sum(dim=-1) + soft.logsumexp(dim=-1)
        return cross_entropies(logits, self.data[1][some]), self.temperature**2 * divergence

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        task, distill = self.parts(x, which)
        return self.task_weight * task + self.distill_weight * distill

    def task_gradient(self, x: Point, sample: Any = None) -> Point:
        """Return the gradient of the weighted task loss."""
        return torch.func.grad(lambda y: self.task_weight * self.parts(y, sample)[0].mean())(x)

    def distill_gradient(self, x: Point, sample: Any = None) -> Point:
        """Return the gradient of the weighted distillation loss."""
        return torch.func.grad(lambda y: self.distill_weight * self.parts(y, sample)[1].mean())(x)

    def metrics(self, x: Point) -> dict[str, Tensor]:
        task, distill = self.parts(x, None)
        logits = self.logits(x, self.data[2])
        right = (logits.argmax(dim=-1) == self.data[3]).to(logits.dtype).mean()
        return {"task loss": task.mean(), "distill loss": distill.mean(), "test accuracy": right}

    def constants(self) -> Constants:
        return Constants(convex=False)


@once
def teacher_logits(width: int) -> Tensor:
    """Return the logits (1438, 10), float64, of a 64-w-w-10 ReLU network for the digits that it was trained on."""
    images, labels = digits()[:2]
    rng, linear = Random(0).fork("teacher"), torch.nn.functional.linear
    sizes = (64, width, width, 10)
    x = {
        f"{part}{i}": rng.normal(f"w{i}", (b, a)) * (2 / a) ** 0.5 if part == "w" else torch.zeros(b)
        for i, (a, b) in enumerate(pairwise(sizes))
        for part in ("w", "b")
    }
    data = images.float()

    def logits(x: Point, some: Tensor) -> Tensor:
        inner = torch.relu(linear(some, x["w0"], x["b0"]))
        return linear(torch.relu(linear(inner, x["w1"], x["b1"])), x["w2"], x["b2"])

    weights = [p.requires_grad_() for p in x.values()]
    optimizer = torch.optim.Adam(weights, lr=2e-3)
    with torch.enable_grad():
        for step in range(300):
            which = rng.at(step).integers("batch", len(data), (64,))
            loss = cross_entropies(logits(x, data[which]), labels[which]).mean()
            for p, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                p.grad = g
            optimizer.step()
    return logits(x, data).detach().double()


@register("quadratic-pair")
@dataclass(frozen=True)
class QuadraticPair(Problem):
    """1/2 ||x - a||^2 as the task's loss and curvature/2 ||x - b||^2 as the distillation's: two losses that pull apart.

    a and b are standard normal, fixed; every run starts at 0. The criterion is the sum; with weights w_a and w_b the
    minimiser is (w_a a + w_b curvature b) / (w_a + w_b curvature), see `weighted`. Points are float64 (dimension,).

    Raises:
        ValueError: a dimension below 1, or a curvature that is not positive.

    >>> problem = QuadraticPair(dimension=2)
    >>> bool(torch.allclose(problem.solution(), problem.targets.mean(dim=0)))
    True
    """

    dimension: int = 5
    curvature: float = 1.0

    criterion_name = "f(x)"
    oracles = ("task_gradient", "distill_gradient")

    def __post_init__(self) -> None:
        if self.dimension < 1 or not self.curvature > 0:
            raise ValueError(
                f"dimension = {self.dimension} must be a whole number above 0 and curvature = {self.curvature} positive"
            )

    @once_property
    def targets(self) -> Tensor:
        """a and b, (2, dimension)."""
        return Random(0).fork("quadratic-pair").normal("targets", (2, self.dimension), torch.float64)

    def weighted(self, task: float, distill: float) -> Tensor:
        """Return the minimiser of task * (the task's loss) + distill * (the distillation's)."""
        a, b = self.targets
        return (task * a + distill * self.curvature * b) / (task + distill * self.curvature)

    def init(self, rng: Random) -> Tensor:
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random_start(self) -> bool:
        return False

    def value(self, x: Tensor, sample: Any = None) -> Tensor:
        a, b = self.targets
        return ((x - a) ** 2).sum() / 2 + self.curvature * ((x - b) ** 2).sum() / 2

    def criterion(self, x: Tensor) -> Tensor:
        return self.value(x)

    def task_gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        """Return x - a."""
        return x - self.targets[0]

    def distill_gradient(self, x: Tensor, sample: Any = None) -> Tensor:
        """Return curvature (x - b)."""
        return self.curvature * (x - self.targets[1])

    def solution(self) -> Tensor:
        return self.weighted(1.0, 1.0)

    def optimum(self) -> float:
        return float(self.value(self.solution()))

    def metrics(self, x: Tensor) -> dict[str, Tensor]:
        return {"||x - x*||^2": ((x - self.weighted(1.0, 1.0)) ** 2).sum()}

    def constants(self) -> Constants:
        curvature = 1.0 + self.curvature
        return Constants(smooth=curvature, strongly_convex=curvature, convex=True)
