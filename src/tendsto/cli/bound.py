"""tendsto bound."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from tendsto.cli import names, screen, values

EXAMPLE = """\
  tendsto bound gd --assume smooth=10,strongly-convex=0.1 --eps 1e-3
  tendsto bound nesterov --problem mine.csv --set C=0.1 --eps 1e-6
  tendsto bound --table
  tendsto bound gd --problem quadratic --step-size 0.5 --at 1000
"""


def command(
    method: Annotated[
        str | None, typer.Argument(help="The method, such as gd.", autocompletion=names.complete_names)
    ] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            "--assume",
            "-a",
            metavar="NAME=NUMBER",
            help="What is known: smooth=10,strongly-convex=0.1,convex=true,distance=2.",
        ),
    ] = None,
    problem: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take what a problem knows of itself; FILE.csv: the logistic regression on your data, whose last "
            "column is the label.",
            autocompletion=names.complete_names,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Settings of the problem: batch=32.")
    ] = None,
    step_size: Annotated[float | None, typer.Option(help="The step size.  [default: what the theorem advises]")] = None,
    eps: Annotated[float | None, typer.Option(help="Say how many iterations reach this accuracy.")] = None,
    at: Annotated[int, typer.Option(help="Give the bound after so many iterations.")] = 1000,
    table: Annotated[bool, typer.Option("--table", help="List all theorems, or all on the method.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> int:
    """Say what theory promises: the best bound first, then the others, and what those that do not apply lack.

    Exit code 2, with the sentence, where no theorem admits what was given.
    """
    if table:
        return _show_table(method, json)
    if method is None:
        raise ValueError("no method was named: say which, as in `tendsto bound gd`, or list all with --table")
    known = {name: values.value(text) for name, text in values.assignments(assume or []).items()}
    for name, item in known.items():
        if not isinstance(item, int | float):
            raise ValueError(f"{name} = {item!r} is no number: assume it as {name.replace('_', '-')}=10, or =true")
    if step_size is not None:
        known["step_size"] = step_size
    if at < 0 or (eps is not None and not eps > 0):
        raise ValueError(f"--at {at} --eps {eps}: use at of at least 0 and eps above 0")
    from tendsto.theory import find, missing

    given = _problem(problem, set_ or [])
    rows = find(method, problem=given, k=max(at, 1), **known)
    lacking = missing(method, problem=given, **known)
    # What is refused whatever the step size contradicts itself: no other theorem is an answer to it.
    constants = {name: item for name, item in known.items() if name != "step_size"}
    wrong = [why for why in missing(method, problem=given, **constants).values() if not why.startswith("needs ")]
    if wrong:
        # A constant that was given is named rather than one that only follows from it.
        raise ValueError(next((why for why in wrong if why.partition(" ")[0] in known), wrong[0]))
    if not rows:
        raise ValueError(_refusal(method, lacking))
    listed = [_row(row, at, eps) for row in rows]
    if json:
        screen.show_json({"method": method, "at": at, "eps": eps, "bounds": listed, "not_applicable": lacking})
        return 0
    _print(rows, listed, lacking, at, eps)
    return 0


def _problem(name: str | None, settings: list[str]) -> Any:
    if name is None:
        if settings:
            raise ValueError(f"--set {settings[0]} sets a problem's setting, and none was named: add --problem NAME")
        return None
    from tendsto.core import spec

    made = names.problem(name)
    return spec.replace(made, **values.settings(values.assignments(settings), made, name))


def _show_table(method: str | None, json: bool) -> int:
    """List the theorems, those on one method together."""
    from tendsto.core.registry import guarantees

    rows = {name: cls for name, cls in guarantees().items() if method in (None, cls.method, cls.runs)}
    if not rows:
        have = ", ".join(sorted({cls.method for cls in guarantees().values()}))
        raise ValueError(f"no theorem here is about {method!r}; there are some about {have}")
    rows = dict(sorted(rows.items(), key=lambda item: (item[1].method, item[0])))
    if json:
        facts = ("method", "assumes", "measure", "point", "mode", "tightness", "statement", "proof", "source")
        listed = [{"theorem": name, **{fact: getattr(cls, fact) for fact in facts}} for name, cls in rows.items()]
        screen.show_json({"theorems": listed})
        return 0
    listing = screen.table("theorem")
    last = ""
    for name, cls in rows.items():
        if cls.method != last:
            listing.add_section()
            listing.add_row(screen.bold(cls.method))
        needs = ", ".join(item.replace("_", "-") for item in cls.assumes) or "nothing"
        listing.add_row(screen.indented(f"{name}: {cls.mode}, {cls.tightness}; needs {needs}", 2))
        listing.add_row(screen.indented(f"{cls.measure} of the {cls.point}: {cls.statement}", 4))
        last = cls.method
    screen.show(listing, "", f"{len(rows)} theorems. One in full: tendsto bound METHOD --assume smooth=10,convex=true")
    return 0


def _refusal(method: str, lacking: dict[str, str]) -> str:
    """Say why no theorem applies: for a setting that is not admitted that alone, else what each theorem lacks."""
    inadmissible = [why for why in lacking.values() if not why.startswith("needs ")]
    if inadmissible:
        return "; ".join(dict.fromkeys(inadmissible))
    told = "; ".join(f"{name} {why}" for name, why in lacking.items())
    return f"no theorem on {method} applies to what is assumed: {told}"


def _row(row: Any, at: int, eps: float | None) -> dict[str, Any]:
    reach: dict[str, Any] = {}
    if eps is not None:
        try:
            reach = {"iterations": row.iterations(eps), "unreachable": None}
        except ValueError as error:
            reach = {"iterations": None, "unreachable": str(error)}
    from tendsto.core.registry import guarantees

    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    # Where the initial size is not known, the bound is a multiple of it.
    relative = row.scale if row.scale and fields.get(row.scale) is None else None
    return {
        "theorem": next(name for name, cls in guarantees().items() if cls is type(row)),
        "bounds": row.measure,
        "of": row.point,
        "mode": row.mode,
        "tightness": row.tightness,
        "assumes": list(row.assumes),
        "settings": row.settings(),
        "constants": {name: item for name, item in fields.items() if item is not None},
        "relative_to": relative,
        "bound": row.bound(at),
        **reach,
        "statement": row.statement,
        "source": row.source,
    }


_UNITS = {"distance": "D^2", "gap": "d_0"}
_MEANING = {"distance": "D = ||x_0 - x*|| (distance)", "gap": "d_0 = f(x_0) - f* (gap)"}


def _bound_of(row: dict[str, Any]) -> str:
    unit = _UNITS.get(row["relative_to"] or "", "")
    return f"{row['bound']:.4g} {unit}".rstrip()


def _reach_of(row: dict[str, Any]) -> str:
    return "never" if row["iterations"] is None else f"{row['iterations']:,}"


def _print(rows: list[Any], listed: list[dict[str, Any]], lacking: dict[str, str], at: int, eps: float | None) -> None:
    best = listed[0]
    screen.show(rows[0].explain(), "")
    given = {name: item for name, item in best["settings"].items() if item is not None}
    setting = ", ".join(f"{name} = {item if isinstance(item, str) else f'{item:.4g}'}" for name, item in given.items())
    screen.show(
        f"Bound on {best['bounds']} at k = {at:,}: {_bound_of(best)}" + (f", with {setting}" if setting else "")
    )
    if eps is not None:
        reached = f"{best['iterations']:,} iterations" if best["iterations"] is not None else best["unreachable"]
        start = {"distance": " if D = 1", "gap": " if d_0 = 1"}.get(best["relative_to"] or "", "")
        screen.show(f"Iterations for {best['bounds']} <= {eps:g}{start}: {reached}")
    if len(listed) > 1:
        columns = [f"at k = {at:,}", *([f"k for {eps:g}"] if eps is not None else [])]
        others = screen.table("theorem", *columns, right=tuple(columns))
        for row in listed:
            needs = ", ".join(name.replace("_", "-") for name in row["assumes"])
            what = f"{row['theorem']}\n  {row['tightness']}, on {row['bounds']}; needs {needs}"
            others.add_row(what, _bound_of(row), *([_reach_of(row)] if eps is not None else []))
        screen.show("", others)
        relative = {row["relative_to"] for row in listed}
        told = [text for name, text in _MEANING.items() if name in relative]
        if told:
            screen.show("", f"{' and '.join(told)}: --assume gives a number for it, 1 is taken for the k.")
    if lacking:
        screen.show("", "Not applicable:", *(f"  {name}: {why.replace('_', '-')}" for name, why in lacking.items()))
