"""What people see: live progress on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

EVERY = 10.0
"""Seconds between two lines of progress where the screen is no terminal."""


class Screen:
    """Progress of long work, as `core.run.Tell` asks: a live bar in a terminal, else a line now and then."""

    def __init__(self, title: str, *, quiet: bool = False):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self.title, self.quiet = title, quiet
        self.total = self.done = self.cells = self.kept = 0
        self.begun = self.said = time.monotonic()
        self.console = Console(stderr=True)
        self.bar = None
        if self.console.is_terminal and not quiet:
            self.bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TaskProgressColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[kept]}"),
                console=self.console,
                transient=True,
                expand=True,
            )
            self.task = self.bar.add_task(title, total=None, speed="", kept="")

    def __enter__(self) -> Screen:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()

    def plan(self, cells: int, kept: int, iterations: int) -> None:
        """There are `cells` cells, `kept` of them already finished; the others take `iterations` in all."""
        self.cells, self.kept, self.total, self.done = cells, kept, iterations, 0
        self.begun = self.said = time.monotonic()
        known = f"{kept} of {cells} cells kept" if kept else f"{cells} cells"
        if self.bar:
            self.bar.reset(self.task, total=max(iterations, 1), completed=0, kept=known, speed="")
        elif not self.quiet and iterations:
            self._line(f"{known}, {iterations:,} iterations to go")

    def advance(self, iterations: int) -> None:
        """So many more iterations were done."""
        self.done += iterations
        now = time.monotonic()
        speed = self.done / max(now - self.begun, 1e-9)
        if self.bar:
            self.bar.update(self.task, completed=self.done, speed=f"{short(speed)} it/s")
        elif not self.quiet and now - self.said >= EVERY and self.done > 0:
            self.said = now
            share = self.done / max(self.total, 1)
            # The first steps bear what starting costs, and foretell nothing.
            left = f", {duration((self.total - self.done) / speed)} left" if share >= 0.01 else ""
            self._line(f"{share:.0%}, {short(speed)} iterations a second{left}")

    def now(self, what: str) -> None:
        """Say what is being done."""
        self.title = what
        if self.bar:
            self.bar.reset(self.task, total=None, description=what, kept="", speed="")
        elif not self.quiet:
            note(what)

    def _line(self, text: str) -> None:
        print(f"{self.title}: {text}", file=sys.stderr, flush=True)


def note(text: str) -> None:
    """Say something that is no part of the answer, on stderr."""
    print(text, file=sys.stderr, flush=True)


def table(*columns: str, right: tuple[str, ...] = ()) -> Any:
    """Return an empty table that folds its cells rather than its lines."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def bold(text: str) -> Any:
    """Return a text to be shown in bold."""
    from rich.text import Text

    return Text(text, style="bold")


def indented(text: str, by: int) -> Any:
    """Return a text whose every line is indented, those that it is folded into included."""
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, by))


def show(*items: Any) -> None:
    """Print texts and tables on stdout, as wide as the terminal, or 80 columns."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        for item in items:
            console.print(item)
        return
    with console.capture() as captured:
        for item in items:
            console.print(item)
    # Tables are padded to their full width, which nobody wants in a file.
    print("\n".join(line.rstrip() for line in captured.get().splitlines()), flush=True)


def folded(text: str) -> list[Any]:
    """Return a plain text with a table in it as what `show` fits to the screen, unless its lines fit as they are.

    Paragraphs are separated by empty lines; the cells of a table by " | ", its head by a line of hyphens.
    """
    from rich.console import Console

    if max(map(len, text.splitlines()), default=0) <= Console().width:
        return [text]
    shown: list[Any] = []
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if not set(line) <= set("-+")]
        if " | " in rows[0]:
            made = table(*(cell.strip() for cell in rows[0].split(" | ")))
            # What a row is called stays whole: a name cut in two is no name.
            made.columns[0].no_wrap = True
            for row in rows[1:]:
                # A line whose last cell is empty ends in its separator.
                made.add_row(*(cell.strip() for cell in f"{row} ".split(" | ")))
            shown += [made, ""]
        else:
            # Lines that are continued belong to the item before them.
            items = block.replace("\n  ", " ").split("\n")
            shown += [*map(_item, items), ""] if block.startswith("- ") else [" ".join(items), ""]
    return shown


def _item(line: str) -> Any:
    """Return one item of a list, its continuation indented."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_row("-", line.removeprefix("- "))
    return made


def show_json(value: Any) -> None:
    """Print plain data as JSON; numbers that are not finite become null."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """Return `value` as data that JSON can hold: tuples as lists, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def short(number: float) -> str:
    """Return a number in at most five characters.

    >>> short(950), short(12_345), short(2_500_000)
    ('950', '12k', '2.5M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2g}{letter}" if number < 100 * size else f"{number / size:.0f}{letter}"
    return f"{number:.0f}"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(4.2), duration(75), duration(7_300)
    ('4 s', '1 min 15 s', '2 h 1 min')
    """
    if not math.isfinite(seconds):
        return "an unknown time"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
