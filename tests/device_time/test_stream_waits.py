"""Work that waits for a copy on another stream: the copy and what launched it are named, where they are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiler_kit.analysis.device_time.idle import IdleTime, idle
from profiler_kit.analysis.device_time.idle_causes import COPY, HOST_OUTSIDE
from profiler_kit.formats import read_trace
from profiler_kit.report.idle import gap_rows
from tests.builders import TraceBuilder

HTOD = "Memcpy HtoD (Pinned -> Device)"


def prefetching(*, copy_launched_at: int = 8, copy_tid: int = 1, gemm_launched_at: int = 15) -> TraceBuilder:
    """Stream 8 copies from 20 to 40 µs, asked for in aten::to of a layer; a matrix product on stream 7 runs from 46."""
    b = TraceBuilder()
    b.kernel("first", 0, 5, launched_at=0)
    b.annotation("layer: embed (Embedding) #1", copy_launched_at - 2, 5, tid=copy_tid)
    b.op("aten::to", copy_launched_at - 2, 4, tid=copy_tid)
    b.op("aten::copy_", copy_launched_at - 1, 3, tid=copy_tid)
    b.copy(HTOD, 20, 20, launched_at=copy_launched_at, tid=copy_tid, stream=8)
    b.op("aten::linear", gemm_launched_at - 1, 4)
    b.kernel("gemm", 46, 10, launched_at=gemm_launched_at)
    return b


def idle_of(b: TraceBuilder, directory: Path) -> IdleTime:
    return idle(read_trace(b.write(directory / "w.pt.trace.json"), cache=False))


def last_gap(result: IdleTime, *, cause_ns: int = 6_000) -> tuple[object, ...]:
    """What is said of the gap from 40 to 46 µs; the other one is from 5 to 20, before the copy."""
    assert result.gaps[["start_ns", "duration_ns"]].to_numpy().tolist() == [[5_000, 15_000], [40_000, 6_000]]
    gap = result.gaps.iloc[1].astype(object)
    gap = gap.where(gap.notna(), None)
    assert (gap["cause"], gap["cause_ns"], gap["next"], gap["after_sync"]) == (COPY, cause_ns, "gemm", False)
    return tuple(gap[["waits_for", "operator", "call", "layer"]])


COPY_NAMED = (HTOD, "aten::to", "cudaMemcpyAsync", "embed")
LAUNCH_NAMED = (None, "aten::linear", "cudaLaunchKernel", None)


@pytest.mark.parametrize("told", [8, None], ids=["cuda_sync tells", "only one other stream"])
def test_the_copy_and_the_operator_that_launched_it_are_named(tmp_path: Path, told: int | None) -> None:
    b = prefetching()
    b.stream_wait(13, recorded_at=12, waits_for=told)
    result = idle_of(b, tmp_path)
    assert last_gap(result) == COPY_NAMED
    # Busy: 0-5, 20-40 and 46-56 of 0-56; idle: 5-20 and 40-46, of it 5-6 before aten::to.
    (books,) = result.devices[["span_ns", "busy_ns", "idle_ns"]].to_numpy().tolist()
    assert books == [56_000, 35_000, 21_000]
    assert result.causes["ns"].sum() == 21_000
    by_cause = result.causes.set_index("cause")["ns"]
    assert (by_cause[COPY], by_cause[HOST_OUTSIDE]) == (6_000, 1_000)
    evidence = gap_rows(result)[1]["evidence"]
    assert evidence == (
        f"waited for {HTOD} on another stream, launched in aten::to (cudaMemcpyAsync) of layer embed; next is gemm"
    )


def test_a_copy_that_another_thread_launched(tmp_path: Path) -> None:
    b = prefetching(copy_tid=2)
    b.stream_wait(13, recorded_at=12, waits_for=8)
    assert last_gap(idle_of(b, tmp_path)) == COPY_NAMED


def test_a_copy_outside_of_operators_is_named_by_its_call(tmp_path: Path) -> None:
    b = prefetching()
    b.events = [event for event in b.events if event["name"] not in ("aten::to", "aten::copy_")]
    b.stream_wait(13, recorded_at=12, waits_for=8)
    assert last_gap(idle_of(b, tmp_path)) == (HTOD, None, "cudaMemcpyAsync", "embed")


def test_a_third_stream_may_be_what_was_waited_for(tmp_path: Path) -> None:
    b = prefetching()
    b.kernel("third", 25, 5, launched_at=9, stream=9)
    b.stream_wait(13, recorded_at=12)
    assert last_gap(idle_of(b, tmp_path)) == LAUNCH_NAMED


def test_a_third_stream_is_not_where_cuda_sync_tells(tmp_path: Path) -> None:
    b = prefetching()
    b.kernel("third", 25, 5, launched_at=9, stream=9)
    b.stream_wait(13, recorded_at=12, waits_for=8)
    assert last_gap(idle_of(b, tmp_path)) == COPY_NAMED


def test_what_a_third_stream_did_before_the_stream_was_free_held_nothing_up(tmp_path: Path) -> None:
    b = prefetching()
    b.kernel("third", 1, 3, launched_at=0, stream=9)
    b.stream_wait(13, recorded_at=12)
    assert last_gap(idle_of(b, tmp_path)) == COPY_NAMED


def test_cuda_sync_tells_of_another_stream(tmp_path: Path) -> None:
    b = prefetching()
    b.stream_wait(13, recorded_at=12, waits_for=9)
    assert last_gap(idle_of(b, tmp_path)) == LAUNCH_NAMED


@pytest.mark.parametrize("told", [8, None])
def test_an_event_that_was_there_before_the_copy(tmp_path: Path, told: int | None) -> None:
    b = prefetching(copy_launched_at=10)
    b.stream_wait(14, recorded_at=7, waits_for=told)
    assert last_gap(idle_of(b, tmp_path)) == LAUNCH_NAMED


def test_an_event_recorded_after_the_copy_is_not_the_one_that_cuda_sync_tells_of(tmp_path: Path) -> None:
    b = prefetching(copy_launched_at=10)
    b.stream_wait(14, recorded_at=7, waits_for=8)
    b.event("cuda_runtime", "cudaEventRecord", 13, 1, correlation=77)
    assert last_gap(idle_of(b, tmp_path)) == LAUNCH_NAMED


def test_no_event_was_recorded(tmp_path: Path) -> None:
    b = prefetching()
    b.stream_wait(13)
    assert last_gap(idle_of(b, tmp_path)) == LAUNCH_NAMED


def test_what_is_launched_after_the_copy_has_ended_does_not_wait_for_it(tmp_path: Path) -> None:
    b = prefetching(gemm_launched_at=41)
    b.stream_wait(13, recorded_at=12, waits_for=8)
    assert last_gap(idle_of(b, tmp_path), cause_ns=5_000) == LAUNCH_NAMED


def test_streams_of_two_devices_with_one_number_are_two_streams(tmp_path: Path) -> None:
    """Device 1 ran nothing before its matrix product: that device 0 was given work since the wait changes nothing."""
    b = TraceBuilder()
    b.event("cuda_runtime", "cudaLaunchKernel", 14, 1, correlation=90)
    b.event("kernel", "of device 0", 30, 5, pid=0, tid=7, device=0, stream=7, correlation=90)
    b.op("aten::to", 1, 4)
    b.event("cuda_runtime", "cudaMemcpyAsync", 2, 1, correlation=91)
    b.event("gpu_memcpy", HTOD, 20, 20, pid=1, tid=8, device=1, stream=8, correlation=91)
    b.stream_wait(13, recorded_at=12, waits_for=8)
    b.event("cuda_runtime", "cudaLaunchKernel", 16, 1, correlation=92)
    b.event("kernel", "gemm", 46, 10, pid=1, tid=7, device=1, stream=7, correlation=92)
    (gap,) = idle_of(b, tmp_path).gaps.to_dict("records")
    assert (gap["device"], gap["cause"], gap["waits_for"], gap["operator"]) == (1, COPY, HTOD, "aten::to")
