"""The pages of the vocabulary and of the gallery, from Markdown; the gallery's races as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

from tendsto.report.site.frame import page


def vocabulary_pages(docs: Path) -> dict[str, str]:
    """Return the pages under `docs/vocabulary` by their place in the site; its index is `docs/vocabulary.md`."""
    sources = {path.stem: path for path in sorted((docs / "vocabulary").glob("*.md"))}
    if (docs / "vocabulary.md").exists():
        sources["index"] = docs / "vocabulary.md"
    return {f"vocabulary/{name}.html": _page(path.read_text(encoding="utf-8")) for name, path in sources.items()}


def gallery_pages(docs: Path) -> dict[str, str]:
    """Return the reports under `docs/gallery` by their place in the site; their index is `docs/gallery.md`."""
    if not (docs / "gallery.md").exists():
        return {}
    reports = {f"gallery/{path.name}": path.read_text(encoding="utf-8") for path in (docs / "gallery").glob("*.html")}
    return {"gallery/index.html": _page((docs / "gallery.md").read_text(encoding="utf-8")), **reports}


def _page(markdown: str) -> str:
    head, _, rest = markdown.partition("\n")
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(rest)
    # What links files of the docs to each other links pages of the site to each other.
    html = re.sub(r'href="(?:vocabulary/)?([\w-]+)\.md', r'href="\1.html', html.replace("../vocabulary.md", "index.md"))
    html = html.replace('href="gallery/', 'href="')
    return page(head.removeprefix("# ").strip(), html)
