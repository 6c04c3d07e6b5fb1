"""Names made to do harm, in the plugin and in the HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiler_kit.cli import main
from profiler_kit.report.page import VIEWS
from tests.browser.page import Page
from tests.browser.runs import hostile

VIEW_IDS = [view.id for view in VIEWS if view.id not in ("ranks", "memory")]


@pytest.fixture(scope="session")
def html_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("html")
    file = directory / "page.html"
    assert main(["report", str(hostile(directory / "worker.pt.trace.json")), "--format", "html", "-o", str(file)]) == 0
    return file


def test_names_stay_text_in_tensorboard(page: Page) -> None:
    page.open("overview", run="hostile <b>run", file="worker<i>.pt.trace.json")
    look_at_every_view(page, VIEW_IDS)


def test_names_stay_text_in_the_file(browser: Any, html_file: Path) -> None:
    page = Page(browser, html_file.as_uri())
    page.open("overview")
    look_at_every_view(page, [view for view in VIEW_IDS if view != "compare"])
    assert page.external_requests() == []


def look_at_every_view(page: Page, views: list[str]) -> None:
    shown = ""
    for view in views:
        page.click(f'[data-testid="tab-{view}"]')
        assert page.wait_for_view(view) != "error", page.text()[:2000]
        shown += page.text()
        harm = page.driver.execute_script(
            "return [document.querySelectorAll('img[src=x], i, b').length,"
            " [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/i.test(a.name))).length]"
        )
        assert harm == [0, 0], view
    assert "owned" not in str(page.driver.title)
    assert "<img src=x onerror" in shown
    assert "\u202e" not in shown
    assert "\u2066" not in shown
    assert page.complaints() == []
    assert page.external_requests() == []


def test_the_file_shows_what_the_report_says(browser: Any, shared: Path, tmp_path: Path) -> None:
    import profiler_kit

    trace = shared / "traces" / "h100_vit_falconsai_bf16.pt.trace.json.gz"
    file = tmp_path / "page.html"
    assert main(["report", str(trace), "--format", "html", "-o", str(file)]) == 0
    page = Page(browser, file.as_uri()).open("operators")
    report = profiler_kit.make_report(profiler_kit.read_trace(trace))
    expected = [str(ns) for ns in report.operators.table["device_self_ns"][:5]]
    assert page.raw("operators", "device_self")[:5] == expected
    page.click('[data-testid="tab-timeline"]')
    page.wait_for_view("timeline")
    assert page.one('[data-testid="timeline-canvas"][data-state="ready"]')
    assert page.complaints() == []
    assert page.external_requests() == []
