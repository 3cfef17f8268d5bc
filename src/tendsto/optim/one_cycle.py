"""1cycle: the learning rate rises once to a large value and falls again; and schedules around any rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

from tendsto.core import spec
from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.problem import Problem
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.rule import Rule
from tendsto.optim.sgd import SGDRule


class Schedule:
    """A factor on the learning rate as a function of the step. Subclasses are frozen dataclasses with `factor`."""

    def factor(self, step: Any) -> Any:
        """Return the factor at step 0, 1, 2, ..., a 0-d tensor; no branch on its value."""
        raise NotImplementedError(f"{type(self).__name__} has no factor: define factor(step)")


def _line(step: Any, knots: list[tuple[float, float]]) -> Any:
    """Return the value at `step` of the polygon through `knots`, constant before the first and after the last."""
    value = step * 0.0 + knots[0][1]
    for (a, low), (b, high) in pairwise(knots):
        value = value + (high - low) * ((step - a) / (b - a)).clamp(0.0, 1.0)
    return value


@dataclass(frozen=True)
class OneCycleSchedule(Schedule):
    """The factor of 1cycle, 1 at its peak: three straight lines over `steps` steps.

    It rises from 1 / divide to 1 over the share `rise` of the steps, falls back to 1 / divide over as many, and in the
    rest to 1 / (divide * divide_last). The knots are at steps 0, rise * steps - 1, 2 rise * steps - 2 and steps - 1, as
    in `torch.optim.lr_scheduler.OneCycleLR(anneal_strategy="linear", three_phase=True)`, whose other defaults (cosine,
    two phases, a momentum that cycles) are not the paper's.

    Raises:
        ValueError: phases without a step, or a factor that is not at least 1.

    Source: Smith and Topin 2018, arXiv 1708.07120, section 3 and the authors' solver files: 0.1 to 3 and back.

    >>> schedule = OneCycleSchedule(steps=101, rise=0.4, divide=10.0)
    >>> [round(float(schedule.factor(torch.tensor(float(k)))), 5) for k in (0, 39, 78, 100)]
    [0.1, 0.99086, 0.11827, 0.0001]
    """

    steps: int = 1000
    rise: float = 0.45
    divide: float = 10.0
    divide_last: float = 1000.0

    def __post_init__(self) -> None:
        if not (self.rise * self.steps > 1 and 2 * self.rise * self.steps - 2 < self.steps - 1):
            raise ValueError(
                f"rise = {self.rise} of steps = {self.steps} leaves a phase without a step: use more steps, and a rise"
                " below 0.5"
            )
        if not (self.divide >= 1 and self.divide_last >= 1):
            raise ValueError(f"divide = {self.divide} and divide_last = {self.divide_last} must be at least 1")

    def factor(self, step: Any) -> Any:
        peak, low = self.rise * self.steps - 1, 1 / self.divide
        return _line(step, [(0.0, low), (peak, 1.0), (2 * peak, low), (self.steps - 1, low / self.divide_last)])


@dataclass(frozen=True)
class StepSchedule(Schedule):
    """The factor is multiplied by `by` at each share of `steps` in `at`: the usual piecewise constant schedule.

    Raises:
        ValueError: shares outside 0 to 1.

    Source: the baseline of Smith and Topin 2018: a tenth at 50,000 and again at 70,000 of 80,000 iterations.

    >>> [round(float(StepSchedule(steps=80).factor(torch.tensor(float(k)))), 3) for k in (0, 49, 50, 79)]
    [1.0, 1.0, 0.1, 0.01]
    """

    steps: int = 1000
    at: tuple[float, ...] = (0.625, 0.875)
    by: float = 0.1

    def __post_init__(self) -> None:
        if not all(0 < share < 1 for share in self.at):
            raise ValueError(f"at = {self.at} are no shares of the steps: use numbers above 0 and below 1")

    def factor(self, step: Any) -> Any:
        value = step * 0.0 + 1.0
        for share in self.at:
            value = torch.where(step >= share * self.steps, value * self.by, value)
        return value


@dataclass(frozen=True)
class RisingSchedule(Schedule):
    """The factor rises on a straight line from 0 to 1 over `steps` steps: the learning-rate range test.

    >>> [round(float(RisingSchedule(steps=5).factor(torch.tensor(float(k)))), 3) for k in (0, 2, 4)]
    [0.2, 0.6, 1.0]
    """

    steps: int = 100

    def factor(self, step: Any) -> Any:
        return ((step + 1.0) / self.steps).clamp(max=1.0)


@dataclass(frozen=True)
class Scheduled(Method):
    """`base` with its lr multiplied at every step by the factor of `schedule`; lr is then the peak's.

    Raises:
        ValueError: a base without a learning rate.

    >>> Scheduled(SGDRule(lr=0.5, momentum=0.9), OneCycleSchedule(steps=300)).base.lr
    0.5
    """

    base: Rule = field(default=SGDRule(lr=0.1, momentum=0.9))
    schedule: Schedule = field(default=OneCycleSchedule())

    def __post_init__(self) -> None:
        if "lr" not in spec.fields_of(self.base):
            raise ValueError(f"{type(self.base).__name__} has no setting 'lr' that a schedule could move")

    def declines(self, problem: Problem) -> str | None:
        return self.base.declines(problem)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        return self.base.init(oracle, rng)

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        lr = spec.fields_of(self.base)["lr"] * self.schedule.factor(state["step"])
        state, info = spec.substitute(self.base, {"lr": lr}).step(state, oracle, rng)
        return state, {**info, "learning rate": lr}


@register("one-cycle-sgd")
def one_cycle_sgd() -> Scheduled:
    """SGD with momentum 0.9 under 1cycle; its schedule's `steps` is to be that of the run."""
    return Scheduled()


class OneCycle(torch.optim.lr_scheduler.LRScheduler):
    """1cycle for any torch optimizer, in the paper's form. Call `step()` after every batch, not every epoch.

        scheduler = OneCycle(optimizer, max_lr=3.0, total_steps=10_000)

    See `OneCycleSchedule` for the settings. After `total_steps` the learning rate stays at its last value.

    max_lr: the peak, or one a parameter group.
    momentum: (low, high), to let SGD's momentum, or Adam's beta1, fall from high to low as the learning rate rises and
        back again (Smith 2018, arXiv 1803.09820); None, as in the paper, leaves it alone.

    Raises:
        ValueError: a peak that is not above 0, or as `OneCycleSchedule`.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    >>> scheduler = OneCycle(optimizer, max_lr=2.0, total_steps=100)
    >>> scheduler.get_last_lr()
    [0.2]
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        max_lr: float | list[float],
        total_steps: int,
        *,
        rise: float = 0.45,
        divide: float = 10.0,
        divide_last: float = 1000.0,
        momentum: tuple[float, float] | None = None,
    ) -> None:
        self.schedule = OneCycleSchedule(total_steps, rise, divide, divide_last)
        groups = len(optimizer.param_groups)
        self.max_lrs = [max_lr] * groups if isinstance(max_lr, int | float) else list(max_lr)
        if len(self.max_lrs) != groups or not all(lr > 0 for lr in self.max_lrs):
            raise ValueError(f"max_lr = {max_lr} does not fit {groups} parameter groups: use one number above 0 each")
        if momentum is not None and not 0 <= momentum[0] <= momentum[1] < 1:
            raise ValueError(f"momentum = {momentum} is no range: use two numbers from 0 to 1, the smaller one first")
        self.momentum = momentum
        super().__init__(optimizer)

    def _factor(self) -> float:
        return float(self.schedule.factor(torch.tensor(float(self.last_epoch), dtype=torch.float64)))

    def get_lr(self) -> list[Any]:
        """Return the learning rate of each group at the present step."""
        factor = self._factor()
        if self.momentum is not None:
            low, high = self.momentum
            # From high at the ends of the triangle to low at its peak; in the last phase it stays high.
            height = (factor - 1 / self.schedule.divide) / (1 - 1 / self.schedule.divide)
            value = high - (high - low) * max(height, 0.0)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (value, *group["betas"][1:])
                else:
                    group["momentum"] = value
        return [lr * factor for lr in self.max_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, as plain data."""
        return {k: v for k, v in super().state_dict().items() if k != "schedule"}
