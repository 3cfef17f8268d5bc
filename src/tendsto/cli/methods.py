"""tendsto methods."""

from __future__ import annotations

from typing import Annotated

import typer

from tendsto.cli import names
from tendsto.cli.listing import listing

EXAMPLE = """\
  tendsto methods
  tendsto methods adam                     its settings and formulas
  tendsto methods --problem digits-mlp     which of them fit
"""


def command(
    name: Annotated[str | None, typer.Argument(help="Show this one.", autocompletion=names.complete_names)] = None,
    family: Annotated[str | None, typer.Option(help="Only those of this family.")] = None,
    problem: Annotated[
        str | None, typer.Option(help="Say which decline this problem, and why.", autocompletion=names.complete_names)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """List the methods, or show one."""
    names.check(filter(None, [name, problem]))
    from tendsto.core import registry

    return listing(
        "method", registry.methods(), name, family, json, None if problem is None else names.problem(problem)
    )
