"""What ran where: all that is needed to run a race again, and to judge how far its numbers carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tendsto.core import spec
from tendsto.core.race import Race
from tendsto.core.run import where
from tendsto.report.summary import Standing, grid_text

_EQUAL = {
    True: "numerical (runs shared batches: float64 to 1e-9 over 100 steps against the same run alone)",
    False: "bitwise on the same machine, versions and threads",
}


def what_ran(race: Race, ranked: list[Standing]) -> list[tuple[str, str]]:
    """Return what ran as (what, words): problem, methods, budget, grid, versions, threads, batches."""
    metas = [entry.trace.meta for entry in race.entries]
    lanes = max(int(meta.get("lanes", 1)) for meta in metas)
    recorded = {name: value for meta in metas for name, value in meta.items() if isinstance(value, str)}
    versions = recorded or where()
    source = "" if recorded else " (of the process that wrote this page)"
    return [
        ("Problem", spec.code(race.problem)),
        *((f"Method {s.name}", spec.code(s.entry.method)) for s in ranked),
        *((f"Declined {name}", reason) for name, reason in race.declined.items()),
        ("Seeds", ", ".join(map(str, race.seeds))),
        ("Iterations", f"{race.steps:,}"),
        ("Grid", grid_text(race)),
        ("Settings tried", f"{len(race.entries)}, so {len(race.entries) * len(race.seeds):,} runs"),
        ("Versions", ", ".join(f"{name} {value}" for name, value in versions.items()) + source),
        ("Threads", _threads(metas)),
        ("Batches", f"up to {lanes} runs in one computation" if lanes > 1 else "each run alone"),
        ("Promised on repetition", _EQUAL[lanes > 1]),
    ]


def _threads(metas: Sequence[Mapping[str, Any]]) -> str:
    import torch

    known = sorted({int(meta["threads"]) for meta in metas if "threads" in meta})
    if known:
        return ", ".join(map(str, known))
    return f"not recorded; {torch.get_num_threads()} in the process that wrote this page"


def code_of(race: Race) -> str:
    """Return Python source that runs the race again."""
    # Swept settings are set by the grid, so whichever value stands in the code is overwritten.
    methods = "".join(f"        {name!r}: {spec.code(race.settings(name)[0].method)},\n" for name in race.names)
    seeds = len(race.seeds) if race.seeds == tuple(range(len(race.seeds))) else list(race.seeds)
    tune = {name: list(values) for name, values in race.tune.items()}
    lines = [f"steps={race.steps}", f"seeds={seeds}", *([f"tune={tune}"] if tune else [])]
    if race.given_target is not None:
        lines.append(f"target={race.given_target!r}")
    what = f"    {spec.code(race.problem)},\n    {{\n{methods}    }},\n    {', '.join(lines)},\n"
    return f"import tendsto as tt\n\ntt.race(\n{what})"
