"""``profiler-kit selection`` and ``profiler-kit layers`` as a user meets them: real processes and their output."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.builders import TraceBuilder
from tests.cli.test_report_command import run

SELECTION_KEYS = [
    "operator", "pass", "input_shape", "weight_shape", "dtype", "memory_format", "calls", "device_us", "main_us",
    "layout_transform_us", "helper_us", "memset_us", "flops", "tensor_cores", "algorithm", "kernels", "layers",
]  # fmt: skip
LAYER_KEYS = [
    "layer", "type", "calls", "forward_us", "backward_us", "self_us", "host_us", "layout_transform_us", "copy_us",
    "flops",
]  # fmt: skip
SUMS = ("total_us", "attributed_us", "unattributed_us")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    b = TraceBuilder()
    b.annotation("layer: \x1b[31mevil (Conv2d) #1", 0, 200)
    concrete = ["", "", "", "[2, 2]", "[1, 1]", "[1, 1]", "1"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": [[2, 3, 8, 8], [4, 3, 3, 3]], "Concrete Inputs": concrete})
    b.kernel("void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(p)", 100, 2.5, launched_at=5)
    b.kernel("volta_sgemm_64x64_nt", 110, 10, launched_at=20)
    b.annotation("layer: =cmd (Linear) #1", 300, 200)
    b.op("aten::linear", 310, 50)
    b.kernel("volta_sgemm_64x64_nt", 400, 4, launched_at=320)
    b.kernel("stray", 500, 1, launched_at=None)
    return b.write(tmp_path / "worker0.pt.trace.json")


def test_selection_json_has_the_documented_keys(trace: Path) -> None:
    document = json.loads(run("selection", str(trace), "--format", "json").stdout)
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.selection", 1)
    assert [document[name] for name in SUMS] == [17.5, 16.5, 1.0]
    conv, linear = document["rows"]
    assert list(conv)[: len(SELECTION_KEYS)] == SELECTION_KEYS
    assert (conv["device_us"], conv["main_us"], conv["layout_transform_us"]) == (12.5, 10.0, 2.5)
    assert conv["flops"] == 2 * (2 * 4 * 4 * 4) * 27
    assert conv["kernels"][0] == {
        "name": "volta_sgemm_64x64_nt", "role": "main", "calls": 1, "us": 10.0, "library": "cuBLAS",
        "operation": "gemm", "algorithm": None, "tensor_cores": "no",
    }  # fmt: skip
    assert (linear["input_shape"], linear["flops"], linear["layers"]) == (None, None, ["=cmd"])


def test_selection_of_one_kind(trace: Path) -> None:
    document = json.loads(run("selection", str(trace), "--op", "linear", "--format", "json").stdout)
    assert [row["operator"] for row in document["rows"]] == ["aten::linear"]
    assert [document[name] for name in SUMS] == [17.5, 4.0, 13.5]


def test_selection_text_fits_and_shows_the_kernels(trace: Path) -> None:
    result = run("selection", str(trace), "--width", "80")
    assert result.returncode == 0
    assert result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    assert "(2,3,8,8) × (4,3,3,3) stride 2" in result.stdout
    assert "cudnn::ops::nchwToNhwcKernel" in result.stdout
    assert "94.3%" in result.stdout


def test_layers_json_has_the_documented_keys(trace: Path) -> None:
    document = json.loads(run("layers", str(trace), "--format", "json").stdout)
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.layers", 1)
    assert [document[name] for name in SUMS] == [17.5, 16.5, 1.0]
    rows = document["rows"]
    assert list(rows[0])[: len(LAYER_KEYS)] == LAYER_KEYS
    assert [(row["forward_us"], row["self_us"], row["layout_transform_us"]) for row in rows] == [
        (12.5, 12.5, 2.5),
        (4.0, 4.0, 0.0),
    ]
    assert document["passes"][0]["pass"] == "forward"


def test_layers_text_fits(trace: Path) -> None:
    result = run("layers", str(trace), "--width", "80")
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    assert "layer spans recorded by profiler_kit" in result.stdout


@pytest.mark.parametrize("command", ["selection", "layers"])
def test_csv_is_one_table_without_formulas(trace: Path, command: str, tmp_path: Path) -> None:
    out = tmp_path / "table.csv"
    assert run(command, str(trace), "--format", "csv", "-o", str(out)).stdout == ""
    text = out.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2
    assert "\x1b" not in text
    assert not [cell for row in rows for cell in row.values() if cell.startswith("=")]


@pytest.mark.parametrize("command", ["selection", "layers"])
def test_markdown(trace: Path, command: str) -> None:
    text = run(command, str(trace), "--format", "markdown").stdout
    assert text.startswith(f"# profiler_kit {command}")
    assert "| ---" in text


@pytest.mark.parametrize("command", ["selection", "layers"])
def test_a_trace_that_is_not_there_is_one_line(command: str, tmp_path: Path) -> None:
    result = run(command, str(tmp_path / "nothing.json"))
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
