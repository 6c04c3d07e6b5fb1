"""A real TensorBoard over HTTP: what a recording and the summaries look like from its side."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import profiler_kit
from profiler_kit.report.tensorboard import write_summaries

torch = pytest.importorskip("torch", reason="recording needs torch")
pytest.importorskip("tensorboard", reason="the test asks a real TensorBoard")
pytest.importorskip("torch_tb_profiler", reason="the test asks a real torch-tb-profiler")

STARTS_WITHIN_S = 90


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run recorded here: a small network's training steps."""
    logdir = tmp_path_factory.mktemp("logdir") / "small_cnn"
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 4))
    with profiler_kit.profile(model, logdir, wait=1, warmup=1, active=3, repeat=1, worker="worker0") as prof:
        for _ in range(5):
            model(torch.randn(2, 3, 8, 8)).sum().backward()
            prof.step()
    return logdir


class Server:
    """A TensorBoard on a free port of this machine."""

    def __init__(self, logdir: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "tensorboard.main",
            "--logdir",
            str(logdir),
            "--port",
            "0",
            "--load_fast=false",
        ]
        self._log = (logdir.parent / "tensorboard.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        self._address = self._wait(self._find_address)

    def get(self, path: str, **query: str) -> Any:
        url = f"{self._address}data/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.loads(answer.read())

    def wait_for(self, path: str, wanted: Any, **query: str) -> Any:
        """Ask until the answer is as wanted: TensorBoard loads runs in the background."""

        def ask() -> Any:
            try:
                answer = self.get(path, **query)
            except (urllib.error.URLError, ConnectionError):
                return None
            return answer if wanted(answer) else None

        return self._wait(ask)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()

    def _find_address(self) -> str | None:
        self._log.seek(0)
        words = self._log.read().split()
        return next((word for word in words if word.startswith("http://localhost:")), None)

    def _wait(self, ask: Any) -> Any:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            if (answer := ask()) is not None:
                return answer
            if self._process.poll() is not None:
                break
            time.sleep(0.3)
        self._log.seek(0)
        pytest.fail(f"TensorBoard did not answer as expected; its output:\n{self._log.read()}")


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
    assert set(tags[run.name]) == {"profiler_kit/step_ms", "profiler_kit/operators_ms"}
    points = server.get("plugin/scalars/scalars", run=run.name, tag="profiler_kit/step_ms")
    (trace,) = profiler_kit.find_traces(run)
    steps = profiler_kit.make_report(profiler_kit.read_trace(trace)).steps.table
    assert [step for _, step, _ in points] == steps["step"].tolist() == [2, 3, 4]
    assert [value for *_, value in points] == pytest.approx((steps["host_ns"] / 1e6).tolist(), rel=1e-6)
    assert points[0][0] == pytest.approx(time.time(), abs=3600)
    (text,) = server.get("plugin/text/text", run=run.name, tag="profiler_kit/report/text_summary")
    assert "<h1>profiler_kit report</h1>" in text["text"]
    assert "aten::convolution_backward" in text["text"].replace("\\_", "_")


def test_summaries_without_tensorboard_name_the_extra(
    monkeypatch: pytest.MonkeyPatch, run: Path, tmp_path: Path
) -> None:
    (trace,) = profiler_kit.find_traces(run)
    report = profiler_kit.make_report(profiler_kit.read_trace(trace))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(profiler_kit.MissingExtraError, match=r"profiler-kit\[tensorboard\]"):
        write_summaries(report, tmp_path)
