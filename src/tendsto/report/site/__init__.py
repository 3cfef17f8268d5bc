"""The atlas and the manual as pages that open from disk: what is registered and recorded has its page, nothing else.

`build` reads the registries, the cards, the recorded evidence and the pages of the vocabulary, and writes one folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tendsto.report.site.catalog import Catalog
from tendsto.report.site.frame import stylesheet
from tendsto.report.site.manual import gallery_pages, vocabulary_pages
from tendsto.report.site.objects import object_pages
from tendsto.report.site.papers import MANUAL, index_page, paper_page

__all__ = ["build"]

_MARK = "site.css"
_FOLDERS = ("paper", "method", "problem", "theorem", "vocabulary", "gallery")


def build(out: Path, *, evidence: Path = Path("evidence"), docs: Path = Path("docs")) -> list[Path]:
    """Write the whole site into the folder `out`, in place of an earlier one, and return the pages.

    evidence: the folder of recorded evidence; a paper without any has a page that says so.
    docs: the folder that holds `vocabulary/*.md` and `gallery.md`; without it the site has no manual.

    Raises:
        ValueError: `out` holds something that is no site.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / _MARK).exists())):
        raise ValueError(f"{str(out)!r} holds something that is no site: name a folder that is new or empty")
    for folder in _FOLDERS:
        shutil.rmtree(out / folder, ignore_errors=True)
    catalog = Catalog.load(evidence)
    pages = {f"paper/{key}.html": paper_page(catalog, key) for key in catalog.papers}
    pages |= object_pages(catalog) | vocabulary_pages(docs) | gallery_pages(docs)
    pages["index.html"] = index_page(catalog, manual=[name for name in MANUAL if f"{name}/index.html" in pages])
    written: list[Path] = []
    for name, page in {_MARK: stylesheet(), **pages}.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        written.append(path)
    return written[1:]
