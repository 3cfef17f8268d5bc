"""tendsto problems."""

from __future__ import annotations

from typing import Annotated

import typer

from tendsto.cli import names
from tendsto.cli.listing import listing

EXAMPLE = """\
  tendsto problems
  tendsto problems digits-mlp      its settings, oracles and constants
"""


def command(
    name: Annotated[str | None, typer.Argument(help="Show this one.", autocompletion=names.complete_names)] = None,
    family: Annotated[str | None, typer.Option(help="Only those of this family.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """List the problems, or show one."""
    if name is not None:
        names.check([name])
    from tendsto.core import registry

    return listing("problem", registry.problems(), name, family, json)
