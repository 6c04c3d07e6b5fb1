"""Launches on made-up timelines where every answer is known by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiler_kit.analysis.device_time.launches import Launches, launches
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder


def launches_of(b: TraceBuilder, tmp_path: Path) -> Launches:
    return launches(read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False))


def test_calls_delays_and_kernels_shorter_than_their_launch(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.kernel("long", 10, 30, launched_at=5)
    b.kernel("queued", 40, 10, launched_at=7)
    b.kernel("short", 100, 0.5, launched_at=96)
    result = launches_of(b, tmp_path)
    row = result.calls.iloc[0]
    assert (row["name"], row["calls"], row["activities"], row["call_ns"]) == ("cudaLaunchKernel", 3, 3, 3_000)
    assert (row["median_delay_ns"], row["p95_delay_ns"]) == (5_000, pytest.approx(5_000 + 0.9 * 28_000))
    assert (result.kernels_launched, result.short_kernels) == (3, 1)
    assert (result.short_kernel_ns, result.short_call_ns) == (500, 1_000)


@pytest.mark.parametrize(("count", "stretches"), [(9, 0), (10, 1), (30, 1)])
def test_stretches(tmp_path: Path, count: int, stretches: int) -> None:
    """Kernels of 2 µs, one every 10 µs, each launched when the device has been idle for 4."""
    b = TraceBuilder()
    b.kernel("before", 0, 10, launched_at=0)
    for number in range(count):
        now = 20 + 10 * number
        b.op("aten::add", now - 7, 5)
        b.kernel("k", now, 2, launched_at=now - 4)
    b.kernel("queued", 20 + 10 * count, 2, launched_at=20 + 10 * count - 9.5)
    result = launches_of(b, tmp_path).stretches
    assert len(result) == stretches
    if stretches:
        row = result.iloc[0]
        assert (row["launches"], row["kernels"], row["operator"]) == (count, count, "aten::add")
        assert (row["start_ns"], row["duration_ns"]) == (20_000, (10 * count - 8) * 1000)
        assert (row["busy_ns"], row["idle_ns"]) == (count * 2_000, (count - 1) * 8_000)


def test_a_long_pause_breaks_a_stretch(tmp_path: Path) -> None:
    b = TraceBuilder()
    now = 0.0
    for number in range(24):
        now += 2_000 if number == 12 else 10
        b.kernel("k", now, 2, launched_at=now - 4)
    assert launches_of(b, tmp_path).stretches["launches"].tolist() == [11, 11]


def test_a_graph_replay_is_one_launch(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.kernel("before", 0, 10, launched_at=0)
    b.graph([("a", 30, 5), ("b", 36, 5), ("c", 45, 5)], launched_at=20)
    result = launches_of(b, tmp_path)
    assert (result.launches, result.graph_replays, result.kernels_launched) == (2, 1, 1)
    row = result.graphs.iloc[0]
    assert (row["activities"], row["kernels"], row["device_ns"], row["busy_ns"]) == (3, 3, 15_000, 15_000)
    assert (row["start_ns"], row["duration_ns"], row["call_ns"], row["delay_ns"]) == (30_000, 20_000, 1_000, 10_000)


def test_kernels_without_launch_count_nowhere(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.kernel("stray", 10, 5, launched_at=None)
    result = launches_of(b, tmp_path)
    assert (result.launches, len(result.calls), len(result.stretches), len(result.graphs)) == (0, 0, 0, 0)
