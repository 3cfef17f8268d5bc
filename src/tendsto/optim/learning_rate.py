"""How large a learning rate may be: the range test, and the Hessian-free estimate."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class RangeTest:
    """What a range test found. rates, losses: one a step, the latter smoothed. best: the rate of the lowest loss.

    >>> RangeTest(rates=(0.1, 0.2), losses=(1.0, 3.0), best=0.1).best
    0.1
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    best: float


def lr_range_test(
    model: nn.Module,
    loss: Callable[[Any, Tensor], Tensor],
    data: Iterable[tuple[Tensor, Tensor]] | tuple[Tensor, Tensor],
    *,
    largest: float = 3.0,
    steps: int = 100,
    momentum: float = 0.9,
    batch: int = 64,
    seed: int = 0,
) -> RangeTest:
    """Train a copy of `model` for a few steps with a learning rate that rises from near 0 to `largest`, on a line.

    loss: `loss(outputs, targets)`, a scalar tensor. data: a loader of (inputs, targets), run through again as often as
    it takes, or a pair of tensors, from which batches of `batch` are drawn. The run ends where the loss is not finite
    or five times its least. `best` is the paper's max_lr, at the best point of the curve (of the smoothed training loss
    here, of the accuracy there); it depends on the length of the test.

    Raises:
        ValueError: fewer than 10 steps, a largest rate that is not above 0, data without a batch, or a loss that is not
            finite at the start.

    Source: Smith 2017, arXiv 1506.01186, section 3.3; Smith and Topin 2018, arXiv 1708.07120.

    >>> model = nn.Linear(2, 1)
    >>> found = lr_range_test(model, nn.functional.mse_loss, (torch.ones(64, 2), torch.zeros(64, 1)), largest=10.0)
    >>> 0 < found.best < 10
    True
    """
    if steps < 10 or not largest > 0:
        raise ValueError(f"steps = {steps} must be at least 10, and largest = {largest} a rate above 0")
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.0, momentum=momentum)
    rates, losses, smooth = list[float](), list[float](), 0.0
    batches = _batches(data, batch, seed)
    for k in range(1, steps + 1):
        inputs, targets = next(batches)
        rates.append(largest * k / steps)
        for group in optimizer.param_groups:
            group["lr"] = rates[-1]
        with torch.enable_grad():
            optimizer.zero_grad()
            value = loss(model(inputs), targets)
            value.backward()
        optimizer.step()
        smooth = 0.9 * smooth + 0.1 * value.item()
        losses.append(smooth / (1 - 0.9**k))
        if not losses[-1] <= 5 * min(losses):
            break
    # The loss at a step is that before it: the step that led there had the rate before.
    finite = [v if v == v else float("inf") for v in losses]
    if min(finite) == float("inf"):
        raise ValueError(f"the loss is {losses[0]} at the start: a range test needs a finite one")
    least = max(finite.index(min(finite)) - 1, 0)
    return RangeTest(tuple(rates), tuple(losses), rates[least])


def suggest_lr(
    model: nn.Module,
    loss: Callable[[Any, Tensor], Tensor],
    data: Iterable[tuple[Tensor, Tensor]] | tuple[Tensor, Tensor],
    **settings: Any,
) -> float:
    """Return a max_lr for 1cycle: the `best` of `lr_range_test`, whose settings it takes. `model` is not changed.

    >>> model, data = nn.Linear(2, 1), (torch.ones(64, 2), torch.zeros(64, 1))
    >>> 0 < suggest_lr(model, nn.functional.mse_loss, data) <= 3.0
    True
    """
    return lr_range_test(model, loss, data, **settings).best


def _batches(data: Any, batch: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], Tensor):
        inputs, targets = data
        if len(inputs) == 0 or len(inputs) != len(targets):
            raise ValueError(f"data have {len(inputs)} inputs and {len(targets)} targets: use as many, at least 1")
        draw = torch.Generator().manual_seed(seed)
        while True:
            which = torch.randint(len(inputs), (min(batch, len(inputs)),), generator=draw)
            yield inputs[which], targets[which]
    while True:
        empty = True
        for inputs, targets in data:
            empty = False
            yield inputs, targets
        if empty:
            raise ValueError("data gave no batch: use a loader that can be run through again, or a pair of tensors")


def hessian_free_lr(gradient: Tensor, following: Tensor, lr: float) -> Tensor:
    """Return the learning rate that one step x' = x - lr g of plain gradient descent suggests,

        lr sum |g| / sum |g' - g|,

    from the gradients before it and after it, shaped alike. Of three iterates x, x', x'' of plain SGD that is the
    paper's lr sum |x' - x| / sum |2 x' - x - x''|. On a quadratic with diagonal Hessian h it is sum |g| / sum h |g|,
    and 1 / h where there is one curvature. Momentum in the iterates breaks it, and noise that differs between the two
    gradients makes it too small.

    Source: Smith and Topin 2018, arXiv 1708.07120, section 4; the closed form is derived.

    >>> hessian_free_lr(torch.tensor([1.0, 2.0]), torch.tensor([0.9, 1.8]), lr=0.5).round(decimals=4).item()
    5.0
    """
    return lr * gradient.abs().sum() / (following - gradient).abs().sum()


class HessianFreeLR:
    """The estimate along a run: `update(gradient, lr)` after every backward pass, `value` the smoothed estimate.

        estimate = HessianFreeLR()
        ...; loss.backward(); estimate.update(torch.cat([p.grad.flatten() for p in model.parameters()]), lr)

    Gradients have to be those of plain gradient descent with this `lr` (of one minibatch twice, or of large ones).
    value <- smooth * value + (1 - smooth) * estimate, from `start`, as in the authors' code.

    >>> estimate = HessianFreeLR()
    >>> for g in (torch.tensor([1.0]), torch.tensor([0.8])):  # curvature 2 at lr 0.1
    ...     estimate.update(g, lr=0.1)
    >>> round(estimate.last, 6), round(estimate.value, 6)
    (0.5, 0.14)
    """

    def __init__(self, *, smooth: float = 0.9, start: float = 0.1) -> None:
        if not 0 <= smooth < 1:
            raise ValueError(f"smooth = {smooth} is no weight of the past: use a number of at least 0 and below 1")
        self.smooth, self.value, self.last = smooth, start, start
        self._before: tuple[Tensor, float] | None = None

    def update(self, gradient: Tensor, lr: float) -> None:
        """Take in the gradient at the present point, from which the next step is made with `lr`."""
        gradient = gradient.detach().flatten()
        if self._before is not None:
            before, size = self._before
            self.last = float(hessian_free_lr(before, gradient, size))
            self.value = self.smooth * self.value + (1 - self.smooth) * self.last
        self._before = gradient.clone(), lr
