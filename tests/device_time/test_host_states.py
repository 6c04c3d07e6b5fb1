"""The innermost range of a host thread against a walk from event to event."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler_kit.analysis.device_time.host_states import HostStates, host_states
from profiler_kit.formats import read_trace
from profiler_kit.trace.intervals import merge
from profiler_kit.trace.joins import NONE, parent_rows, rows_after
from tests.builders import TraceBuilder

SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 12)), min_size=1, max_size=9)


def enclosing(spans: list[tuple[int, int]]) -> list[int]:
    """The nearest range before each one that ends no earlier."""
    return [
        next((i for i in reversed(range(place)) if spans[i][1] >= spans[place][1]), NONE) for place in range(len(spans))
    ]


def ordered(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted(((start, start + length) for start, length in ranges), key=lambda span: (span[0], -span[1]))


@given(SPANS)
def test_rows_after(ranges: list[tuple[int, int]]) -> None:
    spans = ordered(ranges)
    parents = parent_rows(np.zeros(len(spans), dtype=np.int64), np.array([end for _, end in spans]))
    assert parents.tolist() == enclosing(spans)
    expected = [
        next((j for j in range(i + 1, len(spans)) if spans[j][1] > spans[i][1]), len(spans)) for i in range(len(spans))
    ]
    assert rows_after(parents).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(SPANS, SPANS)
def test_the_innermost_range_also_where_ranges_cross(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    """A range begins at its start and gives way to its parent at its end, unless it has given way before."""
    b = TraceBuilder()
    threads = {1: ordered(first), 2: ordered(second)}
    for thread, spans in threads.items():
        for start, end in spans:
            b.op("aten::add", start, end - start, tid=thread)
    with tempfile.TemporaryDirectory() as directory:
        trace = read_trace(b.write(Path(directory) / "w.pt.trace.json"), cache=False)
    found = host_states(trace)
    for thread, spans in zip(sorted(found.change_ns), threads.values(), strict=True):
        parents, now = enclosing(spans), NONE
        # Ends before starts, inner ends before outer ones.
        events = sorted(
            [(end, 0, -i, i) for i, (_, end) in enumerate(spans)]
            + [(start, 1, i, i) for i, (start, _) in enumerate(spans)]
        )
        expected = {}
        for time, begins, _, i in events:
            if begins or now == i:
                now = i if begins else parents[i]
            expected[time] = now
        rows = found.innermost[thread]
        first_row = int(np.searchsorted(found.ranges["thread"].to_numpy(), thread))
        for time, row in expected.items():
            place = np.searchsorted(found.change_ns[thread], time * 1000, "right") - 1
            assert rows[place] == (NONE if row == NONE else row + first_row)


@settings(deadline=None, max_examples=60)
@given(SPANS, SPANS, st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), min_size=1, max_size=4))
def test_what_is_left_out_changes_nothing_in_the_stretches_that_are_asked_about(
    outer: list[tuple[int, int]], inner: list[tuple[int, int]], stretches: list[tuple[int, int]]
) -> None:
    """At every time in a stretch, the innermost range is the same, and so are its state and what is around it."""
    b = TraceBuilder()
    for start, length in outer:
        name = "torch/utils/data/dataloader.py(9): __next__" if start % 3 == 0 else "train.py(1): step"
        b.event("python_function", name, start, length)
    for start, length in inner:
        b.op("aten::add", start, length)
    with tempfile.TemporaryDirectory() as directory:
        trace = read_trace(b.write(Path(directory) / "w.pt.trace.json"), cache=False)
    starts, ends = (np.array([1000 * time for time in times]) for times in zip(*stretches, strict=True))
    starts, ends = merge(starts, starts + ends)
    everything, some = host_states(trace), host_states(trace, (starts, ends))
    assert len(some.ranges) <= len(everything.ranges)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        for time in range(start, end, 500):
            assert told(some, time) == told(everything, time), time


def told(found: HostStates, time_ns: int) -> tuple[object, ...]:
    """What is said of the only thread at a time."""
    (thread,) = found.change_ns or (0,)
    place = np.searchsorted(found.change_ns.get(thread, np.empty(0)), time_ns, "right") - 1
    row = found.innermost[thread][place] if place >= 0 else NONE
    if row == NONE:
        return ()
    own = found.ranges.iloc[row]
    rows = np.array([row])
    outermost = found.outermost(rows, "ops")[0]
    return (
        own["table"],
        own["row"],
        own["state"],
        found.ancestor(rows, "python_functions")[0],
        NONE if outermost == NONE else found.ranges["row"].iloc[outermost],
    )
