"""What tests of the terminal share: what a command said, and what a refusal is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Answer(NamedTuple):
    """What a command said: its exit code, and what stands on its two outputs."""

    code: int
    out: str
    err: str


Tendsto = Callable[..., Answer]


def refused(answer: Answer, pattern: str) -> None:
    """Bad input is one sentence on stderr, exit code 2, and nothing else."""
    assert answer.code == 2
    assert answer.out == ""
    assert re.fullmatch(r"tendsto: [^\n]+\n", answer.err), answer.err
    assert re.search(pattern, answer.err), answer.err
