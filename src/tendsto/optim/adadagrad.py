"""AdAdaGrad: AdaGrad with batches that a test of the gradient's noise makes grow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule
from tendsto.optim.adagrad import AdaGradRule
from tendsto.optim.adagrad_norm import AdaGradNormRule
from tendsto.optim.batch_size import BatchTest, CoordinateNormTest, NormTest
from tendsto.optim.sgd import SGDRule
from tendsto.problems.finite_sum import FiniteSum


@register("adadagrad-norm")
@dataclass(frozen=True)
class GrowingBatch(Method):
    """`base` on batches that it draws itself, with replacement, of a size that `test` decides.

    The gradients of the samples of a step, at the point where it was taken, are tested, and the next step's batch has
    the size that the test answers; the first has `initial` samples, and every `interval` steps there is a test. The
    problem's own batch is not used. Of this are made "adadagrad-norm" (AdaGrad-Norm and the norm test), "adadagrad"
    (AdaGrad and the test of every entry) and "sgd-norm-test".

    exact: look at all n terms before every step, and draw a batch with which the test holds at that very point; a batch
        of n or more is then all terms, without noise. This is what the theory assumes and nobody does.
    most_terms: with `exact`, problems of more terms are declined, for every step would look at all of them; None for no
        limit.

    State: "x", "base" (the state of `base`), "batch" (of the next step) and "terms" (term gradients used so far), 0-d.
    Info: "batch size" and "terms", beside that of `base`: steps differ in cost, so compare methods by "info.terms".

    Raises:
        ValueError: `initial` below 2, which has no variance, or `interval` below 1.

    Source: Lau, Liu and Kolar 2024, arXiv 2402.11215, Algorithms 1 and 2, and their code.

    >>> method = GrowingBatch(AdaGradNormRule(lr=0.5), NormTest(eta=0.25, largest=500), initial=16)
    >>> method.base.lr
    0.5
    """

    base: Rule = field(default=AdaGradNormRule())
    test: BatchTest = field(default=NormTest(eta=0.5, largest=4096))
    initial: int = 8
    interval: int = 1
    exact: bool = False
    most_terms: int | None = 10_000

    asks = ("value_and_gradient", "sample_gradients")
    lanes = None

    def __post_init__(self) -> None:
        if self.initial < 2 or self.interval < 1:
            raise ValueError(
                f"initial = {self.initial} must be at least 2, to have a variance, and interval = {self.interval} at"
                " least 1"
            )

    def declines(self, problem: Problem) -> str | None:
        if not isinstance(problem, FiniteSum):
            return f"it draws its own batches from the terms of a finite sum, which {type(problem).__name__} is not"
        if self.exact and self.most_terms is not None and problem.size() > self.most_terms:
            return (
                f"exact = True looks at all {problem.size():,} terms before every step, more than most_terms = "
                f"{self.most_terms:,}: use exact=False, or raise most_terms"
            )
        return super().declines(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        base = self.base.init(oracle, rng)
        return {"x": base["x"], "base": base, "batch": torch.tensor(self.initial), "terms": torch.tensor(0)}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x, size, n = state["x"], int(state["batch"]), oracle.problem.size()  # type: ignore[reportAttributeAccessIssue]
        if self.exact and size < n:
            size = max(size, math.ceil(min(self.test.wanted(oracle.on(None).sample_gradients(x)), n)))
        batch = None if self.exact and size >= n else rng.integers("batch", n, (size,))
        here = oracle.on(batch)
        base, info = self.base.step(state["base"], here, rng)
        used = size if batch is not None else n
        due = (int(base["step"]) - 1) % self.interval == 0 and not self.test.is_full(size)
        following = self.test.next_batch_size(here.sample_gradients(x)) if due and not self.exact else size
        terms = state["terms"] + used
        state = {"x": base["x"], "base": base, "batch": torch.tensor(following), "terms": terms}
        return state, {**info, "batch size": torch.tensor(used), "terms": terms}


@register("adadagrad")
def adadagrad() -> GrowingBatch:
    """AdaGrad, and the norm test of every entry (its 0.99 quantile: the largest entry alone asks for any batch)."""
    return GrowingBatch(AdaGradRule(lr=0.1), CoordinateNormTest(eta=0.5, quantile=0.99, largest=4096))


@register("sgd-norm-test")
def sgd_norm_test() -> GrowingBatch:
    """SGD on batches with which the norm test holds exactly, at every step."""
    return GrowingBatch(SGDRule(lr=0.01), NormTest(eta=0.5), exact=True)
