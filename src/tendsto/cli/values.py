"""What is typed as NAME=VALUE, and grids of values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tendsto.cli.names import nearest

_COMMA = re.compile(r",(?![^()]*\))")
_WORDS = {"true": True, "false": False, "none": None}


def assignments(items: Iterable[str]) -> dict[str, str]:
    """Return texts by name from items such as "a=1,b=2"; a hyphen in a name counts as an underscore.

    >>> assignments(["smooth=10,strongly-convex=0.1", "betas=(0.9,0.99)"])
    {'smooth': '10', 'strongly_convex': '0.1', 'betas': '(0.9,0.99)'}
    """
    found: dict[str, str] = {}
    for item in items:
        for part in filter(None, (text.strip() for text in _COMMA.split(item))):
            name, equals, text = part.partition("=")
            name = name.strip().replace("-", "_")
            if not equals or not name.isidentifier() or not text.strip():
                raise ValueError(f"{part!r} is no setting: write it as name=value, such as batch=32")
            if name in found:
                raise ValueError(f"{name!r} was given twice, as {found[name]!r} and {text.strip()!r}: give it once")
            found[name] = text.strip()
    return found


def value(text: str) -> Any:
    """Return what a text says: a number, true, false, none, a bracketed tuple of them, else the text itself.

    >>> [value(text) for text in ("3", "1e-3", "true", "(0.9,0.99)", "even")]
    [3, 0.001, True, (0.9, 0.99), 'even']
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.startswith("(") and text.endswith(")"):
        return tuple(value(part.strip()) for part in text[1:-1].split(",") if part.strip())
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if not math.isfinite(number):
            raise ValueError(f"{text!r} is not finite: give a finite number")
        return number
    return text


def grids(items: Iterable[str]) -> dict[str, list[Any]]:
    """Return values by name from items such as "lr=1e-4:1:9" (equal ratios) or "lr=0.1,0.3".

    >>> grids(["lr=0.01:1:3", "momentum=0,0.9"])
    {'lr': [0.01, 0.1, 1.0], 'momentum': [0, 0.9]}
    """
    found: dict[str, list[Any]] = {}
    for item in items:
        name, equals, text = item.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name.isidentifier():
            raise ValueError(f"{item!r} is no grid: write it as lr=1e-4:1:9 (low:high:points) or lr=0.1,0.3")
        if name in found:
            raise ValueError(f"the grid of {name!r} was given twice: give it once, such as {name}=0.1,0.3")
        found[name] = grid(name, text)
    return found


def grid(name: str, given: str | Iterable[Any]) -> list[Any]:
    """Return the values of one grid, written as a text or given as a list."""
    if not isinstance(given, str):
        listed = list(given)
    elif ":" in given:
        listed = _spaced(name, given)
    else:
        listed = [value(part.strip()) for part in _COMMA.split(given) if part.strip()]
    if not listed:
        raise ValueError(f"the grid of {name!r} is empty: give it values, such as {name}=0.1,0.3 or {name}=1e-4:1:9")
    if len(set(map(repr, listed))) < len(listed):
        raise ValueError(f"the grid of {name!r} has a value twice, in {given!r}: give each once")
    return listed


def _spaced(name: str, text: str) -> list[float]:
    from tendsto.core.race import logspace

    try:
        low, high, points = text.split(":")
        ends, count = (float(low), float(high)), int(points)
    except ValueError:
        raise ValueError(
            f"{name}={text} is no grid: write low:high:points with a whole number of points, such as {name}=1e-4:1:9"
        ) from None
    return logspace(*ends, count)


def fitted(name: str, given: Any, like: Any, whose: str) -> Any:
    """Return a value as the kind of number that the setting's default is, so that 1 and 1.0 name the same run.

    Raises:
        ValueError: it is of another kind.
    """
    if isinstance(given, str) and not isinstance(like, str):
        given = value(given)
    if like is None or given is None:
        return given
    if isinstance(like, bool):
        right = isinstance(given, bool)
    elif isinstance(like, float):
        given, right = (float(given), True) if isinstance(given, int | float) else (given, False)
    elif isinstance(like, int):
        right = isinstance(given, int | float) and not isinstance(given, bool) and float(given).is_integer()
        given = int(given) if right else given
    elif isinstance(like, tuple):
        given = tuple(given) if isinstance(given, list) else given
        right = isinstance(given, tuple) and len(given) == len(like)
    else:
        right = isinstance(given, type(like))
    if not right or (isinstance(given, float) and not math.isfinite(given)):
        kind = {bool: "true or false", float: "a finite number", int: "a whole number", str: "a word"}
        wanted = kind.get(type(like), f"like {like!r}")
        raise ValueError(f"{name} = {given!r} does not fit {whose}: it is to be {wanted}, such as {like!r}")
    return given


def settings(given: Mapping[str, Any], owner: Any, whose: str) -> dict[str, Any]:
    """Return settings for a specification, each as its default's kind.

    Raises:
        ValueError: it has no such setting; the nearest are named.
    """
    from tendsto.core.spec import fields_of

    available = fields_of(owner)
    for name in given:
        if name not in available:
            raise ValueError(f"{whose} has no setting {name!r}; {nearest(name, available)}")
    return {name: fitted(name, item, available[name], whose) for name, item in given.items()}
