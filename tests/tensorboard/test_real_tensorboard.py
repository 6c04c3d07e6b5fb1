"""A real TensorBoard over HTTP: what a recording and the summaries look like from its side."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import profiler_kit
from profiler_kit.report.tensorboard import write_summaries
from tests.tensorboard_server import Server

_NODE = "autograd::engine::evaluate_function: "

torch = pytest.importorskip("torch", reason="recording needs torch")
pytest.importorskip("tensorboard", reason="the test asks a real TensorBoard")
pytest.importorskip("torch_tb_profiler", reason="the test asks a real torch-tb-profiler")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run recorded here: a small network's training steps.

    Its convolution has a thousand times the dense layer's work, so that it takes longer whatever else the machine does.
    """
    logdir = tmp_path_factory.mktemp("logdir") / "small_cnn"
    layers = torch.nn.Conv2d(3, 16, 7), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten()
    model = torch.nn.Sequential(*layers, torch.nn.Linear(256, 4))
    with profiler_kit.profile(model, logdir, wait=1, warmup=1, active=3, repeat=1, worker="worker0") as prof:
        for _ in range(5):
            model(torch.randn(8, 3, 64, 64)).sum().backward()
            prof.step()
    return logdir


@pytest.fixture(scope="module")
def server(run: Path) -> Any:
    server = Server(run.parent)
    yield server
    server.stop()


def test_classic_plugin_finds_the_run_and_agrees_on_operators(server: Server, run: Path) -> None:
    runs = server.wait_for("plugin/pytorch_profiler/runs", lambda answer: run.name in answer["runs"])
    assert runs["runs"] == [run.name]
    assert server.get("plugin/pytorch_profiler/workers", run=run.name, view="Operator") == ["worker0"]
    (span,) = server.get("plugin/pytorch_profiler/spans", run=run.name, worker="worker0")
    table = server.get(
        "plugin/pytorch_profiler/operation/table", run=run.name, worker="worker0", span=span, group_by="Operation"
    )
    theirs = {row["name"]: row for row in table["data"]}
    (trace,) = profiler_kit.find_traces(run)
    ours = profiler_kit.make_report(profiler_kit.read_trace(trace)).operators.table.set_index("name")
    compared = {name for name in ours.index if name.startswith("aten::")}
    assert {"aten::conv2d", "aten::mkldnn_convolution", "aten::convolution_backward", "aten::addmm"} <= compared
    for name in compared:
        assert ours.loc[name, "calls"] == theirs[name]["calls"], name
        assert ours.loc[name, "host_self_ns"] == pytest.approx(theirs[name]["host_self_duration"] * 1000, abs=600), name
        assert ours.loc[name, "host_total_ns"] == pytest.approx(theirs[name]["host_total_duration"] * 1000, abs=600)


def test_scalars_by_step_and_the_report_as_text(server: Server, run: Path) -> None:
    tags = server.wait_for("plugin/scalars/tags", lambda answer: run.name in answer)
    by_step = {"step_ms", "operators_ms", "convolution_share", "dense_share"}
    assert {f"profiler_kit/{name}" for name in by_step} <= set(tags[run.name])
    assert "profiler_kit/device_ms" not in tags[run.name]
    points = server.get("plugin/scalars/scalars", run=run.name, tag="profiler_kit/step_ms")
    (trace,) = profiler_kit.find_traces(run)
    steps = profiler_kit.make_report(profiler_kit.read_trace(trace)).steps.table
    assert [step for _, step, _ in points] == steps["step"].tolist() == [2, 3, 4]
    assert [value for *_, value in points] == pytest.approx((steps["host_ns"] / 1e6).tolist(), rel=1e-6)
    assert points[0][0] == pytest.approx(time.time(), abs=3600)
    (text,) = server.get("plugin/text/text", run=run.name, tag="profiler_kit/report/text_summary")
    assert "<h1>profiler_kit report</h1>" in text["text"]
    assert "aten::convolution_backward" in text["text"].replace("\\_", "_")
    assert 'href="#profiler_kit&amp;view=layers"' in text["text"]


def test_shares_by_step_are_those_of_the_operators(server: Server, run: Path) -> None:
    server.wait_for("plugin/scalars/tags", lambda answer: run.name in answer)
    (trace,) = profiler_kit.find_traces(run)
    read = profiler_kit.read_trace(trace)
    ops, ranges = read.ops, read.annotations
    steps = ranges[ranges["name"].astype(str).str.startswith("ProfilerStep#") & (ranges["kind"] == "user_annotation")]
    shares = {"convolution": ("conv2d", "ConvolutionBackward0"), "dense": ("addmm", "AddmmBackward0")}
    for tag, (forward, backward) in shares.items():
        points = server.get("plugin/scalars/scalars", run=run.name, tag=f"profiler_kit/{tag}_share")
        assert len(points) == len(steps)
        for (_, _, value), (start, length) in zip(
            points, steps[["start_ns", "duration_ns"]].itertuples(index=False), strict=True
        ):
            inside = ops[ops["start_ns"].between(start, start + length, inclusive="left")]
            total = inside.loc[inside["parent"].isna(), "duration_ns"].sum()
            spent = inside.groupby(inside["name"].astype(str))["duration_ns"].sum()
            # Of a node's time, what the engine and transposes take around its product may or may not be counted.
            least = (
                spent[f"aten::{forward}"] + (spent[backward] if tag == "convolution" else spent["aten::mm"])
            ) / total
            most = (spent[f"aten::{forward}"] + spent[f"{_NODE}{backward}"]) / total
            assert least * (1 - 1e-5) <= value <= most * (1 + 1e-5), tag


def test_flags_and_figures_in_hparams(server: Server, run: Path) -> None:
    tags = server.wait_for("plugin/scalars/tags", lambda answer: "hparam/step_ms" in answer.get(run.name, {}))
    assert {"hparam/convolution_share", "hparam/dense_share"} <= set(tags[run.name])
    body = json.dumps({"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING", "STATUS_UNKNOWN"],
                       "colParams": [], "startIndex": 0, "sliceSize": 10})  # fmt: skip
    groups = server.get("plugin/hparams/session_groups", request=body)
    (group,) = groups["sessionGroups"]
    assert group["hparams"]["dtype"] == "float32"
    assert group["hparams"]["channels_last"] == "no"
    assert group["hparams"]["cudnn_benchmark"] == 0  # False, as TensorBoard sends it


def test_the_factors_as_a_picture(server: Server, run: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    tags = server.wait_for("plugin/images/tags", lambda answer: run.name in answer)
    assert list(tags[run.name]) == ["profiler_kit/dense_vs_conv"]
    (picture,) = server.get("plugin/images/images", run=run.name, tag="profiler_kit/dense_vs_conv", sample="0")
    status, headers, body = server.request(f"plugin/images/individualImage?{picture['query']}")
    assert status == 200
    assert headers["Content-Type"] == "image/png"
    assert body.startswith(b"\x89PNG")


def test_summaries_without_tensorboard_name_the_extra(
    monkeypatch: pytest.MonkeyPatch, run: Path, tmp_path: Path
) -> None:
    (trace,) = profiler_kit.find_traces(run)
    report = profiler_kit.make_report(profiler_kit.read_trace(trace))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(profiler_kit.MissingExtraError, match=r"profiler-kit\[tensorboard\]"):
        write_summaries(report, tmp_path)
