"""Means and variances of the gradients of samples, gathered chunk after chunk, whole or parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tendsto.core.tree import leaves

Gradients = Any
"""Gradients of b samples: a tensor (b, ...), a dict of such tensors, or a list of either, chunk after chunk."""


def rows(gradients: Gradients) -> list[Tensor]:
    """Return gradients of samples as matrices (samples, entries), one a chunk.

    Raises:
        TypeError: neither tensors, nor dicts of them, nor a list of either.

    >>> rows({"w": torch.zeros(5, 2, 3), "b": torch.zeros(5, 3)})[0].shape
    torch.Size([5, 9])
    """
    if isinstance(gradients, Mapping):
        return [torch.cat([leaf.flatten(1) for leaf in leaves(dict(gradients))], dim=1)]
    if isinstance(gradients, Tensor):
        return [gradients.reshape(len(gradients), -1)]
    if isinstance(gradients, Sequence) and not isinstance(gradients, str):
        return [chunk for part in gradients for chunk in rows(part)]
    raise TypeError(
        f"gradients are given as {type(gradients).__name__}: use a tensor (samples, ...), a dict of them, or a list"
    )


def tensors(gradients: Gradients) -> list[list[Tensor]]:
    """Return gradients of samples as matrices (samples, entries), tensor by tensor: for each a list of its chunks.

    Raises:
        TypeError: neither tensors, nor dicts of them, nor a list of either. ValueError: chunks of different parameters.

    >>> chunk = {"w": torch.zeros(5, 2, 3), "b": torch.zeros(5, 3)}
    >>> [[tuple(matrix.shape) for matrix in chunks] for chunks in tensors([chunk, chunk])]
    [[(5, 6), (5, 6)], [(5, 3), (5, 3)]]
    """
    if isinstance(gradients, Mapping):
        return [[leaf.flatten(1)] for leaf in leaves(dict(gradients))]
    if isinstance(gradients, Sequence) and not isinstance(gradients, str):
        parts = [tensors(part) for part in gradients]
        if len({len(part) for part in parts}) > 1:
            raise ValueError(f"chunks have {[len(part) for part in parts]} tensors: give each those of all parameters")
        return [[chunk for piece in pieces for chunk in piece] for pieces in zip(*parts, strict=True)]
    return [rows(gradients)]


@dataclass(frozen=True)
class Moments:
    """Number, mean (d,) and sums of squared deviations (d,) of gradients, gathered chunk after chunk.

    `of` reads a chunk, `merge` joins two, exactly: what was gathered on several workers, or over micro-batches of
    different sizes, has the mean and variance of all samples together.

    Source: Chan, Golub and LeVeque, *Updating formulae and a pairwise algorithm for computing sample variances* (1979).

    >>> one, two = Moments.of(torch.tensor([[1.0], [3.0]])), Moments.of(torch.tensor([[8.0]]))
    >>> one.merge(two).mean.item(), one.merge(two).variance.item()
    (4.0, 13.0)
    """

    count: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def of(cls, gradients: Gradients) -> Moments:
        """Return the moments of gradients of samples.

        Raises:
            ValueError: there are none.
        """
        found: Moments | None = None
        for chunk in rows(gradients):
            if len(chunk):
                mean = chunk.mean(dim=0)
                part = cls(len(chunk), mean, ((chunk - mean) ** 2).sum(dim=0))
                found = part if found is None else found.merge(part)
        if found is None:
            raise ValueError("the gradients of 0 samples have no moments: give at least one")
        return found

    def merge(self, other: Moments) -> Moments:
        """Return the moments of the samples of both."""
        count, apart = self.count + other.count, other.mean - self.mean
        between = apart**2 * (self.count * other.count / count)
        return Moments(count, self.mean + apart * (other.count / count), self.squares + other.squares + between)

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, divisor count - 1."""
        return self.squares / (self.count - 1)
