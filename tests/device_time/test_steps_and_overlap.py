"""Steps, streams and overlap on made-up timelines where every answer is known by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from profiler_kit.analysis.device_time.overlap import Overlap, overlap
from profiler_kit.analysis.device_time.step_statistics import cut_steps, outliers, trend
from profiler_kit.analysis.device_time.steps import Steps, steps
from profiler_kit.analysis.work.step_times import step_times
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

REDUCE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(p)"


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """Two steps; the host is done with the first at 100, the device at 150.

    Stream 7: compute 10..60, 70..90, 120..150 (launched in step 1), 160..180 (step 2), copy 180..190
    Stream 8: all-reduce 50..80 (step 1), 200..260 (step 2); memset 255..262
    Step 1: 0..100 on the host, window 0..150. Step 2: 100..240 on the host, window 150..262.
    """
    b = TraceBuilder()
    b.annotation("ProfilerStep#1", 0, 100)
    b.annotation("ProfilerStep#2", 100, 140)
    for start, duration, launched in ((10, 50, 2), (70, 20, 4), (120, 30, 95), (160, 20, 130)):
        b.kernel("gemm", start, duration, launched_at=launched)
    b.op("aten::mm", 1, 9)
    b.copy("Memcpy HtoD (Pinned -> Device)", 180, 10, launched_at=140, size=100)
    b.kernel(REDUCE, 50, 30, launched_at=6, stream=8)
    b.kernel(REDUCE, 200, 60, launched_at=150, stream=8)
    b.event("cuda_runtime", "cudaMemsetAsync", 152, 1, correlation=500)
    b.event("gpu_memset", "Memset (Device)", 255, 7, pid=0, tid=8, device=0, stream=8, correlation=500, bytes=8)
    return read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False)


def test_steps_in_parts(trace: Trace) -> None:
    result = steps(trace)
    first, second = result.table.to_dict("records")
    assert (first["start_ns"], first["duration_ns"], first["host_ns"]) == (0, 150_000, 100_000)
    assert (second["start_ns"], second["duration_ns"], second["host_ns"]) == (150_000, 112_000, 140_000)
    parts = ["compute_ns", "exposed_communication_ns", "exposed_copy_ns", "exposed_memset_ns", "idle_ns", "outside_ns"]
    assert [first[name] for name in parts] == [100_000, 10_000, 0, 0, 30_000, 10_000]
    assert [second[name] for name in parts] == [20_000, 60_000, 10_000, 2_000, 20_000, 0]
    assert (first["communication_ns"], second["communication_ns"]) == (30_000, 60_000)
    assert (first["kernels"], second["kernels"]) == (4, 2)
    assert (first["critical"], second["critical"]) == ("compute", "communication")
    assert first["op_ns"] == 9_000
    assert result.outside["busy_ns"].tolist() == [0]


def test_a_long_step_does_not_overlap_the_second_next(tmp_path: Path) -> None:
    """Work of the first step runs on one stream while that of the next two begins and ends on another."""
    b = TraceBuilder()
    for number in range(3):
        b.annotation(f"ProfilerStep#{number}", 100 * number, 100)
    b.kernel("long", 50, 350, launched_at=20)
    b.kernel("short", 150, 30, launched_at=120, stream=8)
    b.kernel("late", 420, 20, launched_at=220, stream=8)
    trace = read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False)
    table = steps(trace).table
    windows = [
        (start // 1000, length // 1000) for start, length in zip(table["start_ns"], table["duration_ns"], strict=True)
    ]
    assert windows == [(0, 400), (400, 0), (400, 40)]
    # 50..400 and 420..440 together: what the second step runs beside the first is busy once, in every table.
    assert table["busy_ns"].tolist() == [350_000, 0, 20_000]
    assert step_times(trace).table["device_busy_ns"].tolist() == [350_000, 0, 20_000]


def test_overlap(trace: Trace) -> None:
    result = overlap(trace)
    table = result.classes.set_index("class")
    assert table["ns"].to_dict() == {"compute": 120_000, "communication": 90_000, "copy": 10_000, "memset": 7_000}
    assert table["hidden_ns"].to_dict() == {"compute": 0, "communication": 20_000, "copy": 0, "memset": 5_000}
    pairs = result.matrix.set_index(["class", "other"])["ns"]
    assert pairs[("compute", "communication")] == pairs[("communication", "compute")] == 20_000
    assert pairs[("communication", "memset")] == 5_000
    assert pairs[("compute", "compute")] == 120_000
    assert table["exposed_ns"].sum() == 202_000


def test_streams(trace: Trace) -> None:
    result = overlap(trace)
    streams = result.streams.set_index("stream")
    assert streams["busy_ns"].to_dict() == {7: 130_000, 8: 92_000}
    assert streams["alone_ns"].to_dict() == {7: 110_000, 8: 72_000}
    assert streams["share"].loc[7] == 130 / 252
    assert result.stream_pairs.to_numpy().tolist() == [[0, 7, 8, 20_000]]


def test_many_streams(tmp_path: Path) -> None:
    """More streams than can be compared in pairs: busy times of all of them are right all the same."""
    b = TraceBuilder()
    for stream in range(80):
        b.kernel("k", 10 + stream, 10, launched_at=1, stream=stream)
    result: Overlap = overlap(read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False))
    assert result.streams["busy_ns"].tolist() == [10_000] * 80
    pairs = result.stream_pairs.set_index(["stream", "other"])["ns"]
    assert (pairs[(0, 1)], pairs[(0, 9)]) == (9_000, 1_000)
    assert (0, 10) not in pairs


def test_without_gpu_steps_have_their_host_side(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.annotation("ProfilerStep#1", 0, 100)
    b.op("aten::mm", 1, 9)
    result: Steps = steps(read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False))
    row = result.table.iloc[0]
    assert (row["duration_ns"], row["op_ns"]) == (100_000, 9_000)
    assert pd.isna(row["busy_ns"])
    assert pd.isna(row["device"])


def test_outliers() -> None:
    assert outliers(np.array([100, 101, 99, 100, 150, 100])).tolist() == [False] * 4 + [True, False]
    assert not outliers(np.array([1_000_000, 1_000_001, 1_000_000, 1_000_002, 1_000_000])).any()
    assert not outliers(np.array([1, 2, 3, 90])).any()


def test_trend() -> None:
    rising, falling = trend(np.arange(10) * 7 + 100), trend(np.arange(10)[::-1])
    steady = trend(np.array([5, 3, 4, 5, 3, 4, 5, 3, 4]))
    assert rising is not None
    assert (rising.direction, rising.rank_correlation, rising.change_ns) == ("rising", pytest.approx(1.0), 49)
    assert falling is not None
    assert falling.direction == "falling"
    assert steady is not None
    assert steady.direction == "steady"
    assert trend(np.arange(7)) is None


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ([100, 100, 100, 0], [False, False, False, True]),
        ([40, 100, 100, 100], [True, False, False, False]),
        ([100, 100, 95], [False, False, False]),
        ([100, 60], [None, None]),
        ([100, 0], [None, True]),
        ([100], [None]),
        ([], []),
    ],
)
def test_cut_steps(operators: list[int], expected: list[bool | None]) -> None:
    cut, remarks = cut_steps(np.array(operators, dtype=np.int64))
    assert [None if pd.isna(one) else bool(one) for one in cut] == expected
    assert [one is not None for one in remarks] == [one is True for one in expected]


def test_a_cut_step_is_marked(tmp_path: Path) -> None:
    b = TraceBuilder()
    for number in range(4):
        b.annotation(f"ProfilerStep#{number}", 100 * number, 90)
        for at in range(10 if number < 3 else 2):
            b.op("aten::mm", 100 * number + 5 * at, 3)
    result = steps(read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False))
    assert result.table["cut"].tolist() == [False, False, False, True]
    assert result.table["remark"].iloc[3] == "cut: 2 operators, at least 10 in each step between"
