"""The plugin's routes: what they answer, and what they refuse."""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.runs import HOSTILE_NAMES, hostile, small_trace
from tests.builders import TraceBuilder
from tests.predictions import conv_trace, prediction_by_hand
from tests.tensorboard_server import Server

pytest.importorskip("tensorboard", reason="the plugin is TensorBoard's")

from tensorboard.plugins import base_plugin
from werkzeug.test import Client

from profiler_kit.formats import read_trace
from profiler_kit.report.kept_prediction import keep_prediction
from profiler_kit.tb_plugin import discovery
from profiler_kit.tb_plugin.plugin import ProfilerKitPlugin

FILE = "worker.pt.trace.json.gz"
PATIENCE_S = 60


class Routes:
    """The plugin in this process, asked as TensorBoard asks it."""

    def __init__(self, logdir: Path | str = "", spec: str = "") -> None:
        flags = argparse.Namespace(logdir_spec=spec)
        self.plugin = ProfilerKitPlugin(base_plugin.TBContext(logdir=str(logdir), flags=flags))
        self._apps = self.plugin.get_plugin_apps()

    def ask(self, route: str, *, method: str = "GET", headers: dict[str, str] | None = None, **query: Any) -> Any:
        return Client(self._apps[f"/{route}"]).open(
            path=f"/{route}", method=method, headers=headers or {}, query_string=query
        )

    def json(self, route: str, **query: Any) -> Any:
        """Ask until the trace is read."""
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.ask(route, **query)).status_code == 202:
            assert answer.get_json()["state"] == "reading"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()


@pytest.fixture(autouse=True)
def _look_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "FRESH_S", 0.0)


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def routes(logdir: Path) -> Routes:
    small_trace(logdir / "one" / FILE)
    return Routes(logdir)


def test_a_real_tensorboard_serves_the_plugin_beside_two_named_directories(tmp_path: Path) -> None:
    for name in ("first", "second"):
        small_trace(tmp_path / name / "inner" / FILE)
    spec = f"a:{tmp_path / 'first'},b:{tmp_path / 'second'}"
    server = Server(tmp_path / "first", "--logdir_spec", spec)
    try:
        listing = server.get("plugins_listing")
        assert listing["profiler_kit"]["tab_name"] == "Profiler Kit"
        assert listing["profiler_kit"]["enabled"]
        runs = server.get("plugin/profiler_kit/runs")["runs"]
        assert [one["run"] for one in runs] == ["a/inner", "b/inner"]
        ready = server.wait_for(
            "plugin/profiler_kit/views", lambda answer: answer["state"] == "ready", run="b/inner", file=FILE
        )
        assert ready["trace"]["classes"] == ["cuda"]
        status, headers, body = server.request("plugin/profiler_kit/static/index.js")
        assert status == 200
        assert headers["Content-Type"].startswith("text/javascript")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert b"render" in body
        status, _, body = server.request("plugin/profiler_kit/view", id="overview", run="b/../../first", file=FILE)
        assert status == 404
        assert list(json.loads(body)) == ["error"]
    finally:
        server.stop()


def test_with_the_fast_data_server_runs_that_hold_only_traces_are_found(tmp_path: Path) -> None:
    small_trace(tmp_path / "runs" / "inner" / FILE)
    server = Server(tmp_path / "runs", "--logdir", str(tmp_path / "runs"), "--load_fast=true", alone=True)
    try:
        assert [one["run"] for one in server.get("plugin/profiler_kit/runs")["runs"]] == ["inner"]
        assert server.get("plugins_listing")["profiler_kit"]["enabled"]
        assert server.get("runs") == []  # TensorBoard itself lists none of these
    finally:
        server.stop()


def test_reading_happens_in_the_background_and_is_told(routes: Routes) -> None:
    first = routes.ask("views", run="one", file=FILE)
    assert first.status_code in (200, 202)
    assert routes.json("views", run="one", file=FILE)["state"] == "ready"
    (run,) = routes.json("runs")["runs"]
    assert run["files"][0]["state"] == "ready"
    assert run["files"][0]["progress"] == 1.0


def test_new_and_changed_traces_are_seen(routes: Routes, logdir: Path) -> None:
    before = routes.json("runs")["generation"]
    assert routes.json("view", id="kernels", run="one", file=FILE)["blocks"]
    small_trace(logdir / "two" / FILE, kernel_us=7)
    answer = routes.json("runs")
    assert [one["run"] for one in answer["runs"]] == ["one", "two"]
    assert answer["generation"] > before
    small_trace(logdir / "one" / FILE, kernel_us=1234.5)
    os.utime(logdir / "one" / FILE, (1, 1))
    table = next(
        block for block in routes.json("view", id="kernels", run="one", file=FILE)["blocks"] if block["id"] == "kernels"
    )
    total = [column["key"] for column in table["columns"]].index("total")
    assert table["rows"][0][total] == 1_234_500


def test_what_the_browser_has_is_not_sent_again(routes: Routes) -> None:
    routes.json("view", id="overview", run="one", file=FILE)
    first = routes.ask("view", id="overview", run="one", file=FILE, headers={"Accept-Encoding": "gzip"})
    assert first.headers["Content-Encoding"] == "gzip"
    etag = first.headers["ETag"]
    again = routes.ask("view", id="overview", run="one", file=FILE, headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert again.get_data() == b""
    plain = routes.ask("view", id="overview", run="one", file=FILE)
    assert "Content-Encoding" not in plain.headers
    assert plain.get_data() == gzip.decompress(first.get_data())


def test_timeline_arrays_are_what_the_trace_holds(routes: Routes) -> None:
    head = routes.json("timeline", run="one", file=FILE)
    data = routes.ask("timeline_data", run="one", file=FILE).get_data()
    arrays = {
        one["array"]: np.frombuffer(data, np.dtype(one["dtype"]).newbyteorder("<"), one["length"], one["offset"])
        for one in head["arrays"]
    }
    names = [head["names"][code] for code in arrays["name"]]
    wanted = ("void relu_kernel<float>(float*)", "cudaLaunchKernel", "aten::relu")
    kernel, launch, operator = map(names.index, wanted)
    assert arrays["start_ns"][kernel] == 60_000
    assert arrays["duration_ns"][kernel] == 20_000
    assert arrays["up"][kernel] == launch
    assert arrays["up"][launch] == operator
    assert arrays["depth"][launch] == 1
    assert head["classes"][arrays["class"][launch]]["id"] == "launch"
    slice_facts = routes.json("slice", run="one", file=FILE, index=kernel)
    assert slice_facts["kernel"] == names[kernel]
    assert ["grid", "4 × 1 × 1"] in slice_facts["facts"]


def test_tables_and_files_can_be_taken_away(routes: Routes, logdir: Path) -> None:
    routes.json("views", run="one", file=FILE)
    answer = routes.ask("csv", run="one", file=FILE, view="kernels", block="kernels")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="kernels-kernels.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True)))
    assert row["total_ns"] == "20000"
    raw = routes.ask("trace", run="one", file=FILE)
    assert raw.get_data() == (logdir / "one" / FILE).read_bytes()
    scope = routes.json("speedscope", run="one", file=FILE)
    assert scope["$schema"] == "https://www.speedscope.app/file-format-schema.json"


@pytest.mark.parametrize(
    ("run", "file"),
    [
        ("one", "../one/" + FILE),
        ("../runs/one", FILE),
        ("/etc", "passwd"),
        ("one", "/etc/passwd"),
        ("one/../one", FILE),
        ("one\0", FILE),
        (".", "secret.pt.trace.json.gz"),
        ("linked", FILE),
        ("", ""),
        ("%2e%2e", FILE),
    ],
)
def test_only_traces_that_were_found_are_served(routes: Routes, logdir: Path, run: str, file: str) -> None:
    outside = small_trace(logdir.parent / "outside" / FILE)
    (logdir / "secret.pt.trace.json.gz").symlink_to(outside)
    (logdir / "linked").symlink_to(outside.parent, target_is_directory=True)
    query = {"run": run, "file": file, "id": "overview", "view": "kernels", "block": "kernels", "index": "0"}
    for route in ("views", "view", "timeline", "timeline_data", "slice", "csv", "trace", "speedscope"):
        answer = routes.ask(route, **query)
        assert answer.status_code == 404, route
        assert list(answer.get_json()) == ["error"]
    query = {"run": "one", "file": FILE, "other_run": run, "other_file": file}
    assert routes.ask("compare", **query).status_code == 404


def test_a_link_within_the_directory_and_a_loop_do_no_harm(routes: Routes, logdir: Path) -> None:
    (logdir / "one" / "again").symlink_to(logdir, target_is_directory=True)
    (logdir / "one" / "same.pt.trace.json.gz").symlink_to(logdir / "one" / FILE)
    (run,) = routes.json("runs")["runs"]
    assert [one["file"] for one in run["files"]] == ["same.pt.trace.json.gz", FILE]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"run": "one"}, 400),
        ({"run": "x" * 2000, "file": FILE, "id": "overview"}, 400),
        ({"run": "one", "file": "x" * 40_000, "id": "overview"}, 414),
        ({"run": "one", "file": FILE, "id": "nothing"}, 404),
        ({"run": "one", "file": FILE, "id": "x" * 2000}, 400),
    ],
)
def test_senseless_parameters_are_refused_in_a_line(routes: Routes, query: dict[str, str], status: int) -> None:
    answer = routes.ask("view", **query)
    assert answer.status_code == status
    message = answer.get_json()["error"]
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize("index", ["-1", "1e3", "0x10", "999999999999", "9" * 100, "١", ""])
def test_slices_that_are_none_are_refused(routes: Routes, index: str) -> None:
    routes.json("timeline", run="one", file=FILE)
    assert routes.ask("slice", run="one", file=FILE, index=index).status_code in (400, 404)


def test_writing_is_refused(routes: Routes) -> None:
    assert routes.ask("runs", method="POST").status_code == 405


def test_a_trace_that_cannot_be_read_is_an_error_in_a_line(routes: Routes, logdir: Path) -> None:
    (logdir / "bad").mkdir()
    (logdir / "bad" / "worker.pt.trace.json").write_text("no trace", encoding="utf-8")
    deadline = time.monotonic() + PATIENCE_S
    while (answer := routes.ask("views", run="bad", file="worker.pt.trace.json")).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert answer.status_code == 422
    assert str(logdir) not in answer.get_json()["error"]
    failed = next(one for one in routes.json("runs")["runs"] if one["run"] == "bad")
    assert failed["files"][0]["state"] == "failed"


def test_a_mistake_of_ours_shows_no_traceback(routes: Routes, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(routes.plugin.discovery, "files", broken)
    answer = routes.ask("runs")
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)


def test_hostile_names_arrive_as_harmless_text(logdir: Path) -> None:
    (logdir / "bad").mkdir(parents=True)
    hostile(logdir / "bad" / "worker.pt.trace.json")
    routes = Routes(logdir)
    index = routes.json("views", run="bad", file="worker.pt.trace.json")
    assert index["state"] == "ready"
    for view in (one["id"] for one in index["views"]):
        answer = routes.ask("view", id=view, run="bad", file="worker.pt.trace.json")
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        body = answer.get_data(as_text=True)
        assert not any(mark in body for mark in "\u202e\u2066\u2028\0")
        assert len(body) < 500_000
    explained = routes.json("kernel", name=HOSTILE_NAMES[0])
    assert explained["name"] == HOSTILE_NAMES[0]


def test_ranks_of_a_run_are_compared(logdir: Path) -> None:
    for rank in (0, 1):
        trace = TraceBuilder(distributedInfo={"rank": rank, "world_size": 2})
        trace.op("aten::relu", 0, 50)
        trace.kernel("void relu_kernel<float>(float*)", 60, 20 + rank, launched_at=10)
        (logdir / "job").mkdir(parents=True, exist_ok=True)
        trace.write(logdir / "job" / f"rank{rank}.pt.trace.json")
    routes = Routes(logdir)
    assert [one["rank"] for one in routes.json("runs")["runs"][0]["files"]] == [0, 1]
    blocks = routes.json("view", id="ranks", run="job", file="rank0.pt.trace.json")["blocks"]
    table = next(block for block in blocks if block["id"] == "ranks")
    assert [row[0] for row in table["rows"]] == [0, 1]


def test_a_rank_that_cannot_be_read_is_named_beside_the_others(logdir: Path) -> None:
    (logdir / "job").mkdir(parents=True)
    for rank in (0, 1):
        trace = TraceBuilder(distributedInfo={"rank": rank, "world_size": 3})
        trace.kernel("void relu_kernel<float>(float*)", 60, 20 + rank, launched_at=10)
        trace.write(logdir / "job" / f"rank{rank}.pt.trace.json")
    (logdir / "job" / "rank2.pt.trace.json").write_text('{"a": 1}')
    routes = Routes(logdir)
    blocks = routes.json("view", id="ranks", run="job", file="rank0.pt.trace.json")["blocks"]
    table = next(block for block in blocks if block["id"] == "ranks")
    assert [row[0] for row in table["rows"]] == [0, 1]
    assert "rank2.pt.trace.json, byte 7: JSON, but no trace" in json.dumps(blocks)


def test_a_prediction_appears_when_it_is_made(logdir: Path) -> None:
    file = conv_trace(logdir / "one" / "worker.pt.trace.json")
    routes = Routes(logdir)
    query = {"run": "one", "file": file.name}
    blocks = routes.json("view", id="selection", **query)["blocks"]
    assert blocks[-1]["type"] == "missing"
    for gpu in ("H100", "B200"):
        keep_prediction(file, prediction_by_hand(read_trace(file), [gpu]))
        shown = json.dumps(routes.json("view", id="selection", **query))
        assert [name in shown for name in ("H100, float16", "B200, float16")] == [gpu == "H100", gpu == "B200"]
        block = "predicted_by_cudnn_first_plan_for_each_pass"
        table = routes.ask("csv", view="selection", block=block, **query).get_data(as_text=True)
        assert "eng62" in table


def test_two_traces_are_compared(routes: Routes, logdir: Path) -> None:
    small_trace(logdir / "two" / FILE, kernel_us=30)
    answer = routes.json("compare", run="one", file=FILE, other_run="two", other_file=FILE)
    table = next(block for block in answer["blocks"] if block["id"] == "compare_where")
    other = next(row for row in table["rows"] if row[0] == "other operators")
    assert other[1:4] == [20_000, 30_000, 10_000]


def test_a_remote_directory_is_walked_through_tensorboards_file_api() -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    trace = TraceBuilder()
    trace.op("aten::relu", 0, 50)
    document = {**trace.metadata, "traceEvents": trace.events}
    memory.pipe("/runs/inner/worker.pt.trace.json", json.dumps(document).encode())
    routes = Routes("memory://runs")
    assert [one["run"] for one in routes.json("runs")["runs"]] == ["inner"]
    assert routes.json("views", run="inner", file="worker.pt.trace.json")["trace"]["classes"] == ["cpu"]
