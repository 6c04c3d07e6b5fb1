"""What a reader does with a view: sorts, filters and saves tables, points at charts, uses the keyboard, sends links."""

from __future__ import annotations

import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import Page
from tests.browser.runs import small_trace
from tests.browser.test_views import trace_file

_TABLES = """
const done = arguments[arguments.length - 1];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const saved = [];
URL.createObjectURL = (blob) => (saved.push(blob), "#");
HTMLAnchorElement.prototype.click = () => undefined;
(async () => {
  const found = [];
  for (const block of document.querySelectorAll("[data-block].pk-table-block")) {
    const table = block.querySelector("table");
    const count = () => Number(table.getAttribute("aria-rowcount")) - 1;
    const rows = () => [...table.querySelectorAll("tbody tr.pk-row")];
    const top = () => rows().filter((row) => (row.getAttribute("aria-level") ?? "1") === "1");
    const one = { block: block.dataset.block, rows: count(), columns: [], filtered: null, csv: 0 };
    const headings = table.querySelectorAll("thead th").length;
    for (let place = 0; place < headings; place += 1) {
      const heading = () => table.querySelectorAll("thead th")[place];
      if (!heading().classList.contains("pk-number")) continue;
      for (let turn = 0; turn < 2; turn += 1) {
        heading().querySelector("button").click();
        const values = top().map((row) => row.children[place].dataset.raw).filter((raw) => raw !== "").map(Number);
        one.columns.push({ sorted: heading().getAttribute("aria-sort"), values });
      }
    }
    block.querySelector('[data-testid^="csv-"]').click();
    one.csv = (await saved.at(-1).text()).trimEnd().split("\\r\\n").length - 1;
    const filter = block.querySelector("input[type=search]");
    const cell = rows()[0]?.querySelector("td[data-raw]:not(.pk-number)");
    if (filter && cell) {
      const word = cell.dataset.raw.split(/\\s+/)[0].replace(/^-/, "");
      filter.value = word;
      filter.dispatchEvent(new Event("input"));
      await wait(150);
      one.filtered = { word, rows: count() };
    }
    found.push(one);
  }
  done(found);
})();
"""


@pytest.mark.parametrize(
    ("run", "views"),
    [
        ("cuda", ("selection", "dense_vs_conv", "operators", "copies_idle", "memory")),
        ("cpu", ("layers", "kernels", "steps")),
    ],
)
def test_every_table_sorts_filters_and_is_saved(page: Page, logdir: Path, run: str, views: tuple[str, ...]) -> None:
    page.open("overview", run=run, file=trace_file(logdir, run))
    seen, filtered = 0, 0
    for view in views:
        page.click(f'[data-testid="tab-{view}"]')
        page.wait_for_view(view)
        for table in page.driver.execute_async_script(_TABLES):
            place = (view, table["block"])
            for column in table["columns"]:
                ordered = sorted(column["values"], reverse=column["sorted"] == "descending")
                assert column["sorted"] in ("ascending", "descending"), place
                assert column["values"] == ordered, place
            assert table["csv"] == table["rows"], place
            if table["filtered"] is not None:
                assert table["filtered"]["rows"] > 0, place
                filtered += 1
            seen += 1
    assert seen >= len(views)
    assert filtered >= 1
    assert page.complaints() == []


@pytest.mark.parametrize(("run", "view"), [("cuda", "dense_vs_conv"), ("cuda", "steps"), ("memory", "memory")])
def test_charts_name_their_units_answer_the_pointer_and_have_a_table(
    page: Page, logdir: Path, run: str, view: str
) -> None:
    from selenium.webdriver import ActionChains

    page.open(view, run=run, file=trace_file(logdir, run))
    drawing = page.one(".pk-chart svg")
    chart = page.one(".pk-chart-block")
    written = page.driver.execute_script(
        "return [...arguments[0].querySelectorAll('text')].map(e => e.textContent)", drawing
    )
    units = ("×", " ms", " µs", " MB", " GB", " s", " kB")
    assert any(text.endswith(units) for text in written), written
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", drawing)

    def told() -> str:
        ActionChains(page.driver).move_to_element_with_offset(drawing, told.at, 20).perform()  # type: ignore[attr-defined]
        told.at = (told.at + 37) % 300  # type: ignore[attr-defined]
        shown = [tip for tip in page.all(".pk-chart .pk-tip") if tip.is_displayed()]
        return shown[0].text if shown else ""

    told.at = -150  # type: ignore[attr-defined]
    assert any(unit in page.until(told, "a tooltip") for unit in units)
    button = chart.find_element("css selector", ".pk-tools button")
    assert button.text == "Show table"
    page.driver.execute_script("arguments[0].click()", button)
    assert page.all("table[role]")


def test_a_link_keeps_zoom_and_selection(page: Page, logdir: Path) -> None:
    page.open("timeline", run="cuda", file=trace_file(logdir, "cuda"))
    canvas = page.one('[data-testid="timeline-canvas"][data-state="ready"]')
    canvas.send_keys("www]f")
    title = page.one(".pk-tl-details h2").text

    def state() -> Any:
        page.driver.switch_to.default_content()
        fragment = urllib.parse.urlsplit(page.driver.current_url).fragment
        page.enter()
        found = urllib.parse.parse_qs(fragment)
        return found if found.get("zoom") == [page.one("canvas").get_attribute("data-zoom")] else None

    link = page.until(state, "the zoom in the address")
    assert link["sel"][0].isdecimal()
    selected = page.one("canvas").get_attribute("data-zoom")
    page.open("timeline", run="cuda", file=trace_file(logdir, "cuda"), zoom=link["zoom"][0], sel=link["sel"][0])
    canvas = page.one('[data-testid="timeline-canvas"][data-state="ready"]')
    assert page.one(".pk-tl-details h2").text == title
    assert canvas.get_attribute("data-zoom") == selected


def test_tensorboards_reload_button_finds_new_traces_at_once(page: Page, logdir: Path) -> None:
    page.open("overview", run="cpu", file=trace_file(logdir, "cpu"))
    # A page that is not looked at does not poll: what comes then comes by TensorBoard's word.
    page.driver.execute_script("Object.defineProperty(document, 'hidden', {get: () => true})")
    small_trace(logdir / "reloaded" / "new.pt.trace.json.gz")
    try:
        time.sleep(2.1)  # a listing on the server's side is kept for two seconds
        page.driver.switch_to.default_content()
        page.click('[aria-label="Reload data"], button[title*="Last Updated"], .reload-button')
        page.enter()
        page.until(lambda: "reloaded" in page.attributes('[data-testid="run-picker"] option', "value"), "the new run")
    finally:
        (logdir / "reloaded" / "new.pt.trace.json.gz").unlink()
        (logdir / "reloaded").rmdir()


def test_the_keyboard_reaches_everything(page: Page, logdir: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    page.open("overview", run="cuda", file=trace_file(logdir, "cuda"))
    page.one('[data-testid="tab-overview"]').send_keys(Keys.ARROW_DOWN)
    assert page.wait_for_view("layers") == "ready"
    page.one('[data-testid="tab-layers"]').send_keys(Keys.ARROW_DOWN)
    assert page.wait_for_view("selection") == "ready"
    reached: dict[str, str] = {}
    script = """
        const at = document.activeElement, style = getComputedStyle(at);
        const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        const row = at.matches("tr") && getComputedStyle(at.firstElementChild).boxShadow !== "none";
        const name = at.getAttribute("aria-label") || at.textContent.slice(0, 20) || at.id;
        return [at.matches("tr") ? "row" : name, ring || row];
    """
    for _ in range(40):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        name, ring = page.driver.execute_script(script)
        reached[name] = ring
        if name == "row":
            break
    assert "Download the shown rows as CSV" in reached
    assert "row" in reached
    assert all(reached.values()), reached
    ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    page.one(".pk-panel")
