"""Measure the claims of papers: one after another, or several at once, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from tendsto.atlas import discover
from tendsto.atlas.record import Measured, Observed
from tendsto.core.paper import Claim, Evidence, Finding, Paper
from tendsto.core.run import Tell
from tendsto.engines.pool import share
from tendsto.store import Store

Answer = tuple[Evidence | None, Evidence | None, str, float, set[str]]
"""What a claim's process sends: evidence, control, error, seconds, source files. Claims hold functions, and stay."""


class TellClaims(Tell, Protocol):
    """What a screen has to offer to be told about claims and the races in them."""

    def now(self, what: str) -> None:
        """Say what is being done."""
        ...


def measure(
    papers: Sequence[Paper],
    done: Callable[[Measured], None],
    *,
    claim: str | None = None,
    scale: Literal["smoke", "full"] = "full",
    store: Store | None = None,
    processes: int = 1,
    tell: TellClaims | None = None,
) -> None:
    """Measure the claims of papers of the atlas, or the one called `claim`; tell `done` of each paper, in order.

    processes: so many claims are measured at once, those of one paper the longest first, and their races run in one
    process each. A claim that is alone shares the cells of its races among the processes instead.
    """
    chosen = {paper.key: [item for item in paper.claims if claim in (None, item.name)] for paper in papers}
    apart = processes > 1 and sum(map(len, chosen.values())) > 1
    tasks = [
        (key, item.name, Observed(scale, store, 1 if apart else processes, None if apart else tell))
        for key, own in chosen.items()
        for item in sorted(own, key=lambda item: -item.minutes if apart else 0)
    ]
    answers: dict[tuple[str, str], Answer] = {}
    ahead = list(papers)

    def say() -> None:
        begun = [f"{key}: {name}" for key, name, _ in tasks[: len(answers) + processes] if (key, name) not in answers]
        if tell and begun:
            tell.now(f"{', '.join(begun)} ({len(answers)} of {len(tasks)} claims measured)")

    def ended(place: int, answer: Any) -> None:
        answers[tasks[place][:2]] = answer
        while ahead and all((ahead[0].key, item.name) in answers for item in chosen[ahead[0].key]):
            paper = ahead.pop(0)
            done(_joined(paper, scale, [(item, answers[paper.key, item.name]) for item in chosen[paper.key]]))
        say()

    say()
    share(_measure, tasks, processes, done=ended)


def _measure(task: tuple[str, str, Observed], advance: Any) -> Answer:
    key, name, lab = task
    claim = next(item for item in discover.paper(key).claims if item.name == name)
    begun = time.perf_counter()
    found = claim.run(lab)
    return found.evidence, found.control, found.error, time.perf_counter() - begun, lab.seen


def _joined(paper: Paper, scale: str, measured: list[tuple[Claim, Answer]]) -> Measured:
    findings = tuple(Finding(claim, *answer[:3]) for claim, answer in measured)
    seconds = tuple(answer[3] for _, answer in measured)
    return Measured(paper, scale, findings, seconds, frozenset[str]().union(*(answer[4] for _, answer in measured)))
