"""The page's answers: closed sums, ids that are unique, values that JSON has, and what one HTML file holds."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import profiler_kit
from profiler_kit.analysis.times.step_work import step_work
from profiler_kit.cli import main
from profiler_kit.report import html
from profiler_kit.report.layout import Column, Item, Section, Table
from profiler_kit.report.page import VIEWS, Answers, index, view
from profiler_kit.report.page.blocks import LONGEST_TEXT, cell
from profiler_kit.report.page.csv import block_csv
from profiler_kit.report.page.dense_vs_conv import largest_factors
from profiler_kit.report.page.from_sections import section_blocks
from tests.builders import TraceBuilder
from tests.predictions import TENSOR_BYTES, conv_trace, prediction_by_hand

SMALL = ("h100_vit_falconsai_bf16", "mi300x_vit_falconsai_bf16", "a100_alexnet_inference", "event_sync_multi_stream")


def every_block(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        yield block
        for inner in block.get("detail") or ():
            yield from every_block(inner or [])


@pytest.mark.parametrize("name", SMALL)
def test_sums_close_ids_are_unique_and_rows_fit_their_columns(shared: Path, name: str) -> None:
    answers = Answers(profiler_kit.read_trace(shared / "traces" / f"{name}.pt.trace.json.gz"))
    listed = {one["id"]: one["available"] for one in index(answers)["views"]}
    assert list(listed) == [one.id for one in VIEWS]
    for one in VIEWS:
        document = view(answers, one.id)
        json.dumps(document, allow_nan=False)
        blocks = list(every_block(document["blocks"]))
        ids = [block["id"] for block in blocks]
        assert len(ids) == len(set(ids)), one.id
        for block in blocks:
            if block["type"] == "breakdown":
                assert sum(part["value"] for part in block["parts"]) == block["total"], (one.id, block["id"])
            if block["type"] == "table":
                width = len(block["columns"])
                assert all(len(row) == width for row in block["rows"]), block["id"]
                assert len({column["key"] for column in block["columns"]}) == width, block["id"]
                keys = {column["key"] for column in block["columns"]}
                assert {block.get("sort", {}).get("key"), block.get("link", {}).get("column")} <= keys | {None}
            if block["type"] == "chart":
                assert block["table"] in ids, block["id"]
                assert all(block[axis]["title"] and block[axis]["kind"] for axis in "xy"), block["id"]
        if not listed[one.id]:
            assert [block["type"] for block in document["blocks"]] == ["missing"]


def test_figures_come_from_the_report(shared: Path) -> None:
    trace = profiler_kit.read_trace(shared / "traces" / "h100_vit_falconsai_bf16.pt.trace.json.gz")
    report, answers = profiler_kit.make_report(trace), Answers(trace)
    layers = next(block for block in view(answers, "layers")["blocks"] if block["id"] == "layers")
    own = [column["key"] for column in layers["columns"]].index("self")
    books = report.layers.device_total_ns - report.layers.device_unattributed_ns
    assert sum(row[own] for row in layers["rows"]) == books
    parents, forward = layers["tree"]["parent"], [row[3] for row in layers["rows"]]
    assert all(parent < row for row, parent in enumerate(parents))
    assert all(forward[parent] >= forward[row] for row, parent in enumerate(parents) if parent >= 0)


def test_what_is_not_explained_is_no_reason_for_a_difference(shared: Path) -> None:
    trace = profiler_kit.read_trace(shared / "traces" / "h100_vit_falconsai_bf16.pt.trace.json.gz")
    found = profiler_kit.explain(trace)
    sentence = largest_factors(found)
    reasons, _, rest = sentence.partition("; not explained: ")
    assert reasons.startswith("Slower by ")
    assert "not explained" not in reasons
    unexplained = float(rest.partition(" ×")[0])
    explained = prod(factor.value for factor in found.factors if factor.kind != "unexplained")
    assert unexplained == pytest.approx(found.ratio / explained, rel=1e-3)


def test_text_is_cut_and_made_harmless_and_numbers_are_those_json_has() -> None:
    assert cell("a\u202eb\nc") == "a\\u202eb\\u000ac"
    long = cell("x" * 1_000_000)
    assert long == "x" * LONGEST_TEXT + "… (1,000,000 characters)"
    assert [cell(value) for value in (float("nan"), float("inf"), None, np.int64(3), True)] == [
        None,
        None,
        None,
        3,
        "yes",
    ]


def test_any_section_becomes_blocks() -> None:
    table = Table((Column("part"), Column("time", "duration")), [("a", 5), ("b", 7), ("total", 12)], bars="time")
    section = Section("New things", "Said first.", [Item("Statement", [("evidence", "5 of 12")])], table, ("Books.",))
    found = section_blocks([section])
    assert [block["type"] for block in found] == ["findings", "table"]
    statement, made = found
    assert statement["items"][0]["details"] == [["evidence", "5 of 12"]]
    assert made["lead"] == "Said first."
    assert made["rows"] == [["a", 5], ["b", 7]]
    assert made["total_row"] == ["total", 12]
    assert [column.get("bar", False) for column in made["columns"]] == [False, True]
    assert made["note"] == ["Books."]


def test_csv_has_units_and_no_formulas() -> None:
    columns = [{"key": "name", "kind": "text"}, {"key": "total", "kind": "duration"}, {"key": "flops", "kind": "flops"}]
    table = {"type": "table", "id": "t", "columns": columns, "rows": [["=1+1", 5, None]]}
    assert block_csv({"blocks": [table]}, "t") == "name,total_ns,flops\n'=1+1,5,\n"
    assert block_csv({"blocks": [table]}, "other") is None


def test_work_by_step_by_hand(tmp_path: Path) -> None:
    trace = TraceBuilder()
    for step, start in ((3, 0), (4, 1000)):
        trace.annotation(f"ProfilerStep#{step}", start, 900)
        trace.op("aten::conv2d", start + 10, 100)
        trace.kernel("some_conv_kernel", start + 200, 30 + step, launched_at=start + 20)
        trace.kernel("void cudnn::nchwToNhwcKernel<float>(int)", start + 240, 7, launched_at=start + 30)
        trace.op("aten::addmm", start + 120, 50)
        trace.kernel("some_gemm", start + 300, 20, launched_at=start + 130)
        trace.copy("Memcpy HtoD (Pageable -> Device)", start + 400, 5, launched_at=start + 190, size=64)
    table = step_work(profiler_kit.read_trace(trace.write(tmp_path / "t.pt.trace.json")))
    assert table.to_dict("records") == [
        {
            "step": step,
            "total_ns": (30 + step + 7 + 20 + 5) * 1000,
            "convolution_ns": (30 + step + 7) * 1000,
            "product_ns": 20_000,
            "layout_transform_ns": 7_000,
            "copy_ns": 5_000,
        }
        for step in (3, 4)
    ]


def test_one_file_holds_everything_and_nothing_ends_its_script(tmp_path: Path) -> None:
    trace = TraceBuilder()
    name = "</script><!-- <img src=x onerror=alert(1)> & \u2028"
    trace.op(name, 0, 50)
    file = tmp_path / "page.html"
    written = trace.write(tmp_path / "t.pt.trace.json")
    assert main(["report", str(written), "--format", "html", "--output", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    assert text.lower().count("</script>") == 3
    data = re.search(r'<script type="application/json" id="profiler-kit-data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert not set(data[1]) & set("<>&\u2028")
    document = json.loads(data[1])
    expected = html.page_document(Answers(profiler_kit.read_trace(written)))
    assert document["view"] == expected["view"]
    arrays = gzip.decompress(base64.b64decode(document["timeline_data"]))
    last = document["timeline"]["arrays"][-1]
    assert last["offset"] + last["length"] <= len(arrays)
    assert "http://" not in text.split('<script type="module">')[0].replace(document["views"]["trace"]["title"], "")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src 'none'" in policy[1]


def test_a_prediction_is_shown_where_there_is_one(tmp_path: Path) -> None:
    trace = profiler_kit.read_trace(conv_trace(tmp_path / "worker.pt.trace.json"))
    hint = view(Answers(trace), "selection")["blocks"][-1]
    assert (hint["type"], hint["command"]) == ("missing", "profiler-kit predict TRACE --gpu H100")
    made = prediction_by_hand(trace)
    blocks = view(Answers(trace, prediction=lambda: made), "selection")["blocks"]
    titles = [block["title"] for block in blocks if block.get("title", "").startswith("Predicted by cuDNN")]
    assert titles == [
        "Predicted by cuDNN: what changes",
        "Predicted by cuDNN: plans by GPU, type and format",
        "Predicted by cuDNN: first plan for each pass on H100",
        "Predicted by cuDNN: first plan for each pass on A100",
    ]
    tables = [block for block in blocks if block["type"] == "table" and "first_plan" in block["id"]]
    keys = [column["key"] for column in tables[0]["columns"]]
    rows = [dict(zip(keys, row, strict=True)) for row in tables[0]["rows"]]
    assert [(row["pass"], row["format"]) for row in rows][:3] == [
        ("forward", "NCHW"),
        ("forward", "NHWC"),
        ("dgrad", "NCHW"),
    ]
    assert (rows[0]["layers"], rows[0]["engine"], rows[0]["workspace"], rows[0]["copies"]) == (
        "conv",
        "eng62",
        TENSOR_BYTES,
        TENSOR_BYTES,
    )
    ids = [block["id"] for block in every_block(blocks)]
    assert len(ids) == len(set(ids))
    json.dumps(blocks, allow_nan=False)


def test_a_trace_without_convolutions_has_no_word_about_cudnn(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::mm", 0, 50, **{"Input Dims": [[8, 8], [8, 8]], "Input type": ["float", "float"]})
    answers = Answers(profiler_kit.read_trace(b.write(tmp_path / "worker.pt.trace.json")))
    assert "predicted" not in [block["id"] for block in view(answers, "selection")["blocks"]]
