"""Every view on runs of every class, with the figures of the Python report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import profiler_kit
from profiler_kit.report.page import VIEWS
from tests.browser.page import Page

VIEW_IDS = [view.id for view in VIEWS]


def trace_file(logdir: Path, run: str) -> str:
    files = sorted(file.name for file in (logdir / run).glob("*.json*")) if (logdir / run).is_dir() else []
    if not files:
        pytest.skip(f"the shared traces of the run {run} are not here")
    return files[0]


@pytest.mark.parametrize(
    ("run", "lacking"),
    [
        ("cuda", {"ranks"}),
        ("rocm", {"ranks"}),
        ("memory", {"layers", "ranks"}),
        ("cpu", {"copies_idle", "memory", "ranks"}),
        ("ranks", {"layers", "memory", "dense_vs_conv"}),
        ("empty", set(VIEW_IDS) - {"overview", "compare"}),
    ],
)
def test_every_view_is_there_or_says_what_to_record(page: Page, logdir: Path, run: str, lacking: set[str]) -> None:
    page.open("overview", run=run, file=trace_file(logdir, run))
    assert page.tabs() == VIEW_IDS
    missing = set()
    for view in VIEW_IDS:
        page.click(f'[data-testid="tab-{view}"]')
        state = page.wait_for_view(view)
        assert state != "error", page.text()
        if state == "missing":
            missing.add(view)
            assert "ecord" in page.text()
        if view == "timeline" and state == "ready":
            assert page.one('[data-testid="timeline-canvas"][data-state="ready"]')
        if folder := os.environ.get("PROFILER_KIT_SCREENSHOTS"):
            page.screenshot(Path(folder) / f"{run}-{view}.png")
    assert missing - {"compare"} == lacking  # which waits for a second run to be chosen
    assert page.complaints() == []
    assert page.external_requests() == []


def test_figures_are_those_of_the_report(page: Page, logdir: Path) -> None:
    name = trace_file(logdir, "cuda")
    report = profiler_kit.make_report(profiler_kit.read_trace(logdir / "cuda" / name))
    page.open("overview", run="cuda", file=name)
    shown = page.attributes('[data-block="where"] td[data-raw]', "data-raw")
    assert str(report.breakdown.total_ns) in shown
    for part, ns in zip(report.breakdown.table["part"], report.breakdown.table["ns"], strict=True):
        assert shown[shown.index(part) + 1] == str(ns)
    page.open("kernels", run="cuda", file=name)
    table = report.kernels.table
    assert page.raw("kernels", "total")[:5] == [str(ns) for ns in table["total_ns"][:5]]
    assert page.raw("kernels", "calls")[:5] == [str(calls) for calls in table["calls"][:5]]
    page.open("selection", run="cuda", file=name)
    ledger = report.selection.table
    assert page.raw("selection", "time")[:5] == [str(ns) for ns in ledger["device_ns"][:5]]


def test_a_kernel_is_explained_where_it_is_opened(page: Page, logdir: Path) -> None:
    page.open("kernels", run="cuda", file=trace_file(logdir, "cuda"))
    page.click('[data-block="kernels"] tr[data-row="0"]')
    page.one('[data-block^="kernel-"] td')
    assert "tensor cores" in page.text().lower()


def test_a_file_that_is_no_trace_is_told_in_a_line(page: Page, logdir: Path) -> None:
    page._go(f"{page.address}#profiler_kit&view=overview&run=broken&file={trace_file(logdir, 'broken')}")
    page.enter()
    page.until(lambda: "no trace" in page.text() or "JSON" in page.text(), "the reason")
    assert "Traceback" not in page.text()
