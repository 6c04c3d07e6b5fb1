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


def covered_ns(
    start_ns: Int64Array, end_ns: Int64Array, query_start_ns: Int64Array, query_end_ns: Int64Array
) -> Int64Array:
    """Return how much of every query range is covered.

    Args:
        start_ns: Starts of disjoint ranges in order, as :func:`merge` returns them, shape (n,).
        end_ns: Their ends.
        query_start_ns: Starts of the queries, in any order, shape (m,).
        query_end_ns: Their ends.

    Returns:
        Covered length of each query in ns, shape (m,).
    """
    if not len(start_ns):
        return np.zeros(len(query_start_ns), dtype=np.int64)
    before = np.concatenate(([0], np.cumsum(end_ns - start_ns)))

    def until(time_ns: Int64Array) -> Int64Array:
        place = np.searchsorted(start_ns, time_ns, "right")
        last = np.maximum(place - 1, 0)
        beyond = np.where(place > 0, np.maximum(end_ns[last] - time_ns, 0), 0)
        return np.asarray(before[place] - beyond, dtype=np.int64)

    return until(query_end_ns) - until(query_start_ns)


def overlapping(
    start_ns: Int64Array, end_ns: Int64Array, stretch_start_ns: Int64Array, stretch_end_ns: Int64Array
) -> NDArray[np.bool_]:
    """Tell which ranges share some time with any of the stretches.

    Args:
        start_ns: Starts of the ranges in order, shape (n,).
        end_ns: Their ends; every range has a length.
        stretch_start_ns: Starts of disjoint stretches in order, as :func:`merge` returns them, shape (m,).
        stretch_end_ns: Their ends.
    """
    done = np.searchsorted(start_ns, stretch_end_ns, "left")  # from this range on, a stretch is over
    next_start = np.append(stretch_start_ns, np.iinfo(np.int64).max)
    return np.repeat(next_start, np.diff(done, prepend=0, append=len(start_ns))) < end_ns


def states(start_ns: Int64Array, end_ns: Int64Array, bit: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Tell at every time which kinds of ranges there are.

    Args:
        start_ns: Starts in any order, shape (n,).
        end_ns: Their ends.
        bit: Kind of each range, from 0 to 61.

    Returns:
        Times at which the state changes, in order, shape (k,), and the state from each of them on: the sum of
        ``1 << kind`` over the kinds that are there. The first is the first start, the last the last end, with state 0.
    """
    if not len(start_ns):
        return start_ns[:0], start_ns[:0]
    times, changes = [], []
    for kind in np.unique(bit):
        chosen = bit == kind
        starts, ends = merge(start_ns[chosen], end_ns[chosen])
        times += [starts, ends]
        changes += [np.full(len(starts), 1 << int(kind)), np.full(len(ends), -(1 << int(kind)))]
    time = np.concatenate(times)
    order = np.argsort(time, kind="stable")
    time, state = time[order], np.cumsum(np.concatenate(changes)[order])
    last_of_time = np.concatenate((time[1:] != time[:-1], [True]))
    time, state = time[last_of_time], state[last_of_time]
    changed = np.concatenate(([True], state[1:] != state[:-1]))
    changed[-1] = True
    return time[changed], state[changed]


def cut(
    start_ns: Int64Array, end_ns: Int64Array, change_ns: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Cut ranges at the times where something changes.

    Args:
        start_ns: Starts of disjoint ranges in order, shape (n,).
        end_ns: Their ends.
        change_ns: Times in order, shape (k,).

    Returns:
        For every piece that has a length: the row of its range, the last change that is not after it (-1 before the
        first one), its start and its end. The pieces of a range add up to it.
    """
    first = np.searchsorted(change_ns, start_ns, "right") - 1
    last = np.maximum(np.searchsorted(change_ns, end_ns, "left") - 1, first)
    pieces = last - first + 1
    row = np.repeat(np.arange(len(start_ns)), pieces)
    change = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + first[row]
    if len(change_ns):
        begin = np.maximum(np.where(change >= 0, change_ns[change], start_ns[row]), start_ns[row])
        after = np.minimum(change + 1, len(change_ns) - 1)
        finish = np.where(change + 1 < len(change_ns), np.minimum(change_ns[after], end_ns[row]), end_ns[row])
    else:
        begin, finish = start_ns[row], end_ns[row]
    long = finish > begin
    return row[long], change[long], begin[long], finish[long]
