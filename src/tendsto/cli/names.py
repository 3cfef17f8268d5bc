"""Names of methods, problems and papers, read from the sources without importing them: help and typos cost no torch."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tendsto.core.problem import Problem

PACKAGE = Path(__file__).parents[1]

_CALL = re.compile(r"""^@(?:\w+\.)*register\(\s*(?:["']([\w.-]+)["'])?""", re.MULTILINE)


@functools.cache
def registered() -> tuple[frozenset[str], bool]:
    """Return the names that sources enrol, and whether those are all: not where a source computes one."""
    names: set[str] = set()
    complete = True
    for path in sorted(PACKAGE.glob("*/**/*.py")):
        if path.relative_to(PACKAGE).parts[0] in ("core", "cli", "store", "engines", "atlas", "testing", "report"):
            continue
        text = path.read_text(encoding="utf-8")
        found = _CALL.findall(text)
        names |= {name for name in found if name}
        # Every other mention of a call of `register` may enrol a name that only running it tells.
        complete &= len(re.findall(r"\bregister\(", text)) == len([name for name in found if name])
    return frozenset(names), complete


def check(names: Iterable[str]) -> None:
    """Raise ValueError, with the nearest names, for one that nothing enrols."""
    known, complete = registered()
    for name in names:
        if name not in known and complete and not _enrolled(name):
            raise ValueError(f"nothing is called {name!r}; {nearest(name, known)}")


def _enrolled(name: str) -> bool:
    """Whether a program that uses this one has enrolled `name` itself. Nothing is imported for the question."""
    import sys

    registry = sys.modules.get("tendsto.core.registry")
    return registry is not None and name in registry._factories


def is_data(name: str) -> bool:
    """Whether a problem is named by a file of a person's own data."""
    return name.endswith(".csv")


def problem(name: str) -> Problem:
    """Return the problem called `name`, or the logistic regression on a person's own data for the path of a CSV file.

    Raises:
        ValueError: nothing is called so, or what is is no problem, or the file does not hold such data.
    """
    if is_data(name):
        from tendsto.problems.user_logistic import read_logistic

        return read_logistic(name)
    check([name])
    from tendsto.core import registry
    from tendsto.core.problem import Problem

    made = registry.problems().get(name)
    if not isinstance(made, Problem):
        raise ValueError(f"{name!r} is no problem: `tendsto problems` lists them")
    return made


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint: the known names nearest to `name`, or all of them."""
    listed = sorted(known)
    near = difflib.get_close_matches(name, listed, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known are {', '.join(listed)}" if listed else "none is known yet"


def complete_names(incomplete: str) -> list[str]:
    """Complete the last of comma-separated names."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in sorted(registered()[0]) if name.startswith(last)]


def complete_papers(incomplete: str) -> list[str]:
    """Complete the key of a paper."""
    from tendsto.atlas.discover import files

    return [key for key in [*sorted(files()), "all"] if key.startswith(incomplete)]
