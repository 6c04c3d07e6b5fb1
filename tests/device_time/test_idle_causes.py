"""Idle time on made-up timelines where the cause of every gap is known."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler_kit.analysis.device_time import idle_causes as causes
from profiler_kit.analysis.device_time.idle import IdleTime, idle
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder

LATENCY = 4
"""µs from the beginning of a launch to the start of the kernel; the call itself takes 1."""


def idle_of(b: TraceBuilder) -> IdleTime:
    with tempfile.TemporaryDirectory() as directory:
        return idle(read_trace(b.write(Path(directory) / "w.pt.trace.json"), cache=False))


def pieces_of(result: IdleTime) -> list[tuple[int, int, str]]:
    """The pieces as (start, length, cause) in µs, neighbours of one cause joined."""
    found: list[tuple[int, int, str]] = []
    for row in result.pieces.to_dict("records"):
        start, length = row["start_ns"] // 1000, (row["end_ns"] - row["start_ns"]) // 1000
        if found and found[-1][2] == row["cause"] and found[-1][0] + found[-1][1] == start:
            start, length = found[-1][0], found.pop()[1] + length
        found.append((start, length, row["cause"]))
    return found


def do_operator(b: TraceBuilder, ts: int, dur: int) -> None:
    b.op("aten::add", ts, dur)


def do_python(b: TraceBuilder, ts: int, dur: int) -> None:
    b.event("python_function", "train.py(12): augment", ts, dur)


def do_load(b: TraceBuilder, ts: int, dur: int) -> None:
    b.annotation("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", ts, dur)
    b.op("aten::stack", ts, dur)


def do_synchronise(b: TraceBuilder, ts: int, dur: int) -> None:
    b.op("aten::item", ts, dur)
    b.event("cuda_runtime", "cudaStreamSynchronize", ts, dur)


def do_allocate(b: TraceBuilder, ts: int, dur: int) -> None:
    b.op("aten::empty", ts, dur)
    b.event("cuda_runtime", "cudaMalloc", ts, dur)


def do_copy_call(b: TraceBuilder, ts: int, dur: int) -> None:
    b.event("cuda_runtime", "cudaMemcpyAsync", ts, dur)


def do_query(b: TraceBuilder, ts: int, dur: int) -> None:
    b.event("cuda_runtime", "cudaEventQuery", ts, dur)


def do_annotated(b: TraceBuilder, ts: int, dur: int) -> None:
    b.annotation("## logging ##", ts, dur)


def do_nothing(b: TraceBuilder, ts: int, dur: int) -> None:
    """The host does something of which the trace has no trace."""


DEEDS = {
    do_operator: causes.HOST_BUSY,
    do_python: causes.HOST_BUSY,
    do_load: causes.LOADING,
    do_synchronise: causes.SYNCHRONISATION,
    do_allocate: causes.ALLOCATION,
    do_copy_call: causes.COPY,
    do_query: causes.HOST_BUSY,
    do_annotated: causes.HOST_OUTSIDE,
    do_nothing: causes.HOST_OUTSIDE,
}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from(list(DEEDS)), st.integers(1, 50)), min_size=1, max_size=4),
            st.integers(2, 30),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_gaps_with_known_causes(gaps: list[tuple[list[tuple], int]]) -> None:
    """The host does one thing after the other while the device idles, then launches, and rests while it computes."""
    b = TraceBuilder()
    b.kernel("first", 10, 10, launched_at=5)
    now, expected, busy = 20, [], 10
    for deeds, kernel in gaps:
        for deed, length in deeds:
            deed(b, now, length)
            if expected and expected[-1][2] == DEEDS[deed] and expected[-1][0] + expected[-1][1] == now:
                start, before, cause = expected.pop()
                expected.append((start, before + length, cause))
            else:
                expected.append((now, length, DEEDS[deed]))
            now += length
        expected.append((now, LATENCY, causes.LAUNCH))
        b.kernel("next", now + LATENCY, kernel, launched_at=now)
        now += LATENCY + kernel
        busy += kernel
    result = idle_of(b)
    assert pieces_of(result) == expected
    books = result.devices.iloc[0]
    assert (books["busy_ns"], books["span_ns"]) == (busy * 1000, (now - 10) * 1000)
    assert books["idle_ns"] == sum(length for _, length, _ in expected) * 1000


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_books_close_on_any_timeline(data: st.DataObject) -> None:
    """Kernels and host ranges anywhere, overlapping as no real ones do: the sums hold all the same."""
    number, some = st.integers(0, 60), {"min_size": 1, "max_size": 10}
    kernels = data.draw(st.lists(st.tuples(number, st.integers(0, 9), number, st.integers(1, 3)), **some))
    ranges = data.draw(st.lists(st.tuples(st.sampled_from(list(DEEDS)), number, st.integers(0, 20)), max_size=8))
    copies = data.draw(st.lists(st.tuples(number, st.integers(0, 9), number, st.integers(1, 3)), max_size=5))
    waits = data.draw(st.lists(st.tuples(number, number, st.sampled_from([None, 1, 2, 3])), max_size=5))
    b = TraceBuilder()
    for ts, dur, launched, stream in copies:
        b.copy("Memcpy HtoD (Pinned -> Device)", ts, dur, launched_at=launched, tid=1 + dur % 2, stream=stream)
    for ts, recorded, other in waits:
        b.stream_wait(ts, recorded_at=recorded, waits_for=other, stream=1 + ts % 3)
    for at, (ts, dur, launched, stream) in enumerate(kernels):
        b.kernel(f"k{at}", ts, dur, launched_at=None if launched % 5 == 0 else launched, tid=1 + at % 2, stream=stream)
    for deed, ts, dur in ranges:
        deed(b, ts, dur)
    result = idle_of(b)
    ran = kernels + copies
    start, end = min(k[0] for k in ran), max(k[0] + k[1] for k in ran)
    running = {now for ts, dur, _, _ in ran for now in range(ts, ts + dur)}
    books = result.devices.iloc[0]
    assert (books["busy_ns"], books["span_ns"]) == (len(running) * 1000, (end - start) * 1000)
    idle_us = [now for ts, length, _ in pieces_of(result) for now in range(ts, ts + length)]
    assert sorted(idle_us) == [now for now in range(start, end) if now not in running]
    for table, column in ((result.causes, "ns"), (result.gaps, "duration_ns"), (result.parts, "duration_ns")):
        assert table[column].sum() == books["idle_ns"]


def one_gap(b: TraceBuilder) -> pd.Series:
    """The only gap, 20..60 µs, of a timeline to which the test has added what goes on."""
    result = idle_of(b)
    assert result.gaps[["start_ns", "duration_ns"]].to_numpy().tolist() == [[20_000, 40_000]]
    return result.gaps.iloc[0]


@pytest.fixture
def b() -> TraceBuilder:
    builder = TraceBuilder()
    builder.kernel("before", 10, 10, launched_at=5)
    return builder


def test_evidence_names_operator_layer_and_what_comes_next(b: TraceBuilder) -> None:
    b.annotation("layer: encoder.0 (Block) #1", 15, 100)
    b.op("aten::linear", 21, 60)
    b.op("aten::addmm", 22, 58)
    b.kernel("gemm", 60, 10, launched_at=55)
    gap = one_gap(b)
    assert (gap["cause"], gap["operator"], gap["layer"], gap["next"]) == (
        causes.HOST_BUSY, "aten::linear", "encoder.0", "gemm",
    )  # fmt: skip
    assert gap["launch_ns"] == 55_000
    assert not gap["after_sync"]


def test_the_thread_that_works_is_asked_while_the_launching_one_waits(b: TraceBuilder) -> None:
    """The backward pass ran in another thread; then the main thread launches the optimizer."""
    b.op("autograd::engine::evaluate_function: MulBackward0", 18, 32, tid=2)
    b.kernel("mul", 12, 2, launched_at=11, tid=2)
    b.kernel("sgd", 60, 10, launched_at=56)
    result = idle_of(b)
    assert pieces_of(result) == [
        (20, 30, causes.HOST_BUSY), (50, 6, causes.HOST_OUTSIDE), (56, 4, causes.LAUNCH),
    ]  # fmt: skip


def test_a_thread_that_launches_nothing_explains_nothing(b: TraceBuilder) -> None:
    b.event("cuda_runtime", "cudaEventQuery", 20, 36, tid=9)
    b.kernel("next", 60, 10, launched_at=56)
    assert one_gap(b)["cause"] == causes.HOST_OUTSIDE


def test_host_waiting_when_the_gap_begins(b: TraceBuilder) -> None:
    b.op("aten::item", 12, 12)
    b.event("cuda_runtime", "cudaStreamSynchronize", 13, 10)
    b.op("aten::mul", 24, 40)
    b.kernel("mul", 60, 10, launched_at=50)
    gap = one_gap(b)
    assert gap["after_sync"]
    assert gap["cause"] == causes.HOST_BUSY


@pytest.mark.parametrize(
    ("gap_us", "cause"), [(20, causes.QUEUED), (21, causes.UNKNOWN)], ids=["the device's own", "unexplained"]
)
def test_work_that_was_queued(b: TraceBuilder, gap_us: int, cause: str) -> None:
    b.kernel("queued", 20 + gap_us, 10, launched_at=7)
    assert pieces_of(idle_of(b)) == [(20, gap_us, cause)]


def test_launch_that_is_not_in_the_trace(b: TraceBuilder) -> None:
    b.op("aten::add", 20, 40)
    b.kernel("stray", 60, 10, launched_at=None)
    gap = one_gap(b)
    assert gap["cause"] == causes.UNKNOWN
    assert pd.isna(gap["launch_ns"])


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("ncclDevKernel_AllReduce_Sum_f16_RING_LL(p)", causes.COMMUNICATION),
        ("elementwise", causes.OTHER_STREAM),
    ],
)
def test_waiting_for_another_stream(name: str, cause: str) -> None:
    """Stream 7 was told to wait for stream 8, whose last kernel ends at 20; the work was launched long before."""
    b = TraceBuilder()
    b.kernel("first", 0, 5, launched_at=0)
    b.kernel(name, 5, 15, launched_at=2, stream=8)
    b.event("cuda_runtime", "cudaStreamWaitEvent", 3, 1)
    b.kernel("dependent", 26, 10, launched_at=4)
    assert pieces_of(idle_of(b)) == [(20, 6, cause)]


def test_another_stream_without_an_event_is_no_reason() -> None:
    b = TraceBuilder()
    b.kernel("first", 0, 5, launched_at=0)
    b.kernel("other", 5, 15, launched_at=2, stream=8)
    b.kernel("next", 26, 10, launched_at=4)
    assert pieces_of(idle_of(b)) == [(20, 6, causes.QUEUED)]


def test_host_memory_being_staged(b: TraceBuilder) -> None:
    b.event("cuda_runtime", "cudaMemcpyAsync", 20, 60, correlation=99)
    b.event("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", 60, 10, pid=0, tid=7, device=0, stream=7, correlation=99)
    assert one_gap(b)["cause"] == causes.COPY


@pytest.mark.parametrize(
    "name",
    ["Memcpy DtoD (Device -> Device)", "Memcpy DtoH (Device -> Pageable)", "Memcpy HtoD (Pinned -> Device)"],
)
def test_copies_that_stage_nothing_are_launched_like_kernels(b: TraceBuilder, name: str) -> None:
    b.event("cuda_runtime", "cudaMemcpyAsync", 57, 6, correlation=99)
    b.event("gpu_memcpy", name, 60, 10, pid=0, tid=7, device=0, stream=7, correlation=99)
    assert pieces_of(idle_of(b)) == [(20, 37, causes.HOST_OUTSIDE), (57, 3, causes.LAUNCH)]


def test_between_steps(b: TraceBuilder) -> None:
    b.annotation("ProfilerStep#1", 0, 40)
    b.annotation("ProfilerStep#2", 41, 40)
    b.op("aten::add", 20, 10)
    b.op("aten::add", 48, 20)
    b.kernel("next", 60, 10, launched_at=56)
    assert pieces_of(idle_of(b)) == [
        (20, 10, causes.HOST_BUSY), (30, 18, causes.BETWEEN_STEPS), (48, 8, causes.HOST_BUSY), (56, 4, causes.LAUNCH),
    ]  # fmt: skip


def test_a_call_that_does_more_than_launch(b: TraceBuilder) -> None:
    """The first launch of a kernel loads its code."""
    b.event("cuda_runtime", "cudaLaunchKernel", 22, 500, correlation=99)
    b.event("kernel", "loaded", 530, 10, pid=0, tid=7, device=0, stream=7, correlation=99)
    b.op("aten::conv2d", 21, 502)
    result = idle_of(b)
    assert pieces_of(result) == [(20, 1, causes.HOST_OUTSIDE), (21, 509, causes.HOST_BUSY)]
    gap = result.gaps.iloc[0]
    assert (gap["operator"], gap["call"]) == ("aten::conv2d", "cudaLaunchKernel")


def test_before_the_first_and_after_the_last_is_stated_and_not_counted(b: TraceBuilder) -> None:
    b.op("aten::zeros", 0, 3)
    b.op("aten::print", 50, 50)
    books = idle_of(b).devices.iloc[0]
    assert (books["span_ns"], books["idle_ns"]) == (10_000, 0)
    assert (books["before_first_ns"], books["after_last_ns"]) == (10_000, 80_000)


def test_devices_are_kept_apart() -> None:
    b = TraceBuilder()
    for device, start in ((0, 10), (1, 12)):
        for number in range(2):
            b.event("kernel", "k", start + 20 * number, 5, pid=device, tid=7, device=device, stream=7)
    result = idle_of(b)
    assert result.devices["device"].tolist() == [0, 1]
    assert result.gaps[["device", "start_ns"]].to_numpy().tolist() == [[0, 15_000], [1, 17_000]]


def test_no_gpu() -> None:
    b = TraceBuilder()
    b.op("aten::add", 0, 10)
    result = idle_of(b)
    assert not len(result.devices)
    assert not len(result.gaps)
    assert not len(result.causes)
