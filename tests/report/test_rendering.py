"""What people see: widths, hostile names, units, and Markdown through two real Markdown libraries."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from profiler_kit import Report, make_report, read_trace
from profiler_kit.printable import printable
from profiler_kit.report.layout import Column, Item, Section, Table
from profiler_kit.report.markdown import escape, render_sections
from profiler_kit.report.names import shapes, short_kernel
from profiler_kit.report.quantities import bar, unit_of, with_unit, write
from tests.builders import TraceBuilder
from tests.conftest import SHARED

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\x1b[31mred\x1b[0m\x07",
    "\u202eleft to right\u202c",
    "| a | b |\n| --- | --- |\n[link](javascript:alert(1)) `code` **bold** _em_",
    "wide 漢字 名前 " * 20,
    "x" * 100_000,
    "[bold]rich markup[/bold]",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    b = TraceBuilder(deviceProperties=[{"id": 0, "name": HOSTILE[0]}], distributedInfo={"rank": 0})
    for place, name in enumerate(HOSTILE):
        b.annotation(f"layer: {name} ({name}) #1", 100 * place, 90)
        b.op(name, 100 * place, 80)
        b.kernel(name, 100 * place + 50, 5 + place, launched_at=100 * place + 1)
        b.copy(f"Memcpy {name}", 100 * place + 70, 2, launched_at=100 * place + 60, size=17)
    return make_report(read_trace(b.write(tmp_path_factory.mktemp("hostile") / "t.json")))


@pytest.mark.parametrize("width", [60, 80, 120, 160, 300])
def test_no_line_is_wider_than_the_terminal(hostile: Report, width: int) -> None:
    text = hostile.to_text(width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared traces are not here (shared/ beside the repository)")
@pytest.mark.parametrize("width", [80, 160])
def test_numbers_are_never_cut_at_80_columns(width: int) -> None:
    report = make_report(read_trace(SHARED / "traces" / "v100_resnet50_train_2021_schema.pt.trace.json.gz"))
    text = report.to_text(width=width)
    assert max(map(len, text.splitlines())) <= width
    for line in text.splitlines():
        _, cut, rest = line.rpartition("…")
        assert not cut or any(char.isalnum() or char == "." for char in rest), line
    assert "285.106" in text


def test_terminal_text_holds_no_control_characters(hostile: Report) -> None:
    text = hostile.to_text(width=200)
    assert not [char for char in text if char != "\n" and not char.isprintable()]
    assert "[bold]rich markup[/bold]" in text


def test_markdown_stays_text_in_tensorboards_own_library(hostile: Report) -> None:
    markdown = pytest.importorskip("markdown", reason="TensorBoard's Markdown library is not installed")
    html = markdown.markdown(hostile.to_markdown(), extensions=["tables"])
    for forbidden in ("<img", "<script", "<a ", "<code>", "<em>"):
        assert forbidden not in html, forbidden
    rows = [line for line in hostile.to_markdown().splitlines() if line.startswith("| ")]
    assert all(line.endswith(" |") for line in rows)


def test_a_table_after_statements_is_a_table() -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    table = Table((Column("part"), Column("time", "duration")), [("a", 5)])
    section = Section("Title", "", [Item("Statement", [("evidence", "5")])], table, ("Note.",))
    html = markdown_it.MarkdownIt("commonmark").enable("table").render(render_sections("Report", [], [section]))
    assert html.count("<table>") == 1
    assert "<td>a</td>" in html


def test_markdown_stays_text_for_commonmark(hostile: Report) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    html = markdown_it.MarkdownIt("commonmark").enable("table").render(hostile.to_markdown())
    for forbidden in ("<img", "<script", "<a ", "<code>", "<em>"):
        assert forbidden not in html, forbidden
    assert html.count("<table>") == hostile.to_markdown().count("---: |\n")


@given(st.text(alphabet="a_*`[]{}<>&|~\\#!-() \n"))
def test_escaped_text_shows_exactly_what_was_given(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    html = markdown_it.MarkdownIt("commonmark").renderInline(escape(f"x{text}x"))
    assert "<" not in html.replace("&lt;", "")


def test_json_of_hostile_names_is_valid_and_complete(hostile: Report) -> None:
    document = json.loads(hostile.to_json())
    assert {row["name"] for row in document["kernels"]["rows"]} == set(HOSTILE)


def test_printing_a_report_fits_the_terminal(hostile: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert str(hostile) == hostile.to_text(width=70)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (
            "void at::native::elementwise_kernel<4, at::native::Add<float>, std::array<char*, 3ul> >(int, Add<float>)",
            "elementwise_kernel<4, Add<…>, std::array<…> >",
        ),
        ("volta_sgemm_128x64_nt", "volta_sgemm_128x64_nt"),
        ("void cudnn::bn_fw_tr_1C11_kernel_NCHW<float, 512>(int)", "cudnn::bn_fw_tr_1C11_kernel_NCHW<float, 512>"),
        ("_Z3foov", "_Z3foov"),
        ("kernel<cut sh", "kernel<cut sh"),
        ("(only parameters)", "(only parameters)"),
        ("", ""),
    ],
)  # fmt: skip
def test_short_kernel_names(name: str, short: str) -> None:
    assert short_kernel(name) == short


def test_shapes_leave_out_what_is_no_tensor() -> None:
    assert shapes(((4, 3, 8, 8), (), (5,), ((2, 3), (2, 4)))) == "(4,3,8,8) (5) ((2,3),(2,4))"
    assert shapes(((), ())) == "–"
    assert shapes(None) == "–"


def test_a_column_has_one_unit_chosen_by_its_largest_value() -> None:
    assert unit_of("duration", [5, 2_500_000]) == (1e6, "ms")
    assert unit_of("bytes", [999]) == (1, "B")
    assert unit_of("duration", []) == (1, "ns")
    assert unit_of("count", [10**9]) == (1, "")
    assert write("duration", 2_500, 1e6) == "0.003"
    assert (write("duration", 300, 1e6), write("duration", -300, 1e6)) == ("<0.001", ">-0.001")
    assert write("duration", 0, 1e6) == "0.000"
    assert write("share", 0.1234) == "12.3%"
    assert write("count", None) == "–"
    assert (write("count", 1_234.0), write("count", 1.8), write("count", 1 / 6)) == ("1,234", "1.8", "0.2")
    assert with_unit("bytes", 6_357_008) == "6.357 MB"


@given(st.floats(0, 1), st.integers(1, 40))
def test_bars_are_as_long_as_their_share(share: float, width: int) -> None:
    drawn = bar(share, width)
    length = 8 * drawn.count("█") + sum(" ▏▎▍▌▋▊▉".index(char) for char in drawn if char != "█")
    assert abs(length - share * width * 8) <= 0.5


@given(st.text())
def test_printable_text_is_printable_and_keeps_what_was(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text
