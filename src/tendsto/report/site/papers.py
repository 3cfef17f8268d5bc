"""The table of the atlas, and a page for every paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tendsto.core.paper import Claim
from tendsto.report.html import attribute, describe_list, paragraph, section, table, text
from tendsto.report.site.catalog import Catalog, owner_of
from tendsto.report.site.frame import asset, page

MANUAL = {
    "vocabulary": "The ten words, with examples",
    "gallery": "Races worth looking at, each with the command that ran it",
}
_WORDS = {
    "holds": "The claim holds",
    "fails": "The claim fails",
    "inconclusive": "The measurement is inconclusive",
    "none": "Not measured: there is no recorded evidence for this claim",
}


def index_page(catalog: Catalog, *, manual: Sequence[str]) -> str:
    """Return the first page: what tendsto answers, the table of papers, and lists of all else.

    manual: the parts of `MANUAL` that are there.
    """
    families = sorted({paper.family for paper in catalog.papers.values()})
    body = paragraph(
        "Does a method converge, how fast, and does theory agree? Every paper below is a card with claims that were "
        "fixed before measuring, each beside a control that must not satisfy it. Failures are listed like successes.",
        "answer",
    )
    choices = {"family": families, "outcome": ["holds", "fails", "inconclusive", "none", "stale"]}
    picks = "".join(
        f'<label>{name}<select name="{name}"><option value="">all</option>'
        + "".join(f"<option>{text(o)}</option>" for o in options)
        + "</select></label>"
        for name, options in choices.items()
    )
    form = f'<form class="filter" hidden><label>text<input name="text" type="search"></label>{picks}</form>'
    rows = [_row(catalog, key) for key in catalog.papers]
    head = ("paper", "family", "claims", "outcomes", "evidence")
    atlas = form + '<p id="count" class="soft" aria-live="polite"></p>' + table(head, rows, narrow={1, 2, 4})
    body += section("papers", "Atlas", atlas)
    for kind, objects in catalog.objects.items():
        items = "".join(f'<li><a href="{kind}/{attribute(n)}.html">{text(n)}</a></li>' for n in objects)
        body += section(f"{kind}s", f"{kind.capitalize()}s", f'<ul class="names">{items}</ul>')
    for name, what in MANUAL.items():
        link = f'<p><a href="{name}/index.html">{what}</a></p>' if name in manual else "<p>Not built.</p>"
        # Every page leads to the vocabulary; a gallery without a race is not spoken of.
        if name in manual or name == "vocabulary":
            body += section(name, name.capitalize(), link)
    return page("tendsto", body, top="", script=asset("site_filter.js"))


def _row(catalog: Catalog, key: str) -> list[str]:
    paper, recorded = catalog.papers[key], catalog.evidence.get(key)
    found = [_found(catalog, key, claim) for claim in paper.claims]
    outcomes = [item["outcome"] if item else "none" for item in found]
    pills = "".join(
        f'<span class="pill {o}">{outcomes.count(o)} {"not measured" if o == "none" else o}</span>'
        for o in _WORDS
        if o in outcomes
    )
    stale = bool(catalog.stale.get(key))
    kinds = " ".join([*sorted(set(outcomes)), *(["stale"] if stale else [])])
    link = (
        f'<a href="paper/{attribute(key)}.html" data-family="{attribute(paper.family)}" data-outcomes="{kinds}">'
        f"{text(paper.title)}</a> ({paper.year})"
    )
    state = '<span class="stale">stale</span>' if stale else "current"
    date = f"{text(recorded['date'])}<br>{state}" if recorded else '<span class="none">none</span>'
    return [link, text(paper.family), str(len(paper.claims)), pills or '<span class="none">no claims</span>', date]


def _found(catalog: Catalog, key: str, claim: Claim) -> dict[str, Any] | None:
    claims = catalog.evidence.get(key, {"claims": []})["claims"]
    return next((item for item in claims if item["name"] == claim.name), None)


def paper_page(catalog: Catalog, key: str) -> str:
    """Return the page of one paper."""
    paper, recorded = catalog.papers[key], catalog.evidence.get(key)
    body = f"<p class=soft>{text(paper.authors or 'Authors not noted')}, {paper.year} · {text(paper.family)}"
    body += f' · <a href="{attribute(paper.link)}">{text(paper.link)}</a></p>' if paper.link else "</p>"
    body += paragraph(paper.note) if paper.note else ""
    if recorded is None:
        body += paragraph("No evidence is recorded for this paper: none of its claims has been measured.", "fails")
    elif changes := catalog.stale[key]:
        body += paragraph(f"The evidence is stale: changed since are {', '.join(changes)}.", "stale")
    else:
        body += paragraph("The evidence is current: no source that it came from has changed since.")
    provided = "".join(f"<li>{_provided(catalog, item)}</li>" for item in paper.provides)
    body += section("provides", "What it provides", f"<ul>{provided}</ul>" if provided else "<p>Nothing.</p>")
    body += section(
        "claims", "Claims", "".join(_claim(catalog, key, claim) for claim in paper.claims) or "<p>None.</p>"
    )
    if recorded:
        facts = {"date": recorded["date"], "cost": f"{recorded['seconds']:.0f} s", **recorded["where"]}
        body += section("made", "How it was measured", describe_list((k, str(v)) for k, v in facts.items()))
    return page(paper.title, body)


def _provided(catalog: Catalog, item: Any) -> str:
    links = [f'<a href="../{k}/{attribute(n)}.html">{text(n)}</a> ({k})' for k, n in catalog.pages_of(item)]
    return f"<code>{text(owner_of(item).__qualname__)}</code>" + (f": {', '.join(links)}" if links else "")


def _claim(catalog: Catalog, key: str, claim: Claim) -> str:
    found = _found(catalog, key, claim)
    outcome = found["outcome"] if found else "none"
    body = f'<p><b class="{outcome}">{_WORDS[outcome]}.</b></p>'
    if claim.paper_reports:
        body += paragraph(f"The paper reports: {claim.paper_reports}")
    if found and found["evidence"]:
        body += _figures("measured", found["evidence"])
    elif found:
        body += paragraph(found["reason"], "fails")
    body += paragraph(f"Control, which must not satisfy it: {claim.control_sentence or 'none'}.")
    if found:
        if found["sentence"] != claim.sentence or found["control"]["sentence"] != claim.control_sentence:
            recorded = f"{found['sentence']}; control: {found['control']['sentence']}"
            body += paragraph(f"The wording has changed; when measured it was: {recorded}", "stale")
        if "parts" in found["control"]:
            body += _figures("control", found["control"])
        body += _picture(catalog, claim.name, found.get("picture"))
        seeds = ", ".join(map(str, found["seeds"])) or "not recorded"
        body += paragraph(f"Seeds: {seeds}. Cost: {found['seconds']:.1f} s.", "soft")
    return f'<div class="claim"><h3 id="{attribute(claim.name)}">{text(claim.sentence)}</h3>{body}</div>'


def _figures(name: str, evidence: dict[str, Any]) -> str:
    rows = [
        [text(p["what"] or "measured"), _number(p["value"]), _interval(p), text(_asked(p)), str(p["runs"] or "exact")]
        for p in evidence["parts"]
    ]
    more = [(str(k), _plain(v)) for k, v in evidence["figures"].items()]
    return table((name, "figure", "interval", "asked", "runs"), rows) + (describe_list(more) if more else "")


def _asked(part: dict[str, Any]) -> str:
    asked = [f"{word} {_number(part[k])}" for k, word in (("at_least", "at least"), ("at_most", "at most"))
             if part[k] is not None]  # fmt: skip
    return " and ".join(asked)


def _interval(part: dict[str, Any]) -> str:
    return "" if part["low"] == part["high"] else f"{_number(part['low'])} to {_number(part['high'])}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else text(str(value))


def _plain(value: Any) -> str:
    if isinstance(value, dict) and {"value", "low", "high"} <= set(value):
        return f"{_number(value['value'])} [{_number(value['low'])}, {_number(value['high'])}]"
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _picture(catalog: Catalog, name: str, file: str | None) -> str:
    path = catalog.folder / file if file else None
    if path is None:
        return ""
    if not path.exists():
        return paragraph(f"The recorded picture {file} is missing.", "fails")
    drawn = re.sub(r"<style>.*?</style>|<\?xml.*?\?>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    return f'<div class="picture scroll" tabindex="0" role="region" aria-label="Figure">{drawn}</div>'
