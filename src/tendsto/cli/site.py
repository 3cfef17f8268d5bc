"""tendsto site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tendsto.cli import screen
from tendsto.cli.check import EVIDENCE

EXAMPLE = """\
  tendsto site build              the atlas and the manual, in the folder site
"""


def build(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("site"),
    evidence: Annotated[Path, typer.Option(help="Folder of recorded evidence.")] = Path(EVIDENCE),
    docs: Annotated[Path, typer.Option(help="Folder of the manual.")] = Path("docs"),
) -> int:
    """Write the atlas and the manual as pages that open from disk."""
    from tendsto.report.site import build as build_site

    pages = build_site(out, evidence=evidence, docs=docs)
    screen.show(f"{len(pages)} pages; begin at {out / 'index.html'}.", "")
    return 0


COMMANDS = (("build", build, EXAMPLE),)
