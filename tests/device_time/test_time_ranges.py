"""Arithmetic on time ranges against the same, counted nanosecond by nanosecond."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.trace.intervals import covered_ns, cut, merge, overlapping, states

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=12)


def arrays(*columns: list[int]) -> list[np.ndarray]:
    return [np.array(column, dtype=np.int64) for column in columns]


@given(RANGES)
def test_states_say_at_every_time_what_is_there(ranges: list[tuple[int, int, int]]) -> None:
    start, length, kind = arrays(*zip(*ranges, strict=True))
    time, state = states(start, start + length, kind)
    assert (time[0], time[-1], state[-1]) == (start.min(), (start + length).max(), 0)
    for now in range(int(time[0]), int(time[-1])):
        expected = sum({1 << k for s, d, k in ranges if s <= now < s + d})
        assert state[np.searchsorted(time, now, "right") - 1] == expected


@given(RANGES, st.integers(0, 50), st.integers(0, 20))
def test_covered_length(ranges: list[tuple[int, int, int]], start: int, length: int) -> None:
    starts, lengths, _ = arrays(*zip(*ranges, strict=True))
    covered = covered_ns(*merge(starts, starts + lengths), *arrays([start], [start + length]))
    assert covered.tolist() == [
        sum(any(s <= now < s + d for s, d, _ in ranges) for now in range(start, start + length))
    ]


@given(st.sets(st.integers(0, 60), min_size=2, max_size=12), st.sets(st.integers(0, 60), max_size=12))
def test_pieces_of_a_range_add_up_to_it(edges: set[int], changes: set[int]) -> None:
    bounds = sorted(edges)[: len(edges) // 2 * 2]
    start, end, change = arrays(bounds[::2], bounds[1::2], sorted(changes))
    row, place, begin, finish = cut(start, end, change)
    pieces = list(zip(row.tolist(), place.tolist(), begin.tolist(), finish.tolist(), strict=True))
    for now in range(61):
        inside = [one for one in pieces if one[2] <= now < one[3]]
        expected = [i for i in range(len(start)) if start[i] <= now < end[i]]
        assert [one[0] for one in inside] == expected
        assert [one[1] for one in inside] == [sum(c <= now for c in changes) - 1 for _ in expected]


@given(RANGES, RANGES)
def test_overlapping(ranges: list[tuple[int, int, int]], stretches: list[tuple[int, int, int]]) -> None:
    spans = sorted((start, start + length) for start, length, _ in ranges if length)
    moments = {now for start, length, _ in stretches for now in range(start, start + length)}
    start, end = arrays([s for s, _ in spans], [e for _, e in spans])
    begin, length, _ = arrays(*zip(*stretches, strict=True))
    kept = length > 0
    found = overlapping(start, end, *merge(begin[kept], (begin + length)[kept]))
    assert found.tolist() == [any(now in moments for now in range(s, e)) for s, e in spans]
