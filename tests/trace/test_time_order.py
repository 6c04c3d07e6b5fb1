"""The order of rows: by start, then longest first, then as in the file."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.trace.joins import time_order


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_the_order_is_that_of_a_plain_sort(ranges):
    starts = np.array([s for s, _ in ranges], dtype=np.int64)
    lengths = np.array([d for _, d in ranges], dtype=np.int64)
    expected = sorted(range(len(ranges)), key=lambda row: (ranges[row][0], -ranges[row][1], row))
    order = time_order(starts, lengths)
    assert (list(range(len(ranges))) if order is None else order.tolist()) == expected
    points = time_order(starts, None)
    by_start = sorted(range(len(ranges)), key=lambda row: (ranges[row][0], row))
    assert (list(range(len(ranges))) if points is None else points.tolist()) == by_start
