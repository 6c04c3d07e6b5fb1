"""Arithmetic on sets of time ranges, on columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


def merge(start_ns: Int64Array, end_ns: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Merge ranges that overlap or touch.

    Args:
        start_ns: Starts in any order, shape (n,).
        end_ns: Ends, shape (n,).

    Returns:
        Starts and ends of the disjoint ranges that cover the same time, in order.
    """
    if not len(start_ns):
        return start_ns[:0], end_ns[:0]
    order = np.argsort(start_ns, kind="stable")
    starts, reach = start_ns[order], np.maximum.accumulate(end_ns[order])
    first = np.flatnonzero(np.concatenate(([True], starts[1:] > reach[:-1])))
    last = np.concatenate((first[1:] - 1, [len(order) - 1]))
    return starts[first], reach[last]


def union_ns(start_ns: Int64Array, end_ns: Int64Array) -> int:
    """Return the length in ns of the time covered by at least one range."""
    starts, ends = merge(start_ns, end_ns)
    return int((ends - starts).sum())
