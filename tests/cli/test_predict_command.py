"""``profiler-kit predict`` as a user meets it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from profiler_kit.cli import main
from profiler_kit.cudnn.oracle import cudnn_library
from profiler_kit.cudnn.stand_in import StandInError, stand_in
from profiler_kit.errors import MissingExtraError
from tests.builders import TraceBuilder
from tests.cli.test_report_command import run

LAYER = "Conv2d(64,64,3,padding=1,bias=False)"
INPUT = ("--input", "32,64,56,56")


@pytest.fixture(scope="module")
def needs_cudnn() -> None:
    try:
        cudnn_library()
        stand_in()
    except (MissingExtraError, StandInError) as error:
        pytest.skip(str(error))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    b = TraceBuilder()
    b.annotation("layer: \x1b[31mevil (Conv2d) #1", 0, 200)
    b.op(
        "aten::conv2d",
        0,
        100,
        **{
            "Input Dims": [[2, 32, 8, 8], [64, 32, 3, 3]],
            "Input type": ["c10::Half", "c10::Half"],
            "Input Strides": [[2048, 64, 8, 1], [288, 9, 3, 1]],
            "Concrete Inputs": ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "1"],
        },
    )
    b.kernel("volta_fp16_s884cudnn_fp16_128x128_ldg8_relu_exp_interior_nhwc_tn_v1", 100, 10, launched_at=5)
    b.op("aten::conv2d", 300, 100)
    b.kernel("volta_sgemm_64x64_nt", 400, 4, launched_at=320)
    return b.write(tmp_path / "worker0.pt.trace.json")


@pytest.mark.usefixtures("needs_cudnn")
def test_json_of_a_layer_on_four_gpus() -> None:
    gpus = ["V100", "A100", "H100", "B200"]
    done = run("predict", LAYER, *INPUT, "--gpu", ",".join(gpus), "--dtype", "float16", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.predict", 1)
    rows = document["rows"]
    assert len(rows) == 3 * len(gpus) * 2
    forward = {(row["gpu"], row["memory_format"]): row for row in rows if row["pass"] == "forward"}
    if document["cudnn_version"] == "9.28.0":
        # Engines of the same questions put through NVIDIA's own frontend.
        expected = {"V100": 1, "A100": 22, "H100": 62, "B200": 73}
        assert {key: row["engine"] for key, row in forward.items()} == {
            (gpu, memory_format): engine for gpu, engine in expected.items() for memory_format in ("NCHW", "NHWC")
        }
    tensor = 32 * 64 * 56 * 56 * 2
    assert forward["H100", "NCHW"]["copies_bytes"] == 2 * tensor + 64 * 64 * 9 * 2
    assert forward["H100", "NHWC"]["copies_bytes"] == 0
    assert forward["A100", "NCHW"]["tensor_cores"] is True


@pytest.mark.usefixtures("needs_cudnn")
def test_text_markdown_and_csv_of_a_trace(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (("--width", "80"), ("--width", "160"), ("--format", "markdown")):
        assert main(["predict", str(trace), *options, "--passes", "forward", "--gpu", "h100"]) == 0
        out = capsys.readouterr().out
        assert "NHWC (channels_last)" in out
        assert "\x1b[31m" not in out
        assert "1 row" in out  # the call without shapes is said to be left out
        if options[0] == "--width":
            assert max(map(len, out.splitlines())) <= int(options[1])
    assert main(["predict", str(trace), "--passes", "forward", "--layouts", "nhwc", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["gpu"], row["dtype"], row["memory_format"], row["pass"]) == ("H100", "float16", "NHWC", "forward")


@pytest.mark.usefixtures("needs_cudnn")
def test_agreement_puts_names_and_prediction_side_by_side(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(trace), "--agreement", "--gpu", "A100", "--format", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    facts = {row["fact"]: row for row in document["rows"]}
    assert facts["tensor cores"]["names_say"] == "yes"
    assert facts["tensor cores"]["prediction_says"] in ("yes", "no")
    assert document["rows_compared"] == 1
    assert len(document["left_out"]) == 1
    assert main(["predict", str(trace), "--agreement", "--gpu", "A100", "--width", "100"]) == 0
    assert "Witnesses" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--gpu", "H10"), "did you mean H100"),
        (("--gpu", "MI300X"), "NVIDIA's GPUs only"),
        (("--gpu", ","), "names no GPU"),
        (("--dtype", "float8"), "'float8' is no type"),
        (("--layouts", "CHWN"), "'CHWN' is no layout"),
        (("--passes", "sideways"), "'sideways' is no pass"),
        (("--agreement",), "names no GPU"),
    ],
)
def test_bad_options_are_one_line(
    trace: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert main(["predict", str(trace), *options]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        ("nowhere.module:factory", "1,3,8,8", "no module named"),
        (LAYER, "1,3,8,8", "doesn't take an input"),
        (LAYER, "1,0,8", "no shape"),
    ],
)
def test_bad_models_are_one_line(capsys: pytest.CaptureFixture[str], model: str, shape: str, words: str) -> None:
    assert main(["predict", model, "--input", shape]) == 2
    assert words in capsys.readouterr().err


def test_without_the_extra_one_line_says_what_to_install(
    trace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise MissingExtraError("asking cuDNN", "cuDNN 9.8 or later", "cudnn")

    monkeypatch.setattr("profiler_kit.cudnn.oracle.cudnn_library", missing)
    assert main(["predict", str(trace)]) == 2
    assert "pip install 'profiler-kit[cudnn]'" in capsys.readouterr().err
