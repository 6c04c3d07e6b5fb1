"""The page inside TensorBoard: links, dark mode, new traces, a path before everything."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

from tests.browser.page import Page
from tests.browser.runs import small_trace
from tests.browser.test_views import trace_file


def test_a_link_leads_back_to_the_same_place(page: Page, logdir: Path) -> None:
    name = trace_file(logdir, "cuda")
    page.open("overview", run="cuda", file=name)
    page.click('[data-testid="tab-operators"]')
    page.wait_for_view("operators")
    page.driver.switch_to.default_content()
    link = page.driver.current_url
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(link).fragment)
    assert state["view"] == ["operators"]
    assert state["run"] == ["cuda"]
    page._go(link)
    page.enter()
    assert page.wait_for_view("operators") == "ready"


def test_dark_mode_follows_tensorboard(page: Page, logdir: Path) -> None:
    page.open("overview", run="cpu", file=trace_file(logdir, "cpu"))

    def background() -> str:
        return str(page.driver.execute_script("return getComputedStyle(document.body).backgroundColor"))

    light = background()
    page.driver.execute_script("parent.document.body.classList.add('dark-mode')")
    page.until(lambda: background() != light, "another background")
    page.driver.execute_script("parent.document.body.classList.remove('dark-mode')")
    page.until(lambda: background() == light, "the first background")
    assert page.complaints() == []


def test_a_new_trace_appears_without_a_restart(page: Page, logdir: Path) -> None:
    page.open("overview", run="cpu", file=trace_file(logdir, "cpu"))
    assert "arrived" not in runs_offered(page)
    small_trace(logdir / "arrived" / "later.pt.trace.json.gz")
    try:
        page.until(lambda: "arrived" in runs_offered(page), "the new run")
        page.open("kernels", run="arrived", file="later.pt.trace.json.gz")
        assert page.raw("kernels", "total") == ["20000"]
        small_trace(logdir / "arrived" / "later.pt.trace.json.gz", kernel_us=1234.5)
        page.until(lambda: reopened(page, "kernels", "arrived") == ["1234500"], "the changed trace")
    finally:
        for file in (logdir / "arrived").iterdir():
            file.unlink()
        (logdir / "arrived").rmdir()


def reopened(page: Page, view: str, run: str) -> list[str]:
    page.open(view, run=run, file="later.pt.trace.json.gz")
    return page.raw("kernels", "total")


def runs_offered(page: Page) -> list[str]:
    return page.attributes('[data-testid="run-picker"] option', "value")


def test_below_a_path_everything_is_found(page_below: Page, logdir: Path) -> None:
    assert page_below.address.endswith("/some/where/")
    page_below.open("layers", run="cuda", file=trace_file(logdir, "cuda"))
    assert page_below.raw("layers", "layer")
    assert page_below.complaints() == []
    asked = [url for url in page_below.requests() if "/data/plugin/profiler_kit/" in url]
    assert asked
    assert all("/some/where/data/" in url for url in asked)


def test_two_runs_side_by_side(page: Page, logdir: Path) -> None:
    name, other = trace_file(logdir, "cuda"), trace_file(logdir, "rocm")
    page.open("compare", run="cuda", file=name, other_run="rocm", other_file=other)
    totals = page.until(lambda: page.raw("compare_where", "a"), "the comparison")
    assert all(value.isdecimal() for value in totals)
