"""check_paper: what every card of the atlas must satisfy before its claims mean anything."""

from __future__ import annotations

import importlib
from typing import Any

from tendsto.core.paper import Finding, Lab, Paper
from tendsto.core.spec import qualified_name


def check_paper(paper: Paper, *, run: bool = True) -> list[Finding]:
    """Check that a card is complete, and that its claims walk their whole path at smoke scale; return the findings.

    - It has a title, a year, a place to read it, and at least one claim.
    - Every object that it provides is public: importable by its name, with a docstring and an example.
    - Every claim is a sentence with a control that says what was removed or reversed.
    - Claim and control run to the end at smoke scale. What they find there is not judged.

    Raises:
        AssertionError: one of these fails; the message is a sentence.
    """

    def say(ok: Any, sentence: str) -> None:
        if not ok:
            raise AssertionError(f"{paper.key}: {sentence}")

    say(paper.title and paper.year and paper.link, "its card lacks a title, a year or a place to read it")
    say(paper.provides, "it provides no public object")
    for item in paper.provides:
        name = qualified_name(item)
        found = getattr(importlib.import_module(item.__module__), item.__qualname__, None)
        say(found is item, f"{name} cannot be imported by its name")
        say(">>>" in (item.__doc__ or ""), f"{name} has no docstring with an example")
    say(paper.claims, "it makes no claim")
    say(len({claim.name for claim in paper.claims}) == len(paper.claims), "two of its claims share a name")
    findings: list[Finding] = []
    for claim in paper.claims:
        say(claim.sentence[:1].isupper() and " " in claim.sentence, f"the claim {claim.name!r} is no sentence")
        say(claim.control_measure and claim.control_sentence, f"the claim {claim.name!r} has no control")
        if run:
            finding = claim.run(Lab(scale="smoke"))
            say(not finding.error, f"the claim {claim.name!r} does not run: {finding.error}")
            findings.append(finding)
    return findings
