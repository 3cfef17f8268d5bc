"""What benchmarks share: contestants that take turns, ratios with their range, and a table kept in `results/`.

A ratio is taken within a turn, where all contestants met the same machine; its median counts, against a target.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def seconds(run: Callable[[], object], calls: int = 1, clock: Callable[[], float] = time.perf_counter) -> float:
    begun = clock()
    for _ in range(calls):
        run()
    return (clock() - begun) / calls


def take_turns(
    runs: dict[str, Callable[[], object]],
    turns: int,
    calls: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the seconds a call of each contestant in each turn; a first turn, which warms up, is not counted.

    `clock=time.process_time` counts the seconds of the processor, which others on the machine do not lengthen by
    taking turns with it: for contestants of one thread.
    """
    took: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns + 1):
        for name, run in runs.items():
            spent = seconds(run, calls, clock)
            if turn:
                took[name].append(spent)
    return took


@dataclass(frozen=True)
class Row:
    """A measured ratio and the target that its median is held to."""

    what: str
    ratios: list[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        middle = statistics.median(self.ratios)
        return (self.at_least is None or middle >= self.at_least) and (self.at_most is None or middle <= self.at_most)

    def __str__(self) -> str:
        target = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        low, middle, high = min(self.ratios), statistics.median(self.ratios), max(self.ratios)
        outcome = "pass" if self.met else "FAIL"
        return f"| {self.what} | {middle:.2f} | {low:.2f} to {high:.2f} | {target} | {outcome} |"


def ratios(above: list[float], below: list[float], factor: float = 1.0) -> list[float]:
    return [factor * a / b for a, b in zip(above, below, strict=True)]


def report(name: str, title: str, notes: str, rows: list[Row]) -> None:
    """Print the table and keep it as `results/NAME.md`, where the last one recorded stands."""
    head = "| quantity | median | range | target | outcome |\n| --- | --- | --- | --- | --- |"
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end"
    text = "\n".join([f"# {title}\n", f"{notes} {time.strftime('%Y-%m-%d')}, {load}.\n", head, *map(str, rows)])
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text + "\n")
