"""Assumption: a hypothesis of a theorem, asked of one instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Assumption", "require"]


@dataclass(frozen=True)
class Assumption:
    """What became of one hypothesis on one instance.

    name: the hypothesis, as a theorem would say it. answer: "holds", "fails" or "unknown".
    witness: what decided it: the value, point or pair at which one can see it; for "unknown", what would decide it.

    A theorem's object lists its own as `assumptions()`, and calls `require` on them before it gives a limit or a bound.

    >>> print(Assumption("finite variance", "fails", "the tail index is 1.5"))
    finite variance fails: the tail index is 1.5
    """

    name: str
    answer: Literal["holds", "fails", "unknown"]
    witness: str

    def __str__(self) -> str:
        said = "is unknown" if self.answer == "unknown" else self.answer
        return f"{self.name} {said}: {self.witness}"


def require(theorem: str, *assumptions: Assumption) -> tuple[Assumption, ...]:
    """Return the assumptions if none of them fails; those that are unknown are the caller's to show.

    Raises:
        ValueError: a hypothesis fails; the message names the theorem, each such hypothesis and its witness.

    >>> require("central limit theorem", Assumption("finite variance", "fails", "the tail index is 1.5"))
    Traceback (most recent call last):
        ...
    ValueError: the central limit theorem does not apply: finite variance fails: the tail index is 1.5
    """
    failed = [str(a) for a in assumptions if a.answer == "fails"]
    if failed:
        raise ValueError(f"the {theorem} does not apply: {'; '.join(failed)}")
    return assumptions
