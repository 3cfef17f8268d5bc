"""A composite problem with its regulariser handed to autograd, as training loops do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tendsto.core.problem import Problem
from tendsto.core.random import Random


@dataclass(frozen=True)
class AutogradPenalty(Problem):
    """`base` with f + r as its `value`: methods see r through the subgradient that autograd answers, and no `prox`.

    Where r has a kink, as ||x||_1 at 0, a constant step is then no descent method: see `tendsto.theory.step_cycle`.

    Raises:
        ValueError: `base` has no regulariser.

    Source: Kumar 2024, arXiv 2401.08426, who calls the iteration NGDM (recalled).

    >>> from tendsto.problems import SparseRegression
    >>> problem = AutogradPenalty(SparseRegression(penalty=2.0))
    >>> "prox" in problem.offers(), "gradient" in problem.offers()
    (False, True)
    """

    base: Problem

    @property
    def backend(self) -> str:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.backend

    @property
    def lanes(self) -> str | None:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.lanes

    @property
    def criterion_name(self) -> str:  # type: ignore[reportIncompatibleVariableOverride]
        return self.base.criterion_name

    def __post_init__(self) -> None:
        if self.base.regulariser(self.base.init(Random(0, backend=self.base.backend))) is None:
            raise ValueError(f"{type(self.base).__name__} has no regulariser, so there is nothing to hand to autograd")

    def init(self, rng: Random) -> Any:
        return self.base.init(rng)

    def random_start(self) -> bool:
        return self.base.random_start()

    def sample(self, rng: Random) -> Any:
        return self.base.sample(rng)

    def value(self, x: Any, sample: Any = None) -> Any:
        return self.base.value(x, sample) + self.base.regulariser(x)  # type: ignore[reportAttributeAccessIssue]

    def criterion(self, x: Any) -> Any:
        return self.base.criterion(x)

    def optimum(self) -> float | None:
        return self.base.optimum()

    def solution(self) -> Any:
        return self.base.solution()

    def metrics(self, x: Any) -> Mapping[str, Any]:
        return self.base.metrics(x)
