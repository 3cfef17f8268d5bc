"""A list of what is enrolled, or one of it in full: what `tendsto problems` and `tendsto methods` share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from tendsto.cli import names, screen


def listing(
    kind: str, known: Mapping[str, Any], name: str | None, family: str | None, json: bool, problem: Any = None
) -> int:
    """Print what is known, or the one called `name`; return the exit code.

    Raises:
        ValueError: no such name, or no such family.
    """
    if name is not None and name not in known:
        raise ValueError(f"{name!r} is no {kind}; {names.nearest(name, known)}")
    families = {item.family for item in known.values()}
    if family is not None and family not in families:
        raise ValueError(f"no {kind} is of the family {family!r}; {names.nearest(family, families)}")
    rows = [
        _row(label, item, problem)
        for label, item in known.items()
        if name in (None, label) and family in (None, item.family)
    ]
    if json:
        screen.show_json(rows)
    elif name is not None:
        _show(rows[0], inspect.getdoc(type(known[name])) or "")
    else:
        _print(kind, rows, problem is not None)
    return 0


def _row(name: str, item: Any, problem: Any) -> dict[str, Any]:
    from tendsto.core.problem import Problem
    from tendsto.core.spec import code, fields_of

    row: dict[str, Any] = {"name": name, "family": item.family, "summary": summary(item), "code": code(item)}
    row["settings"] = {
        k: v if isinstance(v, bool | int | float | str | None) else code(v) for k, v in fields_of(item).items()
    }
    if isinstance(item, Problem):
        row |= {"criterion": item.criterion_name, "optimum": item.optimum(), "oracles": sorted(item.offers())}
        row["constants"] = item.constants().known()
    else:
        row["asks"] = list(item.asks)
        if problem is not None:
            row["declines"] = item.declines(problem)
    return row


def summary(item: Any) -> str:
    """Return the first sentence of what an object's class says of itself."""
    text = (inspect.getdoc(type(item)) or "").partition("\n\n")[0]
    return " ".join(text.split()).rstrip(".")


def _print(kind: str, rows: list[dict[str, Any]], with_fit: bool) -> None:
    shown = screen.table(kind, "family", "what it is", *(["fits"] if with_fit else []))
    for row in rows:
        fits = [row["declines"] or "yes"] if with_fit else []
        shown.add_row(row["name"], row["family"], row["summary"], *fits)
    screen.show(shown)
    screen.show(
        f"{len(rows)} {kind}s; `tendsto {kind}s {rows[0]['name']}` shows one." if rows else f"There is no {kind}."
    )


def _reflowed(text: str) -> list[str]:
    """Return a docstring without its examples, its paragraphs as single lines so that they fit any screen."""
    shown = text.partition(">>>")[0].strip()
    return [
        block if re.search(r"^(\s|- )", block, re.MULTILINE) else " ".join(block.split())
        for block in re.split(r"(\n\n)", shown)
        if block.strip()
    ]


def _show(row: dict[str, Any], text: str) -> None:
    from rich.text import Text

    screen.show(Text(row["name"], "bold"), *_reflowed(text), "")
    shown = screen.table("setting", "default")
    for name, default in row["settings"].items():
        shown.add_row(name, str(default))
    screen.show(shown)
    facts = {
        name: row[name] for name in ("criterion", "optimum", "oracles", "asks", "constants", "declines") if name in row
    }
    for name, item in facts.items():
        told = ", ".join(item) if isinstance(item, list) else item
        if isinstance(item, Mapping):
            told = ", ".join(f"{k} = {v:.4g}" if isinstance(v, float) else f"{k} = {v}" for k, v in item.items())
        screen.show(f"{name}: {'not known' if told in (None, '') else told}")
    screen.show(f"in Python: {row['code']}")
