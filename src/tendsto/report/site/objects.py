"""A page for every method, problem and theorem."""

from __future__ import annotations

import inspect
import re
from typing import Any

from tendsto.core import spec
from tendsto.report.html import attribute, code_block, describe_list, section, text
from tendsto.report.site.catalog import Catalog, owner_of
from tendsto.report.site.frame import page


def object_pages(catalog: Catalog) -> dict[str, str]:
    """Return the pages of all objects by their place in the site."""
    return {
        f"{kind}/{name}.html": page(name, _body(catalog, kind, name, made))
        for kind, objects in catalog.objects.items()
        for name, made in objects.items()
    }


def _body(catalog: Catalog, kind: str, name: str, made: Any) -> str:
    owner = owner_of(made)
    body = f"<p class=soft>{text(kind)} · <code>{text(spec.qualified_name(owner))}</code></p>"
    try:
        signature = str(inspect.signature(owner)).replace(" -> None", "")
    except (TypeError, ValueError):
        signature = "(...)"
    body += f"<div class=signature>{code_block(owner.__qualname__ + signature)}</div>" + docstring(
        inspect.getdoc(owner) or "Not documented."
    )
    if kind == "theorem":
        facts = {n: getattr(made, n, "") for n in ("statement", "assumes", "measure", "tightness", "mode", "source")}
        body += section("theorem", "The theorem", describe_list((k, _plain(v)) for k, v in facts.items() if v))
        if made.method in catalog.objects["method"]:
            body += f"<p>It speaks of {_links('method', [made.method])}.</p>"
    else:
        body += section("settings", "As registered", code_block(spec.code(made)))
    if kind == "method":
        about = [n for n, g in catalog.objects["theorem"].items() if name in (g.method, getattr(g, "runs", ""))]
        body += section("theorems", "Guarantees", f"<p>{_links('theorem', about) or 'No theorem names it.'}</p>")
    links = [f'<a href="../paper/{attribute(p.key)}.html">{text(p.title)}</a>' for p in catalog.providers(kind, name)]
    items = "".join(f"<li>{link}</li>" for link in links)
    return body + section("papers", "Papers", f"<ul>{items}</ul>" if items else "<p>No card provides it.</p>")


def _links(kind: str, names: list[str]) -> str:
    return ", ".join(f'<a href="../{kind}/{attribute(n)}.html">{text(n)}</a>' for n in names)


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def docstring(doc: str) -> str:
    """Return a docstring as HTML: prose in paragraphs; formulas (indented) and examples as they stand.

    >>> docstring("Purpose.")
    '<p>Purpose.</p>'
    """
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", doc):
        kept = block.startswith((" ", ">>>")) or "\n " in block
        parts.append(code_block(block) if kept else f"<p>{_inline(block)}</p>")
    return "".join(parts).replace("</code></pre><pre><code>", "\n\n")


def _inline(prose: str) -> str:
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", text(prose))
