"""find: which theorems apply to a method, given what is known of a problem."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tendsto.core.guarantee import Guarantee
from tendsto.core.problem import Constants, Problem
from tendsto.core.registry import guarantees

_MEASURES = ("gap", "||x - x*||^2", "||grad f||^2")
_CONSTANTS = tuple(f.name for f in dataclasses.fields(Constants) if f.name != "estimated")


def find(
    method: str, *, problem: Problem | None = None, k: int = 1000, measure: str | None = None, **known: Any
) -> list[Guarantee]:
    """Return the theorems on `method` that apply: bounds on the gap first, and of those on one quantity the best at k.

    What is known is given by name (`smooth`, `strongly_convex`, `convex`, `noise`, ...: the fields of `Constants`), or
    answered by `problem`; a name given here goes before the problem's answer. What follows from it is used as well:
    strongly convex functions are convex, and satisfy the Polyak-Lojasiewicz inequality. Settings of theorems
    (`step_size`, `horizon`) may be given too; a theorem that does not admit them does not apply.

    measure: only bounds on this quantity.

    Raises:
        ValueError: no theorem is about this method, or a name that is no constant and no setting.

    >>> [type(g).__name__ for g in find("gd", smooth=10.0, strongly_convex=0.1, measure="gap")]
    ['GDStronglyConvex', 'GDPolyakLojasiewicz', 'GDConvex']
    """
    constants = _implied(problem, known)
    found = [
        row for row in (_row(cls, constants) for cls in _about(method, known).values()) if isinstance(row, Guarantee)
    ]
    found = [row for row in found if measure in (None, row.measure)]
    return sorted(found, key=lambda row: (_order(row.measure), _comparable(row, constants).bound(k)))


def missing(method: str, *, problem: Problem | None = None, **known: Any) -> dict[str, str]:
    """Return what each theorem on `method` that does not apply lacks, a sentence by the theorem's name.

    >>> missing("nesterov", smooth=10.0, convex=True)
    {'nesterov-strongly-convex': 'needs strongly_convex'}
    """
    constants = _implied(problem, known)
    rows = {name: _row(cls, constants) for name, cls in _about(method, known).items()}
    return {name: row for name, row in rows.items() if isinstance(row, str)}


def _about(method: str, known: Mapping[str, Any]) -> dict[str, type[Guarantee]]:
    rows = {name: cls for name, cls in guarantees().items() if method in (cls.method, cls.runs)}
    if not rows:
        have = ", ".join(sorted({cls.method for cls in guarantees().values()}))
        raise ValueError(f"no theorem here is about {method!r}; there are some about {have}")
    names = [*_CONSTANTS, *sorted({f.name for cls in rows.values() for f in dataclasses.fields(cls)} - {*_CONSTANTS})]
    for name in known:
        if name not in names:
            raise ValueError(f"{name!r} is no constant that theorems on {method!r} use; they use {', '.join(names)}")
    return rows


def _implied(problem: Problem | None, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known with what follows from it."""
    constants = {**(problem.constants().known() if problem else {}), **known}
    constants = {name: value for name, value in constants.items() if value is not None}
    if "strongly_convex" in constants:
        constants = {"convex": True, "polyak_lojasiewicz": constants["strongly_convex"], **constants}
    return constants


def _row(cls: type[Guarantee], constants: Mapping[str, Any]) -> Guarantee | str:
    """Return the theorem with these constants, or the reason why it does not apply."""
    lacking = [name for name in cls.assumes if not constants.get(name) and constants.get(name) != 0.0]
    if constants.get("convex") is False and "convex" in cls.assumes and "convex" not in lacking:
        lacking.append("convex")
    if lacking:
        return f"needs {' and '.join(lacking)}"
    settable = {f.name for f in dataclasses.fields(cls)}
    try:
        return cls(**{name: value for name, value in constants.items() if name in settable})
    except ValueError as error:
        return str(error)


def _order(measure: str) -> int:
    return _MEASURES.index(measure) if measure in _MEASURES else len(_MEASURES)


def _comparable(row: Guarantee, constants: Mapping[str, Any]) -> Guarantee:
    """Return the row with an unknown f(x_0) - f* put at L D^2 / 2, so that relative bounds can be ranked."""
    if row.scale != "gap" or getattr(row, "gap", None) is not None:
        return row
    distance = constants.get("distance", 1.0)
    largest = constants.get("smooth", constants.get("smooth_max", 1.0)) / 2 * distance**2
    return dataclasses.replace(row, gap=largest)  # type: ignore[reportCallIssue]
