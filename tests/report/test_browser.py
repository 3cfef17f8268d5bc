"""The page in a real browser: every switch does something, the keyboard works, nothing is fetched, no error."""

from __future__ import annotations

import csv
import io
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tendsto.core.race import race
from tendsto.report import race_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CURVES = 'figure[data-figure="curves"]'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = next((path for name in NAMES if (path := shutil.which(name))), own if Path(own).exists() else None)
        if found is None:
            pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on the path, and playwright has none of its own")
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open a race's page; at the end nothing may have gone wrong or been fetched."""
    contexts, wrong, asked = [], [], []

    def visit(result: Any, **options: Any) -> Any:
        path = race_page(result, tmp_path / "race.html", guarantees=options.pop("guarantees", None))
        context = browser.new_context(viewport={"width": options.pop("width", 1280), "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("figure .line", state="attached")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def quadratic() -> Any:
    return race("quadratic", ["gd", "nesterov", "adam"], steps=60, seeds=3, tune={"lr": [0.1, 0.5, 1.0]})


def drawn(page: Any, figure: str = CURVES) -> str:
    return page.locator(f"{figure} .plot svg").evaluate("svg => svg.outerHTML")


def choose(page: Any, setting: str, value: str) -> None:
    page.locator(f'{CURVES} label:has([data-set="{setting}"][value="{value}"])').click()


def test_each_switch_redraws(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    assert "iterations" in drawn(page)
    for setting, value in [("x", "calls"), ("x", "seconds"), ("logx", "log"), ("logy", "linear"), ("show", "runs")]:
        before = drawn(page)
        choose(page, setting, value)
        assert drawn(page) != before, f"{setting} = {value} changed nothing"
    assert ">seconds (log)<" in drawn(page)
    assert page.locator(f"{CURVES} .run").count() == 9
    assert page.locator(f"{CURVES} .band").count() == 0
    assert "batches of up to" in page.locator(f"{CURVES} figcaption").inner_text()
    choose(page, "show", "mean")
    assert page.locator(f"{CURVES} .band").count() == 3
    page.select_option(f'{CURVES} [data-set="y"]', "||grad f||^2")
    assert "||grad f||^2" in drawn(page)


def test_bounds_and_fitted_laws_can_be_laid_over(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    over = page.locator(f"{CURVES} .over")
    bounds = over.count()
    assert bounds >= 1
    page.get_by_label("fitted laws").check()
    assert over.count() > bounds
    page.get_by_label("theory bounds").uncheck()
    page.get_by_label("fitted laws").uncheck()
    assert over.count() == 0


def test_bands_say_what_they_are(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    caption = page.locator(f"{CURVES} [data-words]")
    assert "bands 95 % Student intervals of the geometric mean" in caption.inner_text()
    choose(page, "logy", "linear")
    assert "Lines are means over 3 seeds, bands 95 % Student intervals of the mean." in caption.inner_text()


def test_the_legend_hides_and_shows(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    lines, first = page.locator(f"{CURVES} .line"), page.locator(f"{CURVES} .legend button").first
    first.click()
    assert lines.count() == 2
    assert first.get_attribute("aria-pressed") == "false"
    page.locator(f"{CURVES} .legend .all", has_text="none").click()
    assert lines.count() == 0
    assert "No method is shown" in drawn(page)
    page.locator(f"{CURVES} .legend .all", has_text="all").click()
    assert lines.count() == 3


def test_the_keyboard_reads_values_and_turns_switches(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    page.locator(f"{CURVES} .plot").focus()
    page.keyboard.press("End")
    best = quadratic.tuned("nesterov")
    spoken = page.locator(f"{CURVES} [aria-live]")
    assert spoken.inner_text().startswith("iterations 60")
    assert best.name in spoken.inner_text()
    page.keyboard.press("ArrowLeft")
    assert spoken.inner_text().startswith("iterations 59")
    page.keyboard.press("Escape")
    assert spoken.inner_text() == ""
    page.locator(f'{CURVES} [data-set="x"][value="iteration"]').focus()
    page.keyboard.press("ArrowRight")
    assert ">oracle calls<" in drawn(page)
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert page.locator("html").get_attribute("data-theme") == "light"


def test_everything_that_acts_can_be_reached_by_tab(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(document.activeElement.dataset.set || document.activeElement.dataset.do || '')"))
        reached.add(page.evaluate("document.activeElement.className"))
    assert {"x", "y", "logx", "logy", "show", "over", "csv", "svg", "plot"} <= reached


def test_the_pointer_reads_values(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    page.locator(f"{CURVES} .plot").scroll_into_view_if_needed()
    box = page.locator(f"{CURVES} .plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    readout = page.locator(f"{CURVES} .readout")
    assert readout.is_visible()
    assert {"gd", "nesterov", "adam"} <= set(readout.inner_text().replace("■", " ").split())


def test_themes(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.locator("#theme").click()
    light = page.evaluate(paper)
    assert light == "rgb(255, 255, 255)" != dark
    page.locator("#theme").click()
    assert page.evaluate(paper) == dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == dark
    page.locator("#theme").click()
    assert page.evaluate(paper) == light


def download(page: Any, figure: str, kind: str) -> str:
    with page.expect_download() as got:
        page.locator(f'{figure} [data-do="{kind}"]').click()
    assert got.value.suggested_filename.endswith(f".{kind}")
    return Path(got.value.path()).read_text(encoding="utf-8")


def test_downloads_hold_what_is_drawn(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    choose(page, "logy", "linear")
    rows = list(csv.DictReader(io.StringIO(download(page, CURVES, "csv"))))
    trace = quadratic.tuned("gd").trace
    mine = [row for row in rows if row["method"] == "gd"]
    assert [float(row["iterations"]) for row in mine] == trace.index.tolist()
    assert [float(row["f(x) - f* (mean)"]) for row in mine] == pytest.approx(
        trace.gap().mean(axis=0).tolist(), rel=1e-5
    )
    svg = download(page, CURVES, "svg")
    assert "var(" not in svg
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"


def test_there_is_a_table_behind_each_figure(visit: Any, quadratic: Any) -> None:
    page = visit(quadratic)
    figures = page.locator("figure")
    assert figures.count() == 3
    for i in range(3):
        figures.nth(i).locator("summary").click()
        figures.nth(i).locator("details td").first.wait_for()
    assert page.locator(f"{CURVES} details tbody tr").count() == 61
    choose(page, "x", "seconds")
    assert "seconds" in page.locator(f"{CURVES} details thead").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_25_methods_fit_and_the_best_eight_are_shown_first(visit: Any, make_race: Any, width: int) -> None:
    page = visit(make_race({f"a rather long name of method {i}": 1 + i / 10 for i in range(25)}), width=width)
    assert page.locator(f"{CURVES} .line").count() == 8
    page.locator(f"{CURVES} .legend .all", has_text="all").click()
    assert page.locator(f"{CURVES} .line").count() == 25
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "case",
    [
        {"scales": {"a": 1.0, "b": 2.0}, "diverged": {"b": range(5)}},
        {"scales": {"a": 1.0, "b": 2.0}, "diverged": {"a": range(5), "b": range(5)}},
        {"scales": {"a": 1.0, "b": 2.0}, "target": -1.0},
        {"scales": {"only": 1.0}, "seeds": 1},
        {"scales": {"a": 1.0, "b": 2.0}, "shift": 7.0, "optimum": 7.0},
    ],
    ids=["one diverged", "all diverged", "never reached", "one seed, one method", "optimum known"],
)
def test_hard_cases_draw_without_an_error(visit: Any, make_race: Any, case: dict[str, Any]) -> None:
    page = visit(make_race(**case))
    assert page.locator(f"{CURVES} .line").count() == len(case["scales"])
    assert "NaN" not in "".join(page.locator(".plot").evaluate_all("boxes => boxes.map(b => b.innerHTML)"))
    lost = sum(len(list(runs)) > 0 for runs in case.get("diverged", {}).values())
    assert page.locator(f"{CURVES} .lost").count() == lost


def test_negative_values_offer_no_log_axis(visit: Any, make_race: Any) -> None:
    page = visit(make_race({"a": 1.0, "b": 2.0}, shift=-3.0))
    assert page.locator(f'{CURVES} [data-set="logy"][value="log"]').is_disabled()
    assert page.locator(f'{CURVES} [data-set="logy"][value="linear"]').is_checked()
    page.select_option(f'{CURVES} [data-set="y"]', "accuracy")
    assert page.locator(f'{CURVES} [data-set="logy"][value="log"]').is_enabled()


def test_labels_are_text(visit: Any, make_race: Any) -> None:
    evil = "<img src=x onerror=\"document.title='broken'\">"
    page = visit(make_race({evil: 1.0, "b": 2.0}))
    page.locator(f"{CURVES} summary").click()
    page.locator(f"{CURVES} .plot").focus()
    page.keyboard.press("End")
    assert page.title() != "broken"
    assert page.locator("img").count() == 0
    assert evil in page.locator(f"{CURVES} .legend").inner_text()


def test_without_scripts_there_is_a_still_picture(visit: Any, browser: Any, quadratic: Any, tmp_path: Path) -> None:
    visit(quadratic)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "race.html").as_uri())
    assert page.locator(f"{CURVES} .plot svg path").count() > 10
    context.close()
