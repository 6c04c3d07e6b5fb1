"""The joins against brute force on random ranges."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.trace.intervals import merge, union_ns
from profiler_kit.trace.joins import NONE, TOLERANCE_NS, first_match, innermost_rows, parent_rows, self_or_ancestor

RANGES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 20)), max_size=40)


def columns(ranges: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(group, start, end) in the order that a table has: by start, the longest first."""
    ordered = sorted(ranges, key=lambda r: (r[1], -r[2]))
    group, start, length = (np.array(column, dtype=np.int64) for column in zip(*ordered, strict=True)) if ordered else (
        np.empty(0, dtype=np.int64),
    ) * 3  # fmt: skip
    return group, start, start + length


@given(RANGES)
def test_parent_is_the_nearest_earlier_range_that_encloses(ranges: list[tuple[int, int, int]]) -> None:
    group, _, end = columns(ranges)
    parents = parent_rows(group, end)
    for row in range(len(group)):
        enclosing = [other for other in range(row) if group[other] == group[row] and end[other] >= end[row]]
        assert parents[row] == (enclosing[-1] if enclosing else NONE)


@given(RANGES, RANGES)
def test_innermost_encloses_and_nothing_inside_it_does(
    ranges: list[tuple[int, int, int]], asked: list[tuple[int, int, int]]
) -> None:
    group, start, end = columns(ranges)
    q_group, q_start, q_end = columns(asked)
    found = innermost_rows(group, start, end, parent_rows(group, end), q_group, q_start, q_end)
    for row in range(len(q_group)):
        enclosing = [
            other
            for other in range(len(group))
            if group[other] == q_group[row]
            and start[other] <= q_start[row] + TOLERANCE_NS
            and end[other] >= q_end[row] - TOLERANCE_NS
        ]
        assert found[row] == (enclosing[-1] if enclosing else NONE)


@given(RANGES, st.randoms(use_true_random=False))
def test_flags_are_inherited_from_every_ancestor(ranges: list[tuple[int, int, int]], random: object) -> None:
    group, _, end = columns(ranges)
    parents = parent_rows(group, end)
    flags = np.array([random.random() < 0.2 for _ in group], dtype=bool)  # type: ignore[attr-defined]
    result = self_or_ancestor(flags, parents)
    for row in range(len(group)):
        above, expected = row, False
        while above != NONE:
            expected |= bool(flags[above])
            above = int(parents[above])
        assert result[row] == expected


@given(st.lists(st.integers(0, 8), max_size=20), st.lists(st.integers(-2, 10), max_size=20))
def test_first_match(keys: list[int], queries: list[int]) -> None:
    found = first_match(np.array(keys, dtype=np.int64), np.array(queries, dtype=np.int64))
    assert found.tolist() == [keys.index(query) if query in keys else NONE for query in queries]


@given(RANGES)
def test_union_counts_every_covered_nanosecond_once(ranges: list[tuple[int, int, int]]) -> None:
    _, start, end = columns(ranges)
    assert union_ns(start, end) == len({t for s, e in zip(start, end, strict=True) for t in range(s, e)})
    starts, ends = merge(start, end)
    assert np.all(starts[1:] > ends[:-1])
