"""What Distributed Lion sends: signs and counts of signs, packed to bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tendsto.optim.settings import one_of

AGGREGATES = ("majority", "average")
TIES = ("alternate", "minus", "zero")


def pack(numbers: Tensor, width: int) -> Tensor:
    """Return integers (..., n) from 0 to 2^width - 1 as ceil(n width / 8) bytes (uint8), the first in the lowest bits.

    >>> pack(torch.tensor([1, 0, 1, 1, 0, 0, 0, 0, 1]), 1).tolist()
    [13, 1]
    """
    bits = (numbers.to(torch.int64)[..., None] >> torch.arange(width, device=numbers.device)) & 1
    bits = torch.nn.functional.pad(bits.flatten(-2), (0, -numbers.shape[-1] * width % 8)).unflatten(-1, (-1, 8))
    return (bits << torch.arange(8, device=numbers.device)).sum(dim=-1).to(torch.uint8)


def unpack(message: Tensor, width: int, count: int) -> Tensor:
    """Return the `count` integers (int64) that `pack` made each message, (..., bytes), of.

    >>> unpack(pack(torch.tensor([5, 0, 7]), 3), 3, 3).tolist()
    [5, 0, 7]
    """
    bits = (message.to(torch.int64)[..., None] >> torch.arange(8, device=message.device)) & 1
    bits = bits.flatten(-2)[..., : count * width].unflatten(-1, (count, width))
    return (bits << torch.arange(width, device=message.device)).sum(dim=-1)


def tied_upward(entries: int, step: Any, tie: str, device: Any = None) -> Tensor:
    """Return which entries take +1 where there is nothing to choose between, of the two signs, at this step.

    "alternate": every other entry, and the others at the next step, so that nothing drifts. "minus": none, as the
    public code has it, by which entries without gradient drift at the speed lr. With "zero" nobody asks.

    >>> tied_upward(3, 1, "alternate").tolist(), tied_upward(3, 2, "minus").tolist()
    ([False, True, False], [False, False, False])
    """
    one_of("tie", tie, TIES)
    places = torch.arange(entries, device=device)
    return (places + step) % 2 == 0 if tie == "alternate" else places < 0


def uplink(directions: Tensor, step: Any, tie: str = "alternate") -> Tensor:
    """Return the message of a worker, or of several: the signs of a direction (..., n), a bit each, 0 by the tie rule.

    With tie="zero" the sign of 0 is 0, and one of three states takes two bits.

    >>> uplink(torch.tensor([0.5, -2.0, 1.0]), step=1).tolist()
    [5]
    >>> unpack(uplink(torch.tensor([0.5, -2.0, 0.0]), 1, "zero"), 2, 3).tolist()
    [2, 0, 1]
    """
    if tie == "zero":
        return pack(1 + (directions > 0).long() - (directions < 0).long(), 2)
    upward = tied_upward(directions.shape[-1], step, tie, directions.device)
    return pack((directions > 0) | ((directions == 0) & upward), 1)


def downlink(messages: Tensor, entries: int, step: Any, aggregate: str, tie: str = "alternate") -> Tensor:
    """Return the server's answer to the workers' messages (workers, bytes).

    "majority": the sign of the sum of signs, a bit an entry, a tie by its rule. "average": how many were +1, from 0 to
    the number N of workers, in ceil(log2(N + 1)) bits an entry. With tie="zero" these are two bits, and
    ceil(log2(2 N + 1)).

    >>> messages = uplink(torch.tensor([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]]), step=1)
    >>> decision(downlink(messages, 3, 1, "average"), 3, 2, "average").tolist()
    [1.0, 0.0, -1.0]
    """
    one_of("aggregate", aggregate, AGGREGATES)
    workers = len(messages)
    total = unpack(messages, width_of(1, "majority", tie), entries).sum(dim=0)
    if aggregate == "average":
        return pack(total, width_of(workers, aggregate, tie))
    # The sum of the signs, or twice that; its sign is sent as a worker's own is.
    return uplink(2 * total - _most(workers, "average", tie), step, tie)


def width_of(workers: int, aggregate: str, tie: str = "alternate") -> int:
    """Return the bits an entry of the server's answer; those of one worker's majority are what a worker sends.

    >>> width_of(8, "majority"), width_of(8, "average"), width_of(8, "majority", "zero"), width_of(8, "average", "zero")
    (1, 4, 2, 5)
    """
    return _most(workers, aggregate, tie).bit_length()


def _most(workers: int, aggregate: str, tie: str) -> int:
    """The largest number of an answer, which says +1; 0 says -1, and where 0 can be said, half of it says that."""
    one_of("aggregate", aggregate, AGGREGATES)
    one_of("tie", tie, TIES)
    return (1 if aggregate == "majority" else workers) * (2 if tie == "zero" else 1)


def decision(
    answer: Tensor,
    entries: int,
    workers: int,
    aggregate: str,
    dtype: torch.dtype | None = None,
    tie: str = "alternate",
) -> Tensor:
    """Return the direction (n,), in [-1, 1], that the server's answer says: a sign, or the mean of the signs.

    >>> messages = uplink(torch.tensor([[1.0, -1.0]]), 1)
    >>> decision(downlink(messages, 2, 1, "majority"), 2, 1, "majority").tolist()
    [1.0, -1.0]
    """
    most = _most(workers, aggregate, tie)
    counts = unpack(answer, most.bit_length(), entries).to(dtype or torch.get_default_dtype())
    return (2 * counts - most) / most
