"""``profiler-kit explain`` and ``roofline`` as a user meets them: real processes and their output."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from profiler_kit.cli import main
from tests.builders import TraceBuilder
from tests.cli.test_report_command import run

SIDE_KEYS = {"device_us", "flops", "kernels"}
FACTOR_KEYS = {"name", "value", "kind", "evidence"}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    b = TraceBuilder(deviceProperties=[{"id": 0, "name": "NVIDIA H100 80GB HBM3", "numSms": 132}])
    b.annotation("layer: \x1b[31m|evil (Conv2d) #1", 0, 100)
    concrete = ["", "", "", "[2, 2]", "[1, 1]", "[1, 1]", "1"]
    dims, types = [[2, 3, 8, 8], [4, 3, 3, 3]], ["float", "float"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": dims, "Input type": types, "Concrete Inputs": concrete})
    b.kernel("void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(p)", 100, 2.5, launched_at=5)
    b.kernel("volta_sgemm_64x64_nt", 110, 10, launched_at=20)
    b.op("aten::linear", 310, 50, **{"Input Dims": [[8, 8], [8, 8]], "Input type": types})
    b.kernel("volta_sgemm_64x64_nt", 400, 5, launched_at=320)
    return b.write(tmp_path / "worker0.pt.trace.json")


def test_explain_json_has_the_documented_keys(trace: Path) -> None:
    document = json.loads(run("explain", str(trace), "--format", "json").stdout)
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.explanation", 1)
    assert document["ratio"] == 12.5 / 5
    assert all(set(factor) == FACTOR_KEYS for factor in document["factors"])
    assert set(document["slow"]) >= SIDE_KEYS
    assert (document["slow"]["device_us"], document["slow"]["flops"]) == (12.5, 2 * (2 * 4 * 4 * 4) * 27)
    assert [kernel["role"] for kernel in document["slow"]["kernels"]] == ["main", "layout_transform"]
    assert document["sentences"]


def test_explain_in_text_and_markdown(trace: Path) -> None:
    text = run("explain", str(trace), "--width", "80").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    markdown = run("explain", str(trace), "--format", "markdown").stdout
    assert "| product | 2.50 × |" in markdown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--slow", "evill"], "did you mean"),
        (["--device", "H1000"], "did you mean H100"),
        (["--pass", "sideways"], "has a pass 'sideways'; there is forward"),
        (["--plot", "figure.gif"], "must end in"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(trace: Path, arguments: list[str], message: str) -> None:
    result = run("explain", str(trace), *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_roofline_formats(trace: Path) -> None:
    document = json.loads(run("roofline", str(trace), "--format", "json").stdout)
    assert document["total_us"] == document["covered_us"] + document["uncovered_us"] == 17.5
    conv = next(row for row in document["operators"] if row["operator"] == "aten::conv2d")
    assert conv["flops_per_s"] == pytest.approx(2 * (2 * 4 * 4 * 4) * 27 / 12.5e-6)
    rows = list(csv.DictReader(io.StringIO(run("roofline", str(trace), "--format", "csv", "--by", "kernels").stdout)))
    assert [row["name"] for row in rows] == ["volta_sgemm_64x64_nt"]
    given = run("roofline", str(trace), "--peak-flops", "1e12", "--bandwidth", "1e11", "--width", "100").stdout
    assert "1.00" in given
    assert "bandwidth as given" in given


@pytest.mark.parametrize("command", [("explain", "TRACE"), ("roofline", "TRACE"), ("compare",)])
def test_a_background_without_a_picture_is_an_error(trace: Path, command: tuple[str, ...], capsys) -> None:
    assert main([*(str(trace) if word == "TRACE" else word for word in command), "--dark"]) == 2
    assert capsys.readouterr() == ("", "profiler-kit: --dark is for a picture; add --plot FILE\n")


def test_figures_are_drawn(trace: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for command, words, theme in (("explain", "layout transforms", "--dark"), ("roofline", "arithmetic intensity", "")):
        file = tmp_path / f"{command}.svg"
        run(command, str(trace), "--plot", str(file), *filter(None, [theme]))
        drawn = "".join(ElementTree.parse(file).getroot().itertext())
        assert words in drawn
        assert "µs" in drawn or "FLOP/s" in drawn
