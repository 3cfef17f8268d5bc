"""Finite sums: what minibatches are drawn from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.core.problem import Point, Problem
from tendsto.core.random import Random


class FiniteSum(Problem):
    """f(x) = (1/n) sum_i f_i(x). A subclass gives `size`, `losses`, and a field `batch`.

    A sample is `batch` indices (int64) drawn uniformly with replacement, so the oracles of a step see the mean of those
    terms; with `batch` None they see all n terms. The criterion is f.
    """

    oracles = ("value_at_solution",)
    batch: Any

    def size(self) -> int:
        """Return n, the number of terms."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many terms it has: define size()")

    def losses(self, x: Point, which: Tensor | None) -> Tensor:
        """Return f_i(x) for each i in `which` (m,) int64, or for all n terms where it is None, shape (m,)."""
        raise NotImplementedError(f"{type(self).__name__} has no terms: define losses(x, which)")

    def sample(self, rng: Random) -> Tensor | None:
        return None if self.batch is None else rng.integers("batch", self.size(), (self.batch,))

    def value(self, x: Point, sample: Any = None) -> Tensor:
        return self.losses(x, sample).mean()

    def criterion(self, x: Point) -> Tensor:
        return self.losses(x, None).mean()

    def value_at_solution(self, sample: Any = None) -> Tensor:
        """Return the mean of the sampled terms at the solution, which Polyak's step asks for."""
        return self.value(self.solution(), sample)

    def offers(self) -> frozenset[str]:
        known = type(self).solution is not Problem.solution
        return super().offers() - (frozenset() if known else {"value_at_solution"})

    def sample_gradients(self, x: Point, sample: Any = None) -> Point:
        """Return the gradient of each term of the sample, shaped as `x` with a leading axis of terms."""
        which = torch.arange(self.size()) if sample is None else sample

        def one(i: Tensor) -> Point:
            return torch.func.grad(lambda y: self.losses(y, i[None])[0])(x)

        return torch.func.vmap(one)(which)


def check_batch(batch: int | None) -> None:
    """Raise ValueError unless `batch` is None or a whole number of at least 1."""
    if batch is not None and batch < 1:
        raise ValueError(f"batch = {batch} draws nothing: use a whole number of at least 1, or None for all terms")


def noise_at(problem: FiniteSum, x: Point) -> float:
    """Return E||g(x) - grad f(x)||^2 exactly: the terms' variance over the batch size, 0 for the full batch."""
    if problem.batch is None:
        return 0.0
    gradients = problem.sample_gradients(x)
    leaves = list(gradients.values()) if isinstance(gradients, dict) else [gradients]
    total = sum(float(((g - g.mean(dim=0)) ** 2).flatten(1).sum(dim=1).mean()) for g in leaves)
    return total / problem.batch
