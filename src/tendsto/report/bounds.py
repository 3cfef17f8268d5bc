"""Which theorem may be laid over which method's curve: one about exactly this method, step size and problem."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tendsto.core.race import Entry, Race
from tendsto.core.spec import fields_of

if TYPE_CHECKING:
    from tendsto.core.guarantee import Guarantee


def matching(race: Race) -> dict[str, Guarantee]:
    """Return the best guarantee on the criterion of each tuned method, by its name, where one is about it.

    A theorem matches when the method that it speaks of, with the settings that it speaks of, equals the tuned method,
    and the problem answers for its assumptions.
    """
    found = {name: next(_about(race, race.tuned(name)), None) for name in race.names}
    return {name: guarantee for name, guarantee in found.items() if guarantee is not None}


def _about(race: Race, entry: Entry) -> Iterator[Guarantee]:
    theory = importlib.import_module("tendsto.theory")
    registry = importlib.import_module("tendsto.core.registry")
    names = dict.fromkeys(row.method for row in registry.guarantees().values())
    lr = fields_of(entry.method).get("lr")
    for name in names:
        try:
            rows = theory.find(
                name, problem=race.problem, k=race.steps, measure="gap", **({"step_size": lr} if lr else {})
            )
        except ValueError:
            continue
        for row in rows:
            if _speaks_of(row, entry) and _can_be_drawn(row, entry):
                yield row


def _speaks_of(row: Guarantee, entry: Entry) -> bool:
    try:
        return row.method_for() == entry.method
    except ValueError:
        return False


def _can_be_drawn(row: Guarantee, entry: Entry) -> bool:
    try:
        row.measured(entry.trace)
        row.started(entry.trace)
    except ValueError:
        return False
    return True
