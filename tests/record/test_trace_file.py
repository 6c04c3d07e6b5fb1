"""The file: complete or not there, readable by others, and without anything that is nobody's business."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from profiler_kit.errors import RecordingError
from profiler_kit.formats import find_traces, read_trace
from profiler_kit.record import Recorder, describe_environment
from profiler_kit.record.trace_file import write_trace
from profiler_kit.trace.spans import METADATA_KEY
from tests.record.recordings import SmallNet, images, load

TRACE = (
    b'{\n "schemaVersion": 1,\n "host_name": "secret-host",\n "traceEvents": [\n {"ph": "i"}\n ], "traceName": "/x/y" }'
)


def record(logdir: Path, **options: Any) -> Path:
    model = SmallNet()
    with Recorder(model, logdir, **options) as recorder:
        model(images()).sum().backward()
    (path,) = recorder.trace_paths
    return path


def test_torch_tb_profiler_reads_it(tmp_path: Path) -> None:
    from torch_tb_profiler import consts
    from torch_tb_profiler.profiler.data import RunProfileData

    path = record(tmp_path, worker="rank 0 [a]")
    match = consts.WORKER_PATTERN.match(path.name)
    assert match is not None
    assert match[1] == "rank_0__a_"
    data = RunProfileData.parse(match[1], match[2], str(path), None)
    assert {"aten::convolution", "ProfilerStep#0"} <= {event.name for event in data.events}


def test_our_reader_reads_it(tmp_path: Path) -> None:
    path = record(tmp_path)
    assert find_traces(tmp_path) == [path]
    layers = read_trace(path).layers
    assert len(layers) == 8


def test_default_name_tells_process_and_time(tmp_path: Path) -> None:
    before_ns = time.time_ns()
    worker, stamp, rest = record(tmp_path).name.split(".", 2)
    assert worker.endswith(f"_{os.getpid()}")
    assert before_ns <= int(stamp) <= time.time_ns()
    assert rest == "pt.trace.json.gz"


def test_metadata_are_an_object_in_every_cycles_file(tmp_path: Path) -> None:
    model = SmallNet()
    with Recorder(model, tmp_path, warmup=1, active=1) as recorder:
        for _ in range(4):
            model(images())
            recorder.step()
    assert len(recorder.trace_paths) == 2
    for path in recorder.trace_paths:
        metadata = load(path)[METADATA_KEY]
        assert metadata["schedule"] == {"wait": 0, "warmup": 1, "active": 1, "repeat": 0, "skip_first": 0}
        assert metadata["environment"] == describe_environment()
        assert metadata["environment"]["torch"] == torch.__version__
        assert metadata["environment"]["cpu"]["intra_op_threads"] == torch.get_num_threads()
        assert metadata["layers"]["features.0"] == {"type": "Conv2d", "parameters": 4 * 3 * 9 + 4}
        assert metadata["layers"]["heads"] == {"type": "ModuleList", "parameters": 0}


def test_schedule_is_null_if_everything_is_recorded(tmp_path: Path) -> None:
    assert load(record(tmp_path))[METADATA_KEY]["schedule"] is None


def test_parameters_add_up_also_when_shared(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(7, 5), nn.Linear(5, 7, bias=False), nn.LazyLinear(3))
    model[1].weight = model[0].weight
    with Recorder(model, tmp_path) as recorder:
        pass
    layers = load(recorder.trace_paths[0])[METADATA_KEY]["layers"]
    assert {name: layer["parameters"] for name, layer in layers.items()} == {"": 0, "0": 35, "1": 0, "2": 0}


def test_environment_tells_settings_as_they_are() -> None:
    assert describe_environment()["settings"]["default_dtype"] == "float32"
    torch.set_default_dtype(torch.float64)
    torch.backends.cudnn.benchmark = True
    try:
        settings = describe_environment()["settings"]
    finally:
        torch.set_default_dtype(torch.float32)
        torch.backends.cudnn.benchmark = False
    assert settings["default_dtype"] == "float64"
    assert settings["cudnn_benchmark"] is True


def test_environment_survives_settings_that_torch_refuses_to_read() -> None:
    code = """if True:
        import torch
        from profiler_kit.record import describe_environment
        if hasattr(torch.backends, "fp32_precision"):
            torch.backends.fp32_precision = "tf32"
            torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        print(describe_environment()["settings"]["cudnn_enabled"])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr


def test_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2-in-the-environment")
    monkeypatch.setattr(sys, "argv", ["train.py", "--password=hunter2-on-the-command-line"])
    document = load(record(tmp_path, worker="me"))
    text = str(document)
    assert "hunter2" not in text
    assert str(tmp_path) not in text
    assert "host_name" not in document
    assert socket.gethostname() not in str(document[METADATA_KEY])


def test_a_killed_process_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    code = f"""if True:
        import time, torch
        from profiler_kit.record import Recorder, trace_file
        rewrite = trace_file._rewrite
        def slow_rewrite(exported, target, *rest):
            rewrite(exported, target, *rest)
            target.flush()
            print("half way", flush=True)
            time.sleep(60)
        trace_file._rewrite = slow_rewrite
        with Recorder(logdir={str(tmp_path)!r}):
            torch.ones(3)"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
    left = [path.name for path in tmp_path.iterdir()]
    assert left  # it was killed in the middle of writing
    assert all(name.endswith(".tmp") and name.startswith(".") for name in left)


def export_nothing(path: str) -> None:
    """Fails as Kineto does: it complains on stderr and returns."""


def export_half(path: str) -> None:
    Path(path).write_bytes(TRACE[:60])


def export_half_and_give_up(path: str) -> None:
    Path(f"{path}.tmp").write_bytes(TRACE[:60])


def export_rubbish(path: str) -> None:
    Path(path).write_text("{}")


def export_and_raise(path: str) -> None:
    Path(path).write_bytes(TRACE)
    raise RuntimeError("Trace is already saved.")


@pytest.mark.parametrize(
    "export", [export_nothing, export_half, export_half_and_give_up, export_rubbish, export_and_raise]
)
def test_a_failed_export_leaves_nothing_behind(tmp_path: Path, export: Any) -> None:
    path = tmp_path / "w.1.pt.trace.json.gz"
    with pytest.raises(RecordingError) as failure:
        write_trace(export, path, {})
    assert str(failure.value).startswith(f"{path}: the trace could not be written: ")
    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_export_leaves_nothing_behind(tmp_path: Path) -> None:
    def export(path: str) -> None:
        Path(path).write_bytes(TRACE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_trace(export, tmp_path / "w.1.pt.trace.json.gz", {})
    assert list(tmp_path.iterdir()) == []


def test_everything_but_host_and_path_is_kept(tmp_path: Path) -> None:
    text = TRACE.replace(b'"/x/y" }', b'"/x/y",\n "displayTimeUnit": "ms",\n "baseTimeNanoseconds": 17 }')
    path = tmp_path / "w.1.pt.trace.json.gz"
    write_trace(lambda place: Path(place).write_bytes(text), path, {"extra": {'a "quoted" \\ key': "ü"}})
    assert load(path) == {
        "extra": {'a "quoted" \\ key': "ü"},
        "schemaVersion": 1,
        "traceEvents": [{"ph": "i"}],
        "traceName": path.name,
        "displayTimeUnit": "ms",
        "baseTimeNanoseconds": 17,
    }


def test_long_traces_are_copied_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiler_kit.record.trace_file._COPY_BYTES", 7)
    path = tmp_path / "w.1.pt.trace.json.gz"
    write_trace(lambda place: Path(place).write_bytes(TRACE), path, {})
    assert load(path)["traceEvents"] == [{"ph": "i"}]
