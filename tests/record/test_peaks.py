"""The CPU's peaks: measured outside of the recording, with the user's settings left alone, and in the trace."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity
from torch.utils.flop_counter import FlopCounterMode

from profiler_kit import read_trace
from profiler_kit.record import Recorder, peaks
from profiler_kit.record.peaks import measure_cpu_peaks
from profiler_kit.trace.spans import METADATA_KEY
from tests.record.recordings import complete_events, load

cpu_only = pytest.mark.skipif(torch.cuda.is_available(), reason="the default differs where there is a GPU")


def record(tmp_path: Path, **options: Any) -> Path:
    with Recorder(None, tmp_path, **options) as recorder:
        torch.ones(3).neg()
    return recorder.trace_paths[0]


def test_both_rates_are_positive_and_say_how_they_were_measured() -> None:
    measured = measure_cpu_peaks()
    assert measured is not None
    by_size = measured["copy_bytes_per_s_by_size"]
    assert set(measured) == {
        *("device", "threads", "fp32_flops_per_s", "bf16_flops_per_s"),
        *("copy_bytes_per_s", "copy_bytes_per_s_by_size", "method"),
    }
    assert [int(size) for size in by_size] == [2**power for power in range(17, 26)]
    assert min(by_size.values()) > 0
    assert (measured["device"], measured["threads"]) == ("cpu", torch.get_num_threads())
    assert measured["fp32_flops_per_s"] > 0
    assert measured["bf16_flops_per_s"] > 0
    assert measured["copy_bytes_per_s"] > 0
    assert "torch.mm" in measured["method"]


@pytest.mark.parametrize(
    ("bf16_s", "bf16_flops_per_s"),
    # At the rate of 256 × 256 the next takes 8 times as long: 0.1 s, more than 0.08 s, is left out; 0.04 s is not.
    [([0.0125], 2 * 256**3 / 0.0125), ([0.005, 0.005, 0.02], 2 * 1024**3 / 0.02)],
)
def test_rates_are_work_by_the_fastest_time(
    monkeypatch: pytest.MonkeyPatch, bf16_s: list[float], bf16_flops_per_s: float
) -> None:
    by_size = [0.01 * 2**place for place in range(9)]
    # Each copy is timed by all threads, and by one. Here all take twice as long as one up to 1 MiB, and half beyond.
    copies = [s for place, one in enumerate(by_size) for s in ((2 * one, one) if place < 4 else (one, 2 * one))]
    seconds = iter([0.1, 0.5, 2.0, 0.25, 0.3, *copies, *bf16_s])
    monkeypatch.setattr(peaks, "_fastest_s", lambda call, limit, stop: next(seconds))
    result: dict[str, Any] = {}
    peaks._measure(3, result, threading.Event())
    assert result["fp32_flops_per_s"] == max(2 * 256**3 / 0.1, 2 * 512**3 / 0.5, 2 * 1024**3 / 2.0)
    assert result["copy_bytes_per_s"] == 2 * 64 * 1024**2 / 0.25
    assert result["copy_bytes_per_s_by_size"] == pytest.approx({str(2**power): 2**17 / 0.01 for power in range(17, 26)})
    assert result["bf16_flops_per_s"] == bf16_flops_per_s
    assert result["threads"] == 3
    assert next(seconds, None) is None


def test_threads_that_wait_for_a_core_do_not_lower_the_rate_of_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside two busy processes on two cores, a copy by two threads of 2 MiB takes a time slice, that by one 29 µs."""
    monkeypatch.setattr(torch.Tensor, "copy_", lambda self, _source: time.sleep(0.004))
    stop = threading.Event()
    rate = peaks._copy_bytes_per_s(2 << 20, lambda call, seconds: peaks._fastest_s(call, seconds, stop), 0.02)
    assert rate > 2 * (2 << 20) / 0.004


@cpu_only
def test_a_recording_of_the_cpu_carries_them_and_nothing_of_the_measurement(tmp_path: Path) -> None:
    path = record(tmp_path)
    assert load(path)[METADATA_KEY]["measured_peaks"] == measure_cpu_peaks()
    assert read_trace(path).metadata[METADATA_KEY]["measured_peaks"] == measure_cpu_peaks()
    names = {event["name"] for event in complete_events(path)}
    assert "aten::neg" in names
    assert names.isdisjoint({"aten::mm", "aten::copy_", "aten::full"})


@pytest.mark.parametrize(
    ("options", "measured"),
    [
        ({"measure_peaks": False}, False),
        ({"measure_peaks": True, "activities": [ProfilerActivity.CPU, ProfilerActivity.CUDA]}, True),
        ({"activities": iter([ProfilerActivity.CPU])}, True),
        ({"activities": [ProfilerActivity.CPU, ProfilerActivity.CUDA]}, False),
    ],
    ids=["not wanted", "wanted", "cpu only", "with a gpu"],
)
def test_whether_it_is_measured_can_be_chosen(tmp_path: Path, options: dict[str, Any], measured: bool) -> None:
    with Recorder(None, tmp_path, **options) as recorder:
        torch.ones(3).neg()
    (path,) = recorder.trace_paths
    assert (load(path)[METADATA_KEY]["measured_peaks"] is not None) is measured


def test_the_callers_settings_are_neither_used_nor_touched() -> None:
    peaks._measured.cache_clear()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        with torch.device("meta"):
            assert measure_cpu_peaks() is not None
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_cpu_enabled()
    assert counter.get_total_flops() == 0
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert gc.isenabled()


def test_without_memory_for_it_the_recording_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(peaks, "_copy_bytes_per_s", fail)
    peaks._measured.cache_clear()
    try:
        path = record(tmp_path, measure_peaks=True)
    finally:
        peaks._measured.cache_clear()
    assert load(path)[METADATA_KEY]["measured_peaks"] is None


@cpu_only
def test_ctrl_c_while_they_are_measured_ends_the_process_as_an_interrupt() -> None:
    """A thread that PyTorch keeps busy must not be left behind: the process would end with SIGABRT."""
    code = """
import os, signal, sys, threading, time
from profiler_kit.record import peaks
signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored here
started = threading.Event()
peaks._SECONDS_EACH = 600.0
make = peaks._matrix_product
def announced(*args):
    started.set()
    return make(*args)
peaks._matrix_product = announced
def interrupt():
    started.wait()
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    peaks.measure_cpu_peaks()
except KeyboardInterrupt:
    for one in threading.enumerate():
        if one.name == "profiler_kit peaks":
            one.join(30)
    left = [one.name for one in threading.enumerate() if one.name == "profiler_kit peaks"]
    print("left", left)
    sys.exit(130)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (130, "left []\n"), result.stderr
