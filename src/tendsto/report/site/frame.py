"""What every page of the site has: head, navigation, theme switch."""

from __future__ import annotations

from importlib.resources import files

from tendsto.report.html import attribute, text
from tendsto.report.theme import LIGHT, page_css

_CSS = """
body{padding-bottom:60px}main{display:block}header nav{display:flex;flex-wrap:wrap;gap:4px 18px}
button{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:3px 12px}
h3{font-size:17px;margin:34px 0 6px}pre{max-width:100%}main code{overflow-wrap:anywhere}pre code{overflow-wrap:normal}
.pill{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 10px;font-size:13px;margin:1px 4px 1px 0}
.holds{color:var(--c2)}.fails{color:var(--c1)}.inconclusive,.stale{color:var(--c6)}.none{color:var(--soft)}
.filter{display:flex;flex-wrap:wrap;gap:10px 18px;margin:14px 0}.filter label{display:grid;font-size:13px;color:var(--soft)}
.filter input,.filter select{font:inherit;font-size:16px;color:var(--ink);background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:5px 8px;max-width:100%}
.claim{border-top:1px solid var(--line);margin-top:28px}.picture svg{max-width:100%;height:auto}
.picture text{font-family:system-ui,sans-serif;font-size:13px}ul.names{columns:13em;padding-left:20px}
"""
_SCRIPT = """(()=>{const r=document.documentElement,b=document.getElementById('theme');
try{const t=localStorage.getItem('tendsto-theme');if(t)r.dataset.theme=t}catch{}
b.hidden=false;b.onclick=()=>{const d=r.dataset.theme?r.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;
r.dataset.theme=d?'light':'dark';try{localStorage.setItem('tendsto-theme',r.dataset.theme)}catch{}}})()"""


def stylesheet() -> str:
    """Return the style of all pages; recorded pictures take their colours from it, and so follow the theme."""
    base = files("tendsto.report").joinpath("assets", "page.css").read_text(encoding="utf-8")
    pictures = "".join(f".s-{n}{{stroke:var(--{n})}}.f-{n}{{fill:var(--{n})}}" for n in LIGHT)
    return page_css() + base + _CSS + pictures


def page(title: str, body: str, *, top: str = "../", script: str = "") -> str:
    """Return a whole page. top: the way to the site's folder."""
    places = [("atlas", "index.html"), ("methods", "index.html#methods"), ("problems", "index.html#problems")]
    places += [("theorems", "index.html#theorems"), ("vocabulary", "index.html#vocabulary")]
    links = "".join(f'<a href="{top}{attribute(to)}">{text(name)}</a>' for name, to in places)
    more = f"<script>{script}</script>" if script else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{text(title)} · tendsto</title><link rel="icon" href="data:,"><link rel="stylesheet" href="{top}site.css"></head>
<body><header><nav aria-label="Site">{links}</nav><button id="theme" type="button" hidden>light / dark</button></header>
<main><h1>{text(title)}</h1>{body}</main><script>{_SCRIPT}</script>{more}</body></html>
"""
