"""What Distributed Lion sends: signs and counts of signs, packed to bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tendsto.optim.settings import one_of

AGGREGATES = ("majority", "average")
TIES = ("alternate", "minus")


def pack(numbers: Tensor, width: int) -> Tensor:
    """Return integers (n,) from 0 to 2^width - 1 as ceil(n width / 8) bytes (uint8), the first one in the lowest bits.

    >>> pack(torch.tensor([1, 0, 1, 1, 0, 0, 0, 0, 1]), 1).tolist()
    [13, 1]
    """
    bits = (numbers.to(torch.int64)[:, None] >> torch.arange(width, device=numbers.device)) & 1
    bits = torch.nn.functional.pad(bits.reshape(-1), (0, -numbers.numel() * width % 8)).reshape(-1, 8)
    return (bits << torch.arange(8, device=numbers.device)).sum(dim=1).to(torch.uint8)


def unpack(message: Tensor, width: int, count: int) -> Tensor:
    """Return the `count` integers (int64) that `pack` made a message of.

    >>> unpack(pack(torch.tensor([5, 0, 7]), 3), 3, 3).tolist()
    [5, 0, 7]
    """
    bits = (message.to(torch.int64)[:, None] >> torch.arange(8, device=message.device)) & 1
    bits = bits.reshape(-1)[: count * width].reshape(count, width)
    return (bits << torch.arange(width, device=message.device)).sum(dim=1)


def tied_upward(entries: int, step: Any, tie: str, device: Any = None) -> Tensor:
    """Return which entries take +1 where there is nothing to choose between, of the two signs, at this step.

    "alternate": every other entry, and the others at the next step, so that nothing drifts. "minus": none, as the
    public code has it, by which entries without gradient drift at the speed lr.

    >>> tied_upward(3, 1, "alternate").tolist(), tied_upward(3, 2, "minus").tolist()
    ([False, True, False], [False, False, False])
    """
    one_of("tie", tie, TIES)
    places = torch.arange(entries, device=device)
    return (places + step) % 2 == 0 if tie == "alternate" else places < 0


def uplink(direction: Tensor, step: Any, tie: str = "alternate") -> Tensor:
    """Return the message of one worker: the signs of its direction (n,), a bit each, a zero by the rule for ties.

    >>> uplink(torch.tensor([0.5, -2.0, 1.0]), step=1).tolist()
    [5]
    """
    return pack((direction > 0) | ((direction == 0) & _upward(direction, step, tie)), 1)


def downlink(messages: Sequence[Tensor], entries: int, step: Any, aggregate: str, tie: str = "alternate") -> Tensor:
    """Return the server's answer to the workers' messages.

    "majority": the sign of the sum of signs, a bit an entry, a tie by its rule. "average": how many were +1, from 0 to
    the number N of workers, in ceil(log2(N + 1)) bits an entry.

    >>> one, two = (uplink(torch.tensor(d), step=1) for d in ([1.0, 1.0, -1.0], [1.0, -1.0, -1.0]))
    >>> answer = downlink([one, two], 3, 1, "average")
    >>> decision(answer, 3, 2, "average").tolist()
    [1.0, 0.0, -1.0]
    """
    one_of("aggregate", aggregate, AGGREGATES)
    counts = sum((unpack(message, 1, entries) for message in messages), torch.zeros((), dtype=torch.int64))
    if aggregate == "average":
        return pack(counts, len(messages).bit_length())
    sums = 2 * counts - len(messages)
    return pack((sums > 0) | ((sums == 0) & _upward(sums, step, tie)), 1)


def decision(answer: Tensor, entries: int, workers: int, aggregate: str, dtype: torch.dtype | None = None) -> Tensor:
    """Return the direction (n,), in [-1, 1], that the server's answer says: a sign, or the mean of the signs.

    >>> decision(downlink([uplink(torch.tensor([1.0, -1.0]), 1)], 2, 1, "majority"), 2, 1, "majority").tolist()
    [1.0, -1.0]
    """
    width, most = (1, 1) if aggregate == "majority" else (workers.bit_length(), workers)
    counts = unpack(answer, width, entries).to(dtype or torch.get_default_dtype())
    return (2 * counts - most) / most


def _upward(like: Tensor, step: Any, tie: str) -> Tensor:
    return tied_upward(like.numel(), step, tie, like.device)
