"""Nesting of time ranges and joins between tables, on columns: no Python loop over events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NONE = -1
"""Row number that points nowhere. Private to the array functions here: tables show ``<NA>``."""

TOLERANCE_NS = 1
"""Ranges that miss each other's edge by this much still count as nested: writers round start and end separately."""


def time_order(start_ns: Int64Array, duration_ns: Int64Array | None) -> Int64Array | None:
    """Return the order of rows by start, then longest first, then as they are; None if they are in order.

    Args:
        start_ns: Starts, shape (n,).
        duration_ns: Lengths, None where the rows are points in time.
    """
    order = None
    if not (start_ns[1:] >= start_ns[:-1]).all():
        order = np.argsort(start_ns, kind="stable")  # fast on traces, which are long sorted runs
        start_ns = start_ns[order]
    if duration_ns is None:
        return order
    lengths = duration_ns if order is None else duration_ns[order]
    if not ((start_ns[1:] == start_ns[:-1]) & (lengths[1:] > lengths[:-1])).any():
        return order
    tied = np.concatenate(([False], start_ns[1:] == start_ns[:-1]))
    tied[:-1] |= tied[1:]
    rows = np.flatnonzero(tied)
    order = np.arange(len(start_ns)) if order is None else order
    order[rows] = order[rows[np.lexsort((-lengths[rows], start_ns[rows]))]]
    return order


def parent_rows(group: Int64Array, end_ns: Int64Array) -> Int64Array:
    """Find the innermost enclosing range of every range.

    The ranges of a group are ordered by their starts, of equal starts the longest first.

    Args:
        group: Rows nest only within the same group (thread), shape (n,).
        end_ns: Ends.

    Returns:
        For each row the row number of its parent, or `NONE`; shape (n,).

    The parent is the nearest earlier row of the group that ends no earlier. Every row starts with its predecessor as
    candidate; a candidate that ends too early is replaced by its own candidate, since all rows in between end earlier
    still. All rows jump at once, so the number of passes grows with the logarithm of the number of siblings.
    """
    order = np.argsort(group, kind="stable")
    ends, groups = end_ns[order], group[order]
    candidate = np.arange(-1, len(order) - 1, dtype=np.int64)
    candidate[np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))] = NONE
    open_rows = np.flatnonzero(candidate != NONE)
    while open_rows.size:
        ends_early = ends[candidate[open_rows]] < ends[open_rows]
        open_rows = open_rows[ends_early]
        candidate[open_rows] = candidate[candidate[open_rows]]
        open_rows = open_rows[candidate[open_rows] != NONE]
    parents = np.full(len(order), NONE, dtype=np.int64)
    has_parent = candidate != NONE
    parents[order[has_parent]] = order[candidate[has_parent]]
    return parents


def rows_after(parents: Int64Array) -> Int64Array:
    """Find the first row after each row and everything inside it.

    Args:
        parents: What :func:`parent_rows` returned for rows whose groups do not mix: all rows of one group, then all of
            the next.

    Returns:
        For each row the row that follows its last descendant, shape (n,); n if none does.

    What lies between a row and the parent of the next one ends before the next one. All rows climb at once, so each
    row is looked at once, in as many passes as the ranges are deep.
    """
    count = len(parents)
    after = np.full(count, count, dtype=np.int64)
    following, inside = np.arange(1, count + 1), np.arange(count)
    above = np.append(parents[1:], NONE) if count else parents
    while True:
        ended = inside != above
        inside, following, above = inside[ended], following[ended], above[ended]
        if not inside.size:
            return after
        after[inside] = following
        inside = parents[inside]


def innermost_rows(
    group: Int64Array,
    start_ns: Int64Array,
    end_ns: Int64Array,
    parents: Int64Array,
    query_group: Int64Array,
    query_start_ns: Int64Array,
    query_end_ns: Int64Array,
) -> Int64Array:
    """Find, for every query range, the innermost range of the same group that encloses it.

    Args:
        group: Group of every range, shape (n,).
        start_ns: Starts, ordered as in :func:`parent_rows`.
        end_ns: Ends.
        parents: What :func:`parent_rows` returned for them.
        query_group: Groups of the queries, shape (m,).
        query_start_ns: Starts of the queries.
        query_end_ns: Ends of the queries.

    Returns:
        Row number of the enclosing range or `NONE`, shape (m,).
    """
    found = np.full(len(query_group), NONE, dtype=np.int64)
    if not len(group):
        return found
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    for value in np.unique(query_group):
        rows = order[np.searchsorted(ordered, value, "left") : np.searchsorted(ordered, value, "right")]
        queries = np.flatnonzero(query_group == value)
        last = np.searchsorted(start_ns[rows], query_start_ns[queries] + TOLERANCE_NS, "right") - 1
        found[queries[last >= 0]] = rows[last[last >= 0]]
    climbing = np.flatnonzero(found != NONE)
    while climbing.size:
        misses = end_ns[found[climbing]] < query_end_ns[climbing] - TOLERANCE_NS
        climbing = climbing[misses]
        found[climbing] = parents[found[climbing]]
        climbing = climbing[found[climbing] != NONE]
    return found


def only_rows(
    group: Int64Array,
    start_ns: Int64Array,
    end_ns: Int64Array,
    parents: Int64Array,
    query_start_ns: Int64Array,
    query_end_ns: Int64Array,
) -> Int64Array:
    """Find, for every query range, the innermost range that encloses it, in whichever group that is.

    Args:
        group: Group of every range, shape (n,).
        start_ns: Starts, ordered as in :func:`parent_rows`.
        end_ns: Ends.
        parents: What :func:`parent_rows` returned for them.
        query_start_ns: Starts of the queries, shape (m,).
        query_end_ns: Ends of the queries.

    Returns:
        Row number of the enclosing range; `NONE` where there is none, or one in more than one group; shape (m,).
    """
    rows = np.full(len(query_start_ns), NONE, dtype=np.int64)
    groups_found = np.zeros(len(rows), dtype=np.int64)
    for value in np.unique(group) if len(rows) else ():
        found = innermost_rows(
            group, start_ns, end_ns, parents, np.full(len(rows), value), query_start_ns, query_end_ns
        )
        groups_found += found != NONE
        rows = np.where(found == NONE, rows, found)
    return np.where(groups_found == 1, rows, NONE)


def self_or_ancestor(flag: BoolArray, parents: Int64Array) -> BoolArray:
    """Tell for every row whether it or any of its ancestors is flagged, shape (n,)."""
    result, above = flag.copy(), parents.copy()
    rows = np.flatnonzero(~flag & (above != NONE)) if flag.any() else np.empty(0, dtype=np.int64)
    while rows.size:
        result[rows] = result[above[rows]]
        above[rows] = above[above[rows]]
        rows = rows[~result[rows] & (above[rows] != NONE)]
    return result


def first_match(keys: Int64Array, queries: Int64Array) -> Int64Array:
    """Find the first row whose key equals each query, or `NONE`; shape of `queries`."""
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys, queries, "left", sorter=order)
    rows = np.full(len(queries), NONE, dtype=np.int64)
    inside = np.flatnonzero(place < len(keys))
    candidates = order[place[inside]]
    hit = keys[candidates] == queries[inside]
    rows[inside[hit]] = candidates[hit]
    return rows


def row_numbers(column: pd.Series) -> Int64Array:
    """Return a column of row numbers as plain integers, `NONE` where it is ``<NA>``."""
    return column.to_numpy(dtype=np.int64, na_value=NONE)
