"""tendsto check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tendsto.cli import CLAIM_FAILS, names, screen
from tendsto.cli.interrupt import interruptible
from tendsto.cli.race import STORE

if TYPE_CHECKING:
    from tendsto.atlas.record import Measured

EXAMPLE = """\
  tendsto check cautious            every claim of one paper, with its control
  tendsto check cautious --smoke    the whole path in seconds, no evidence
  tendsto check all --record --processes 2    every paper, two claims at once
"""
EVIDENCE = "evidence"
STYLES = {"holds": "green", "fails": "bold red", "inconclusive": "yellow"}


def command(
    keys: Annotated[list[str], typer.Argument(help="Papers, or all.", autocompletion=names.complete_papers)],
    record: Annotated[bool, typer.Option("--record", help="Keep the evidence.")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="Walk the whole path in seconds.")] = False,
    claim: Annotated[str | None, typer.Option(help="Measure this claim alone.")] = None,
    evidence: Annotated[Path, typer.Option(help="Folder of recorded evidence.")] = Path(EVIDENCE),
    store: Annotated[Path, typer.Option(help="Folder of finished cells.")] = Path(STORE),
    processes: Annotated[int, typer.Option(help="Claims measured at once.", min=1)] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Measure again what papers claim, each claim beside its control. Exit code 1 if a claim fails."""
    if record and (smoke or claim):
        raise ValueError("evidence is whole and at full scale: leave out --record, or --smoke and --claim")
    from tendsto.atlas.discover import files, paper

    listed = sorted(files()) if "all" in keys else list(dict.fromkeys(keys))
    unknown = next((key for key in listed if key not in files()), None)
    if unknown is not None:
        raise ValueError(f"no paper is called {unknown!r}; {names.nearest(unknown, files())}")
    cards = list(map(paper, listed))
    for card in cards:
        own = [item.name for item in card.claims]
        if claim is not None and claim not in own:
            raise ValueError(f"{card.key} has no claim {claim!r}; {names.nearest(claim, own)}")
    from tendsto.atlas.measure import measure
    from tendsto.atlas.record import write
    from tendsto.store import Store

    measured: list[Measured] = []

    def tell(found: Measured) -> None:
        measured.append(found)
        if not json:
            _show(found)
        if record:
            path = write(found, evidence)
            if not json:
                screen.show(f"The evidence is in {path}.", "")

    scale = "smoke" if smoke else "full"
    kept = f"what was finished is kept in {store}, and the same command resumes"
    with interruptible(lambda: kept), screen.Screen("check", quiet=json) as bar:
        measure(cards, tell, claim=claim, scale=scale, store=Store(store), processes=processes, tell=bar)
    if json:
        screen.show_json([item.plain() for item in measured])
    else:
        _summary(measured)
    return CLAIM_FAILS if any(f.outcome == "fails" for item in measured for f in item.findings) else 0


def _show(found: Measured) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    card = found.paper
    scale = "" if found.scale == "full" else ", smoke: not evidence"
    screen.show(Text.assemble((card.key, "bold"), f"  {card.title} ({card.year}){scale}"))
    if card.note:
        screen.show(Padding(card.note, (0, 0, 0, 2)))
    for finding, seconds in zip(found.findings, found.seconds, strict=True):
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, min_width=12)
        grid.add_column(overflow="fold")
        outcome = Text(finding.outcome, STYLES[finding.outcome])
        grid.add_row(outcome, Text.assemble((finding.claim.name, "bold"), f": {finding.claim.sentence}"))
        if finding.evidence is None or finding.control is None:
            grid.add_row("  error", finding.reason)
        else:
            for part in finding.evidence.parts:
                grid.add_row("  measured", part.sentence())
            grid.add_row("  control", f"{finding.claim.control_sentence}: {finding.control.sentence()}")
            meant = (
                "satisfied too, so the claim measures nothing"
                if finding.control.outcome == "holds"
                else "not satisfied"
            )
            grid.add_row("", f"{meant}, as it must be" if finding.control.outcome != "holds" else meant)
        if finding.claim.paper_reports:
            grid.add_row("  paper", finding.claim.paper_reports)
        grid.add_row("  cost", screen.duration(seconds))
        screen.show(Padding(grid, (1, 0, 0, 2)))
    screen.show("")


def _summary(measured: list[Measured]) -> None:
    outcomes = [finding.outcome for item in measured for finding in item.findings]
    told = ", ".join(f"{outcomes.count(o)} {o}" for o in STYLES if o in outcomes)
    screen.show(f"{len(outcomes)} claim{'s' * (len(outcomes) != 1)}: {told or 'none'}.")
