"""What every page of the site has: head, navigation, theme switch."""

from __future__ import annotations

from importlib.resources import files

from tendsto.report.html import attribute, text
from tendsto.report.theme import LIGHT, page_css


def asset(name: str) -> str:
    """Return a file of the folder of assets."""
    return files("tendsto.report").joinpath("assets", name).read_text(encoding="utf-8")


def stylesheet() -> str:
    """Return the style of all pages; recorded pictures take their colours from it, and so follow the theme."""
    pictures = "".join(f".s-{n}{{stroke:var(--{n})}}.f-{n}{{fill:var(--{n})}}" for n in LIGHT)
    return page_css() + asset("page.css") + asset("site.css") + pictures


def page(title: str, body: str, *, top: str = "../", script: str = "") -> str:
    """Return a whole page. top: the way to the site's folder."""
    places = [("atlas", "index.html"), ("methods", "index.html#methods"), ("problems", "index.html#problems")]
    places += [("theorems", "index.html#theorems"), ("vocabulary", "index.html#vocabulary")]
    links = "".join(f'<a href="{top}{attribute(to)}">{text(name)}</a>' for name, to in places)
    more = f"<script>{script}</script>" if script else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{text(title)} · tendsto</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="{top}site.css"></head>
<body><header><nav aria-label="Site">{links}</nav><button id="theme" type="button" hidden>light / dark</button></header>
<main><h1>{text(title)}</h1>{body}</main><script>{asset("site_theme.js")}</script>{more}</body></html>
"""
