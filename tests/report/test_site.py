"""The site: everything registered has its page, every link leads somewhere, nothing comes from elsewhere."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tendsto.atlas.discover import papers
from tendsto.core import registry
from tendsto.report.site import build
from tendsto.report.site.objects import docstring

ROOT = Path(__file__).parents[2]


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        elif tag in ("link", "script", "img", "iframe"):
            self.loaded += [given[name] for name in ("href", "src") if name in given]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "site"
    build(out, evidence=ROOT / "evidence", docs=ROOT / "docs")
    return out


def test_everything_has_its_page(site: Path) -> None:
    for folder, names in [
        ("paper", papers()),
        ("method", registry.methods()),
        ("problem", registry.problems()),
        ("theorem", registry.guarantees()),
    ]:
        assert {path.stem for path in (site / folder).glob("*.html")} == set(names)
        listed = Links((site / "index.html").read_text()).links
        assert {f"{folder}/{name}.html" for name in names} <= set(listed)


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    read = {path: Links(path.read_text()) for path in site.rglob("*.html")}
    for path, found in read.items():
        assert len(found.ids) == len(set(found.ids)), path
        assert [x for x in found.loaded if re.match(r"(https?:)?//", x)] == []
        for link in found.links:
            if link.startswith("https://"):
                continue
            place, _, anchor = link.partition("#")
            target = (path.parent / place).resolve() if place else path
            assert target in read, f"{path.name} links to {link}"
            assert not anchor or anchor in read[target].ids, f"{path.name} links to {link}"


def test_a_paper_without_evidence_says_so(tmp_path: Path) -> None:
    build(tmp_path / "site", evidence=tmp_path / "none", docs=tmp_path / "none")
    for key in papers():
        page = (tmp_path / "site" / "paper" / f"{key}.html").read_text()
        assert "No evidence is recorded" in page
        assert "The claim holds" not in page


def test_docstrings_are_text() -> None:
    made = docstring("A <script>bad()</script>.\n\n    x <- x - lr * g\n\n>>> 1 < 2\nTrue")
    assert "<script" not in made
    assert "<code>    x &lt;- x - lr * g" in made


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="no site"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_in_a_browser(site: Path) -> None:
    api: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    wrong: list[str] = []
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        names = ("chromium", "chromium-browser", "google-chrome", "chrome")
        found = next((path for name in names if (path := shutil.which(name))), own if Path(own).exists() else None)
        if found is None:
            pytest.skip("no Chromium")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 900})
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for name in ("paper/adam", "method/adam", "problem/quadratic", "vocabulary/index", "index"):
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            # A page of one colour compresses to next to nothing.
            assert len(page.screenshot()) > 20_000, name
        rows = page.locator("#papers ~ * tbody tr:visible")
        every = rows.count()
        assert every == len(papers())
        page.locator("[name=text]").focus()
        page.keyboard.type("cautious")
        assert 1 <= rows.count() < every
        page.locator("[name=text]").fill("")
        page.locator("[name=family]").select_option("probability")
        assert rows.count() == sum(paper.family == "probability" for paper in papers().values())
        before = page.screenshot()
        page.locator("#theme").focus()
        page.keyboard.press("Enter")
        assert page.screenshot() != before
        browser.close()
    assert wrong == []
