"""The gradient of every sample of a batch by itself, for a torch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def sample_gradients(
    model: nn.Module, loss: Callable[[Any, Tensor], Tensor], inputs: Tensor, targets: Tensor, *, chunk: int = 256
) -> dict[str, Tensor]:
    """Return the gradient of each sample's loss, by parameter, shaped (samples, *parameter.shape).

    loss: `loss(outputs, targets)` of a batch of one, a scalar; the mean over the rows is then the batch's gradient.
    chunk: how many are computed at once.

    Raises:
        ValueError: batch normalisation in training mode, under which a sample has no gradient of its own.

    >>> model = nn.Linear(3, 1)
    >>> gradients = sample_gradients(model, nn.functional.mse_loss, torch.ones(5, 3), torch.zeros(5, 1))
    >>> gradients["weight"].shape
    torch.Size([5, 1, 3])
    """
    for name, part in model.named_modules():
        if part.training and isinstance(part, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"{name or 'the model'} ({type(part).__name__}) mixes the samples of a batch in training mode, so none"
                " has a gradient of its own: use GroupNorm, or means over micro-batches (each=...)"
            )
    trained = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    fixed = {n: p.detach() for n, p in model.named_parameters() if not p.requires_grad}
    fixed.update(model.named_buffers())

    def one(x: dict[str, Tensor], a: Tensor, y: Tensor) -> Tensor:
        return loss(torch.func.functional_call(model, {**fixed, **x}, (a[None],)), y[None])

    gradients = torch.func.vmap(torch.func.grad(one), (None, 0, 0), chunk_size=chunk, randomness="different")
    return gradients(trained, inputs, targets)
