"""``profiler-kit predict`` as a user meets it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from profiler_kit.cli import main
from profiler_kit.cli.prediction import PredictionError, targets
from profiler_kit.cudnn.oracle import cudnn_library
from profiler_kit.cudnn.stand_in import StandInError, stand_in
from profiler_kit.errors import MissingExtraError
from profiler_kit.formats import read_trace
from profiler_kit.report.kept_prediction import kept_prediction
from tests.builders import TraceBuilder
from tests.cli.test_report_command import run
from tests.predictions import A10G, conv_trace

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
    return conv_trace(tmp_path / "worker0.pt.trace.json", "layer: \x1b[31mevil (Conv2d) #1")


@pytest.mark.usefixtures("needs_cudnn")
def test_json_of_a_layer_on_four_gpus() -> None:
    gpus = ["V100", "A100", "H100", "B200"]
    done = run("predict", LAYER, *INPUT, "--gpu", ",".join(gpus), "--dtype", "float16", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["schema"], document["schema_version"]) == ("profiler_kit.predict", 2)
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
def test_first_rows_of_a_resnet50_on_four_gpus(capsys: pytest.CaptureFixture[str]) -> None:
    # examples/resnet50's third convolution, layer1.0.conv2, is the one that NVIDIA's frontend was asked about
    # (tests/cudnn/test_cudnn_oracle.py): its workspaces as PyTorch asks, in bytes.
    expected = {
        ("V100", "NCHW"): (1, 2_304),
        ("V100", "NHWC"): (1, 25_766_160),
        ("A100", "NCHW"): (22, 25_763_856),
        ("A100", "NHWC"): (22, 0),
        ("H100", "NCHW"): (62, 25_763_987),
        ("H100", "NHWC"): (62, 131),
        ("B200", "NCHW"): (73, 25_763_856),
        ("B200", "NHWC"): (73, 0),
    }
    model = ["predict", "examples.resnet50:resnet50", "--input", "32,3,224,224", "--gpu", "V100,A100,H100,B200"]
    assert main([*model, "--dtype", "float16", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = [row for row in document["rows"] if row["layers"][0] == "layer1.0.conv2" and row["pass"] == "forward"]
    assert {(row["input_shape"][2], row["weight_shape"][2], row["calls"]) for row in rows} == {(56, 3, 3)}
    if document["cudnn_version"] == "9.28.0":
        found = {(row["gpu"], row["memory_format"]): (row["engine"], row["workspace_bytes"]) for row in rows}
        assert found == expected
    assert main([*model, "--dtype", "float16", "--rows", "6", "--width", "160"]) == 0
    lines = capsys.readouterr().out.splitlines()
    firsts = [line.split()[0] for line in lines if "forward" in line and "eng" in line]
    assert firsts == ["conv1", "conv1", "layer1.0.conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.0.conv2"] * 4


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
        (("--gpu", ","), "no GPU is named"),
        (("--gpu", "trace"), "no trace that names a GPU"),
        (("--gpu", "H100,trace"), "no trace that names a GPU"),
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
        (LAYER, "1,64,8,8:float99", "'float99' is no type of PyTorch's"),
        (LAYER, "1,64,8,8:nn", "'nn' is no type of PyTorch's"),
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


@pytest.mark.usefixtures("needs_cudnn")
def test_a_report_has_the_prediction_that_is_asked_for(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heading = "Predicted by cuDNN: first plan for each pass on"
    for options in ((), ("--width", "80"), ("--width", "160"), ("--format", "markdown")):
        assert main(["report", str(trace), "--predict", "h100,a100", *options]) == 0
        out = capsys.readouterr().out
        assert [f"{heading} {gpu}" in out for gpu in ("H100", "A100", "B200")] == [True, True, False]
        assert "\x1b[31m" not in out
    assert main(["report", str(trace), "--predict", "H100", "--format", "json"]) == 0
    prediction = json.loads(capsys.readouterr().out)["prediction"]
    assert {(row["gpu"], row["pass"], row["memory_format"]) for row in prediction["rows"]} == {
        ("H100", which, memory_format) for which in ("forward", "dgrad", "wgrad") for memory_format in ("NCHW", "NHWC")
    }
    page = trace.with_suffix(".html")
    assert main(["report", str(trace), "--predict", "H100", "--format", "html", "--output", str(page)]) == 0
    assert "Predicted by cuDNN: what changes" in page.read_text()


def test_a_report_asks_cudnn_only_when_told_to(
    trace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("cuDNN was asked")

    monkeypatch.setattr("profiler_kit.cudnn.oracle.Oracle", asked)
    assert main(["report", str(trace), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["prediction"] is None
    page = trace.with_suffix(".html")
    assert main(["report", str(trace), "--format", "html", "--output", str(page)]) == 0
    assert "profiler-kit predict TRACE" in page.read_text()
    with pytest.raises(AssertionError, match="was asked"):
        main(["report", str(trace), "--predict", "H100"])


@pytest.mark.parametrize(("gpus", "words"), [("H10", "did you mean H100"), ("trace", "no trace that names a GPU")])
def test_bad_gpus_of_a_report_are_one_line(
    trace: Path, capsys: pytest.CaptureFixture[str], gpus: str, words: str
) -> None:
    assert main(["report", str(trace), "--predict", gpus]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1


def test_a_report_without_the_extra_says_what_to_install(
    trace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise MissingExtraError("asking cuDNN", "cuDNN 9.8 or later", "cudnn")

    monkeypatch.setattr("profiler_kit.cudnn.oracle.cudnn_library", missing)
    assert main(["report", str(trace), "--predict", "H100"]) == 2
    assert "pip install 'profiler-kit[cudnn]'" in capsys.readouterr().err


@pytest.mark.usefixtures("needs_cudnn")
def test_what_was_predicted_for_a_trace_is_kept_unless_told_not_to(
    trace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["predict", str(trace), "--gpu", "H100", "--no-cache"]) == 0
    assert kept_prediction(trace) is None
    assert main(["predict", str(trace), "--gpu", "H100,L4", "--passes", "forward"]) == 0
    kept = kept_prediction(trace)
    assert kept is not None
    assert list(dict.fromkeys(kept.table["gpu"])) == ["H100", "L4"]
    capsys.readouterr()


MODEL = """
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.conv = nn.Conv2d(8, 16, 3)

    def forward(self, image, words):
        assert words.dtype.is_floating_point is False
        return self.conv(image).mean((2, 3)) + self.embed(words)

def make():
    return Two()
"""


@pytest.mark.usefixtures("needs_cudnn")
def test_a_model_of_several_inputs_of_their_own_types(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two_inputs_of_a_user.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    command = ["predict", "two_inputs_of_a_user:make", "--input", "1,8,20,20", "--input", "1:int64", "--format", "json"]
    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {tuple(row["layers"]) for row in rows} == {("conv",)}
    assert {row["pass"] for row in rows} == {"forward", "dgrad", "wgrad"}
    assert main(["predict", "two_inputs_of_a_user:make", "--input", "1,8,20,20"]) == 2
    assert "words" in capsys.readouterr().err


def test_the_gpu_of_a_trace_is_named_like_any_other(tmp_path: Path) -> None:
    trace = read_trace(TraceBuilder(deviceProperties=[A10G]).write(tmp_path / "worker.pt.trace.json"))
    assert [target.name for target in targets(None, trace)] == ["NVIDIA A10G"]
    assert [target.name for target in targets("h100, Trace,H100", trace)] == ["H100", "NVIDIA A10G"]
    assert [target.name for target in targets(None, None)] == ["H100"]


def test_no_local_gpu_is_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PredictionError, match="finds no GPU here; name one"):
        targets("local", None)
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho NVIDIA H100 80GB HBM3\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert [target.name for target in targets("local", None)] == ["H100"]
