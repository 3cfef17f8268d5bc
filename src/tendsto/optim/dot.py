"""DOT: momentum SGD of two losses, a task's and a teacher's, each with a momentum of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.method import Info, Method
from tendsto.core.oracle import Oracle
from tendsto.core.random import Random
from tendsto.core.registry import register
from tendsto.core.tree import tree_map
from tendsto.optim.settings import at_least_zero


def dot_gains(momentum: float = 0.9, delta: float = 0.075) -> tuple[float, float]:
    """Return by how much DOT multiplies the task's and the teacher's loss, relative to plain momentum SGD.

    Of gradients that change slowly a momentum m makes steps of lr / (1 - m), so the gains are
    (1 - momentum) / (1 - momentum + delta) and (1 - momentum) / (1 - momentum - delta): the point at which DOT comes to
    rest minimises the losses weighted so, not their sum.

    Raises:
        ValueError: momenta that are not in [0, 1).

    Source: derived.

    >>> [round(gain, 3) for gain in dot_gains(0.9, 0.075)]
    [0.571, 4.0]
    """
    _check(momentum, delta)
    return (1 - momentum) / (1 - momentum + delta), (1 - momentum) / (1 - momentum - delta)


def _check(momentum: float, delta: float) -> None:
    if not 0 <= momentum - abs(delta) <= momentum + abs(delta) < 1:
        raise ValueError(
            f"momentum = {momentum} and delta = {delta} give momenta {momentum - delta:g} and {momentum + delta:g}:"
            " both must be at least 0 and below 1"
        )


@register("dot")
@dataclass(frozen=True)
class DistillationOriented(Method):
    """DOT as a method, on problems that answer with two gradients, that of the task and that of the distillation.

    With u = v = 0 before the first step,

        u <- (momentum - delta) u + grad of task loss + weight_decay * x
        v <- (momentum + delta) v + grad of distillation loss
        x <- x - lr * (u + v)

    so that the teacher's gradients last longer. With delta = 0 it is momentum SGD on the sum. On curvature h of the
    distillation loss alone it is stable for lr h < 2 (1 + momentum + delta) (derived).

    State: "task" u and "distill" v, shaped as x.

    Raises:
        ValueError: a negative lr or weight decay, or momenta that are not in [0, 1).

    Source: Zhao, Cui, Song and Liang 2023, arXiv 2307.08436, section 3.3 (recalled), and the authors' code.

    >>> DistillationOriented(lr=0.05).asks
    ('task_gradient', 'distill_gradient')
    """

    lr: float = 0.05
    momentum: float = 0.9
    delta: float = 0.075
    weight_decay: float = 0.0

    asks = ("task_gradient", "distill_gradient")

    def __post_init__(self) -> None:
        at_least_zero(lr=self.lr, weight_decay=self.weight_decay)
        _check(self.momentum, self.delta)

    def init(self, oracle: Oracle, rng: Random) -> dict[str, Any]:
        x = oracle.init()
        zero = tree_map(lambda _, leaf: torch.zeros_like(leaf), x)
        return {"x": x, "task": zero, "distill": zero}

    def step(self, state: dict[str, Any], oracle: Oracle, rng: Random) -> tuple[dict[str, Any], Info]:
        x = state["x"]
        low, high = self.momentum - self.delta, self.momentum + self.delta
        u = tree_map(lambda _, u, g, p: low * u + g + self.weight_decay * p, state["task"], oracle.task_gradient(x), x)
        v = tree_map(lambda _, v, g: high * v + g, state["distill"], oracle.distill_gradient(x))
        return {"x": tree_map(lambda _, p, u, v: p - self.lr * (u + v), x, u, v), "task": u, "distill": v}, {}


class DOT(torch.optim.Optimizer):
    """DOT as a torch optimizer: one forward pass, and `step` takes both losses.

        optimizer.step(task_loss, distill_loss)        # in the place of loss.backward(); optimizer.step()

    Weights and temperatures belong into the losses. See `DistillationOriented` for the formulas. A parameter that only
    one of the losses reaches (a projector for features, say) has the plain `momentum`, and the weight decay whichever
    it is. `p.grad` is neither read nor written.

    State: "task" and "distill", shaped as the parameter, made when a loss first reaches it.

    Raises:
        ValueError: a negative setting, momenta that are not in [0, 1), or losses that are no scalars.

    Source: Zhao, Cui, Song and Liang 2023, arXiv 2307.08436; the authors' code takes one parameter group only, and
    gives a parameter that only the distillation reaches no decay at its first step.

    >>> student = torch.nn.Linear(2, 2)
    >>> optimizer = DOT(student.parameters(), lr=0.1)
    >>> outputs = student(torch.ones(4, 2))
    >>> optimizer.step(outputs.square().mean(), (outputs - 1).square().mean())
    """

    def __init__(
        self, params: Any, lr: float = 0.05, momentum: float = 0.9, delta: float = 0.075, weight_decay: float = 0.0
    ) -> None:
        at_least_zero(lr=lr, weight_decay=weight_decay)
        _check(momentum, delta)
        super().__init__(params, {"lr": lr, "momentum": momentum, "delta": delta, "weight_decay": weight_decay})

    def step(self, task_loss: Any, distill_loss: Any = None) -> Any:  # type: ignore[override]
        """Take one step; in the place of both losses there may be a closure that returns them, and is then asked."""
        losses = task_loss, distill_loss
        if isinstance(task_loss, Callable) and not isinstance(task_loss, Tensor):
            with torch.enable_grad():
                losses = task_loss()
        parameters = [p for group in self.param_groups for p in group["params"] if p.requires_grad]
        task, distill = self._gradients(losses, parameters)
        gradients = dict(zip(parameters, zip(task, distill, strict=True), strict=True))
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p in gradients:
                        self._update(p, *gradients[p], group)
        return losses if losses[0] is not task_loss else None

    def _gradients(self, losses: Any, parameters: list[Tensor]) -> tuple[Any, Any]:
        for name, loss in zip(("task_loss", "distill_loss"), losses, strict=True):
            if not isinstance(loss, Tensor) or loss.ndim or not loss.requires_grad:
                raise ValueError(f"{name} = {loss!r} is no loss: use a scalar tensor made of the parameters")
        task = torch.autograd.grad(losses[0], parameters, retain_graph=True, allow_unused=True)
        return task, torch.autograd.grad(losses[1], parameters, allow_unused=True)

    def _update(self, p: Tensor, task: Tensor | None, distill: Tensor | None, group: dict[str, Any]) -> None:
        momentum, both = group["momentum"], task is not None and distill is not None
        delta = group["delta"] if both else 0.0
        move: Any = 0.0
        for name, gradient, beta in (("task", task, momentum - delta), ("distill", distill, momentum + delta)):
            if gradient is None:
                continue
            if name == "task" or task is None:
                gradient = gradient + group["weight_decay"] * p
            state = self.state[p]
            state[name] = beta * state[name] + gradient if name in state else gradient.clone()
            move = move + state[name]
        if task is not None or distill is not None:
            p.sub_(group["lr"] * move)
