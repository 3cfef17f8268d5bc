"""tendsto atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tendsto.cli import names, screen
from tendsto.cli.check import EVIDENCE, STYLES

EXAMPLE = """\
  tendsto atlas
  tendsto atlas --family optim --json
"""


def command(
    family: Annotated[str | None, typer.Option(help="Only papers of this family.")] = None,
    evidence: Annotated[Path, typer.Option(help="Folder of recorded evidence.")] = Path(EVIDENCE),
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> int:
    """List every paper: what implements it, what it claims, and what measuring that found.

    Evidence is stale when a source that it came from has changed since.
    """
    from tendsto.atlas.discover import papers
    from tendsto.atlas.record import status

    cards = list(papers().values())
    families = sorted({card.family for card in cards})
    if family is not None and family not in families:
        raise ValueError(f"no paper is of the family {family!r}; {names.nearest(family, families)}")
    rows = [status(card, evidence) for card in cards if family in (None, card.family)]
    if json:
        screen.show_json(rows)
        return 0
    if not rows:
        screen.show("There is no paper yet.")
        return 0
    _print(rows, evidence)
    return 0


def _print(rows: list[dict[str, Any]], evidence: Path) -> None:
    from rich.text import Text

    shown = screen.table("paper", "family", "objects", "checked", "claims", "evidence", right=("objects",))
    for row in rows:
        claims = Text()
        for outcome in [*STYLES, None]:
            count = sum(claim["outcome"] == outcome for claim in row["claims"])
            if count:
                claims.append(f"{count} {outcome or 'not measured'}\n", STYLES.get(outcome or "", "dim"))
        claims.rstrip()
        checked = {True: "yes", False: "no", None: "?"}[row["cross_checked"]]
        date = Text(row["date"] or "none", "" if row["date"] else "dim")
        if row["stale"]:
            date.append("\nstale", "yellow")
        paper = Text.assemble((row["key"], "bold"), f"\n{row['title']} ({row['year']})")
        shown.add_row(paper, row["family"], str(len(row["provides"])), checked, claims, date)
    screen.show(shown)
    stale = [row for row in rows if row["stale"]]
    for row in stale:
        screen.show(f"{row['key']} is stale, since these changed: {', '.join(row['stale'])}.")
    fresh = sum(row["date"] is not None and not row["stale"] for row in rows)
    screen.show(f"{len(rows)} papers, {fresh} with evidence in {evidence} that is up to date.")
