"""The kernels of oneDNN and MKL in real recordings: each in its operator, on the operators' clock."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder, cpu_kernels
from profiler_kit.trace import Trace
from tests.record.recordings import load


@pytest.fixture(autouse=True, scope="module")
def possible() -> None:
    capture = cpu_kernels.CpuKernelCapture()
    capture.install()
    capture.remove()
    if capture.problem is not None:
        pytest.skip(capture.problem)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 24, 3, padding=1)
        self.third = nn.Conv2d(24, 8, 1)
        self.dense = nn.Linear(8, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, images: Any) -> Any:
        features = self.third(self.second(self.first(images).relu()).relu())
        return self.head(self.dense(features.mean((2, 3))))


def record(tmp_path: Path, steps: int = 3, **options: Any) -> Recorder:
    model, images = Net(), torch.randn(4, 3, 24, 24, requires_grad=True)
    options = {"active": steps, "repeat": 1, "cpu_kernels": True, **options}
    with Recorder(model, tmp_path, **options) as recording:
        for _ in range(steps * max(options["repeat"], 1)):
            model(images).sum().backward()
            recording.step()
    return recording


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return read_trace(record(tmp_path_factory.mktemp("trace")).trace_paths[0])


def test_every_kernel_is_inside_the_operator_that_ran_it(trace: Trace) -> None:
    kernels = trace.cpu_kernels
    assert kernels["op"].notna().all()
    ops = trace.ops.iloc[kernels["op"].to_numpy(dtype=int)].reset_index(drop=True)
    found = Counter(
        zip(kernels["primitive"], kernels["propagation"].astype(object).fillna(""), ops["name"], strict=True)
    )
    reorders = {key: found.pop(key) for key in list(found) if key[0] == "reorder"}
    assert found == {
        ("convolution", "forward_training", "aten::mkldnn_convolution"): 9,
        ("convolution", "backward_data", "aten::convolution_backward"): 9,
        ("convolution", "backward_weights", "aten::convolution_backward"): 9,
        ("SGEMM", "", "aten::addmm"): 6,
        ("SGEMM", "", "aten::mm"): 12,
    }
    assert {name for _, _, name in reorders} <= {"aten::mkldnn_convolution", "aten::convolution_backward"}


def test_forward_kernels_are_inside_their_layers_span(trace: Trace) -> None:
    expected = {
        "first": "ic3oc16",
        "second": "ic16oc24",
        "third": "ic24oc8",
        "dense": "T,N,32,4,8",
        "head": "T,N,10,4,32",
    }
    kernels = trace.cpu_kernels[trace.cpu_kernels["primitive"] != "reorder"]
    for span in trace.layers.itertuples():
        end_ns = span.start_ns + span.duration_ns
        inside = kernels[
            (kernels["start_ns"] >= span.start_ns) & (kernels["start_ns"] + kernels["duration_ns"] <= end_ns)
        ]
        if span.layer:
            (shapes,) = inside["shapes"]
            assert expected[span.layer] in shapes
        else:
            assert len(inside) == len(expected)


def test_tracks_and_facts(trace: Trace) -> None:
    kernels = trace.cpu_kernels
    tracks = trace.threads["tid"].iloc[kernels["thread"].to_numpy()]
    assert tracks.tolist() == kernels["library"].tolist()
    convolutions = kernels[kernels["primitive"] == "convolution"]
    assert convolutions["algorithm"].str.startswith("convolution_").all()
    assert convolutions["layouts"].str.contains("src:f32").all()
    products = kernels[kernels["library"] == "MKL"]
    assert (products["name"] == "SGEMM").all()
    assert (kernels["start_from"] == "line").all()
    assert products["layouts"].isna().all()


def test_each_cycle_has_its_own(tmp_path: Path) -> None:
    recording = record(tmp_path, steps=1, repeat=3)
    counts = [len(read_trace(path).cpu_kernels) for path in recording.trace_paths]
    assert len(counts) == 3
    assert counts[0] == counts[1] == counts[2] > 0
    facts = [load(path)["profiler_kit"]["cpu_kernels"] for path in recording.trace_paths]
    assert [fact["kernels"] for fact in facts] == counts
    assert all(fact["captured"] and fact["problem"] is None for fact in facts)


def test_an_exception_keeps_what_ran(tmp_path: Path) -> None:
    layer = nn.Linear(4, 4)
    recording = Recorder(layer, tmp_path, cpu_kernels=True)

    def run() -> None:
        with recording:
            layer(torch.ones(2, 4))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert read_trace(recording.trace_paths[0]).cpu_kernels["name"].tolist() == ["SGEMM"]
    assert_nothing_is_left()


@pytest.mark.parametrize("activities", [None, [torch.profiler.ProfilerActivity.CPU]])
@pytest.mark.skipif(torch.cuda.is_available(), reason="where there is a GPU, None records more than the CPU")
def test_a_recording_of_the_cpu_captures_without_being_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], activities: Any
) -> None:
    with Recorder(None, tmp_path, activities=activities) as recording:
        nn.Linear(4, 4)(torch.ones(2, 4))
    assert read_trace(recording.trace_paths[0]).cpu_kernels["name"].tolist() == ["SGEMM"]
    facts = load(recording.trace_paths[0])["profiler_kit"]["cpu_kernels"]
    assert facts == {"captured": True, "problem": None, "libraries": ["oneDNN", "MKL"], "kernels": 1}
    assert capfd.readouterr().out == ""


def test_a_recording_that_includes_a_gpu_does_not(tmp_path: Path) -> None:
    both = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    recording = Recorder(None, tmp_path, activities=both)
    assert recording._cpu_kernels is None


def test_switched_off_nothing_is_captured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Recorder(None, tmp_path, cpu_kernels=False) as recording:
        nn.Linear(4, 4)(torch.ones(2, 4))
    document = load(recording.trace_paths[0])
    assert document["profiler_kit"]["cpu_kernels"] == {"captured": False}
    assert not [event for event in document["traceEvents"] if event.get("cat") == "cpu_kernel"]
    assert capfd.readouterr().out == ""


def assert_nothing_is_left() -> None:
    diversion = cpu_kernels._diversion
    assert diversion is not None
    assert not diversion.active
    now = {name: cpu_kernels.read_slot(slot) for name, slot in diversion._slots.items()}
    # What the libraries print with stays filtered; that it prints what the user asks for is tested below.
    filtered = {name: now.pop(name) for name in list(now) if name in ("mkl_serv_print_verbose_info", "__printf_chk")}
    assert now == {name: address for name, address in diversion._originals.items() if name not in filtered}


def test_afterwards_everything_is_as_before(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    record(tmp_path)
    assert_nothing_is_left()
    nn.Linear(4, 4)(torch.ones(2, 4))
    nn.Conv2d(3, 4, 3)(torch.ones(1, 3, 8, 8))
    assert capfd.readouterr().out == ""
    with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
        nn.Linear(4, 4)(torch.ones(2, 4))
    assert "MKL_VERBOSE SGEMM(" in capfd.readouterr().out
    with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
        nn.Conv2d(3, 4, 3)(torch.ones(2, 3, 8, 8))
    assert "onednn_verbose,v1,primitive,exec,cpu,convolution," in capfd.readouterr().out


def test_a_kernel_takes_no_longer_than_its_operator(trace: Trace) -> None:
    kernels = trace.cpu_kernels
    spent = kernels.groupby(kernels["op"].astype(int))["duration_ns"].sum()
    assert (spent <= trace.ops["duration_ns"].iloc[spent.index].to_numpy()).all()
    products = kernels[kernels["library"] == "MKL"]
    assert (products["duration_ns"] > 0).all()


def test_a_large_product_takes_what_the_clock_says(tmp_path: Path) -> None:
    """MKL's durations come from the processor's clock; Python's own must contain them and nearly nothing else."""
    factor = torch.ones(1200, 1200)
    torch.mm(factor, factor)
    with Recorder(None, tmp_path, cpu_kernels=True) as recording:
        began_ns = time.perf_counter_ns()
        torch.mm(factor, factor)
        took_ns = time.perf_counter_ns() - began_ns
    (duration_ns,) = read_trace(recording.trace_paths[0]).cpu_kernels["duration_ns"]
    assert took_ns / 3 < duration_ns < took_ns


def test_calls_under_way_when_a_cycle_ends_print_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    layer, inputs, stop = nn.Linear(512, 512), torch.ones(256, 512), threading.Event()

    def run() -> None:
        while not stop.is_set():
            layer(inputs)

    worker = threading.Thread(target=run)
    worker.start()
    try:
        with Recorder(None, tmp_path, active=1, repeat=15, cpu_kernels=True) as recording:
            for _ in range(15):
                layer(inputs)
                recording.step()
    finally:
        stop.set()
        worker.join()
    assert len(recording.trace_paths) == 15
    assert capfd.readouterr().out == ""


def test_a_kernel_that_outlasts_the_recording_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    layer, inputs, began = nn.Conv2d(64, 64, 9), torch.ones(8, 64, 96, 96), threading.Event()

    def run() -> None:
        torch.set_num_threads(1)  # of this thread: 41 GFLOP take one core a while
        began.set()
        with torch.no_grad():
            layer(inputs)

    worker = threading.Thread(target=run)
    with Recorder(None, tmp_path, cpu_kernels=True) as recording:
        worker.start()
        began.wait()
        time.sleep(0.05)
    assert worker.is_alive()
    worker.join()
    assert "convolution" not in set(read_trace(recording.trace_paths[0]).cpu_kernels["primitive"])
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("obstacle", ["variable", "build", "slot"])
def test_an_obstacle_costs_one_logged_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, obstacle: str
) -> None:
    monkeypatch.setattr(cpu_kernels, "_diversion", None)
    if obstacle == "variable":
        monkeypatch.setenv("MKL_VERBOSE", "0")
    elif obstacle == "build":
        monkeypatch.setattr(cpu_kernels, "find_slots", lambda *_: {})
    else:
        monkeypatch.setattr(cpu_kernels, "read_slot", lambda _: 1)
    with caplog.at_level(logging.WARNING):
        recording = record(tmp_path, steps=1, repeat=3)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    facts = load(recording.trace_paths[2])["profiler_kit"]["cpu_kernels"]
    assert not facts["captured"]
    assert facts["problem"] in caplog.text
    assert not len(read_trace(recording.trace_paths[2]).cpu_kernels)


def test_kernels_of_several_threads_are_kept_and_ambiguous_ones_marked(tmp_path: Path) -> None:
    layer, inputs = nn.Linear(64, 64), torch.ones(32, 64)
    calls, threads = 50, 4

    def run() -> None:
        for _ in range(calls):
            layer(inputs)

    with Recorder(None, tmp_path, cpu_kernels=True) as recording:
        workers = [threading.Thread(target=run) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    read = read_trace(recording.trace_paths[0])
    assert len(read.cpu_kernels) == calls * threads
    known = read.cpu_kernels["op"].dropna().to_numpy(dtype=int)
    assert set(read.ops["name"].iloc[known]) <= {"aten::addmm"}


def test_values_and_gradients_stay_bitwise_the_same(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model, images = Net(), torch.randn(4, 3, 24, 24)

    def gradients() -> list[Any]:
        model.zero_grad()
        model(images).square().sum().backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    before = gradients()
    with Recorder(model, tmp_path, cpu_kernels=True):
        during = gradients()
    assert all(torch.equal(one, other) for one, other in zip(before, during, strict=True))
