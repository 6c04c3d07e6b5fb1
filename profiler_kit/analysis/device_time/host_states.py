"""What every host thread does at every time: the innermost range that the trace shows of it.

The ranges of a thread are its Python functions, annotations, layer spans, operators and calls of the CUDA or HIP
runtime. They nest; at any time the innermost one says what the thread does. Each range has a state of its own, by what
it is; inside a range of the data loader everything counts as data loading, and Python code that an operator calls
counts as the operator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import used_codes
from profiler_kit.trace import Trace
from profiler_kit.trace.health import STEP_PREFIX
from profiler_kit.trace.intervals import overlapping
from profiler_kit.trace.joins import NONE, parent_rows, rows_after

Int64Array = NDArray[np.int64]

NOTHING: Final = 0
"""No range that says what the thread does: nothing recorded, or only an annotation or layer around it."""
PYTHON: Final = 1
OPERATOR: Final = 2
RUNTIME: Final = 3
ALLOCATES: Final = 4
SYNCHRONISES: Final = 5
COPIES: Final = 6
LOADS: Final = 7

_SYNCHRONISE: Final = re.compile(r"Synchronize$|^(?:cuda|hip)MemcpyWithStream$|^(?:cuda|hip)Memcpy$")
"""Calls that return only when the device has done what was asked of it before."""

_ALLOCATE: Final = re.compile(r"(?:Malloc|Free)(?!Async)|^cuMem(?:Alloc|Free|Create|Map|Unmap|AddressReserve)")
_COPY: Final = re.compile(r"^(?:cuda|hip|cu)Memcpy")
_LOAD: Final = re.compile(r"^enumerate\(DataLoader\)|torch/utils/data/dataloader\.py\(\d+\): __next__$")
"""The range around a loader's ``__next__``, and the function itself where Python stacks were recorded."""

_TABLES: Final = ("python_functions", "annotations", "layers", "ops", "launches")
"""Outermost first: the order of ranges that start and end at the same times."""


@dataclass(frozen=True)
class HostStates:
    """The ranges of all host threads, and the innermost one at every time.

    Attributes:
        ranges: One row per range of some length, ordered by thread and then as they nest: ``table`` (place in
            `SOURCES`), ``row`` (in that table), ``thread``, ``parent`` (row of this table or `NONE`), ``after`` (row
            after it and everything inside it), ``state``.
        change_ns: Thread → times at which its innermost range changes, in order.
        innermost: Thread → innermost range from each of these times on: row of `ranges`, `NONE` where there is none.
    """

    ranges: pd.DataFrame
    change_ns: dict[int, Int64Array]
    innermost: dict[int, Int64Array]

    def of_launches(self, rows: Int64Array) -> Int64Array:
        """Return the range of each call, given by its row of ``trace.launches``; `NONE` where it has none."""
        place = np.flatnonzero(self.ranges["table"].to_numpy() == _TABLES.index("launches"))
        own = self.ranges["row"].to_numpy()[place]
        # The last place is nobody's: that of `NONE`.
        range_of = np.full(max(own.max(initial=NONE), rows.max(initial=NONE)) + 2, NONE, dtype=np.int64)
        range_of[own] = place
        return range_of[rows]

    def ancestor(self, rows: Int64Array, table: str) -> Int64Array:
        """Return the nearest range from a table that is, or encloses, each range.

        Args:
            rows: Rows of `ranges` or `NONE`.
            table: A name from `SOURCES`.

        Returns:
            Rows of the trace's table (not of `ranges`), or `NONE`; shape of `rows`.
        """
        wanted = self.ranges["table"].to_numpy() == _TABLES.index(table)
        parent, own = self.ranges["parent"].to_numpy(), self.ranges["row"].to_numpy()
        found, above = np.full(len(rows), NONE, dtype=np.int64), rows.copy()
        open_ = np.flatnonzero(above != NONE) if wanted.any() else np.empty(0, dtype=np.int64)
        while open_.size:
            hit = wanted[above[open_]]
            found[open_[hit]] = own[above[open_[hit]]]
            open_ = open_[~hit]
            above[open_] = parent[above[open_]]
            open_ = open_[above[open_] != NONE]
        return found

    def outermost(self, rows: Int64Array, table: str) -> Int64Array:
        """Return the outermost range from a table that is, or encloses, each range.

        Args:
            rows: Rows of `ranges` or `NONE`.
            table: A name from `SOURCES`.

        Returns:
            Rows of `ranges`, or `NONE`; shape of `rows`.
        """
        after = self.ranges["after"].to_numpy()
        candidates = np.flatnonzero(self.ranges["table"].to_numpy() == _TABLES.index(table))
        if not len(candidates):
            return np.full(len(rows), NONE, dtype=np.int64)
        reach = np.maximum.accumulate(after[candidates])
        outer = candidates[np.concatenate(([True], candidates[1:] >= reach[:-1]))]
        is_outer = np.zeros(len(after), dtype=np.int64)
        is_outer[outer] = 1
        place = outer[np.maximum(np.cumsum(is_outer)[rows] - 1, 0)]  # the last one that is not after each row
        return np.where((place <= rows) & (rows < after[place]), place, NONE)


SOURCES: Final = _TABLES


def host_states(trace: Trace, within: tuple[Int64Array, Int64Array] | None = None) -> HostStates:
    """Lay out what every host thread did.

    Args:
        trace: The trace.
        within: Starts and ends of disjoint stretches in order, if only these are asked about. Ranges that lie in none
            are left out: in these stretches that changes nothing, since what encloses a range is there where it is.
    """
    thread, start, end, table, row, state = _ranges(trace, within)
    order = _nesting_order(thread, start, end)
    thread, start, end, table, row, state = (a[order] for a in (thread, start, end, table, row, state))
    parent = parent_rows(thread, end)
    after = rows_after(parent)
    change, innermost = {}, {}
    edges = np.flatnonzero(np.diff(thread, prepend=NONE, append=NONE))
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        number, mine = int(thread[first]), slice(first, last)
        times, labels = _flat(start[mine], end[mine], parent[mine] - first, after[mine] - first)
        change[number], innermost[number] = times, np.where(labels < 0, NONE, labels + first)
    frame = {"table": table, "row": row, "thread": thread, "parent": parent, "after": after}
    frame["state"] = _inherited(state, parent, after)
    return HostStates(pd.DataFrame(frame, copy=False), change, innermost)


def _ranges(trace: Trace, within: tuple[Int64Array, Int64Array] | None) -> tuple[Int64Array, ...]:
    """Return thread, start, end, table, row and own state of every host range that has a length."""
    columns: list[list[Int64Array]] = [[] for _ in range(6)]
    for place, name in enumerate(_TABLES):
        table = getattr(trace, name)
        start, duration = table["start_ns"].to_numpy(), table["duration_ns"].to_numpy()
        end = start + duration
        keep = duration > 0
        if within is not None:
            keep &= overlapping(start, end, *within)
        if name == "annotations":
            keep &= (table["kind"] != "gpu_user_annotation").to_numpy()
        rows = np.flatnonzero(keep)
        own = np.full(len(rows), _DEFAULT[name], dtype=np.int64)
        if "name" in table:
            codes = table["name"].cat.codes.to_numpy()[rows]
            by_code, steps = _state_of_names(table["name"], codes, name)
            own = by_code[codes]
            if steps.any():
                rows, own = rows[~steps[codes]], own[~steps[codes]]
        values = (table["thread"].to_numpy()[rows], start[rows], end[rows], np.full(len(rows), place), rows, own)
        for column, value in zip(columns, values, strict=True):
            column.append(value.astype(np.int64, copy=False))
    return tuple(np.concatenate(column) for column in columns)


_DEFAULT: Final = {
    "python_functions": PYTHON, "annotations": NOTHING, "layers": NOTHING, "ops": OPERATOR, "launches": RUNTIME,
}  # fmt: skip


def _state_of_names(names: pd.Series, codes: NDArray[Any], table: str) -> tuple[Int64Array, NDArray[np.bool_]]:
    """Return the own state of a table's ranges, and which are profiler steps, by code of their name; last: no name."""
    texts = names.cat.categories.to_numpy(dtype=object)
    state = np.full(len(texts) + 1, _DEFAULT[table], dtype=np.int64)
    steps = np.zeros(len(state), dtype=bool)
    for code in used_codes(codes).tolist():
        text = str(texts[code])
        if table == "launches":
            rules = ((_SYNCHRONISE, SYNCHRONISES), (_COPY, COPIES), (_ALLOCATE, ALLOCATES))
            state[code] = next((value for pattern, value in rules if pattern.search(text)), RUNTIME)
        elif _LOAD.search(text):
            state[code] = LOADS
        steps[code] = text.startswith(STEP_PREFIX)
    return state, steps


def _nesting_order(thread: Int64Array, start: Int64Array, end: Int64Array) -> Int64Array:
    """Order ranges by thread and start, longest first; equal ones stay in order, which is outermost first."""
    order = np.argsort(start, kind="stable")
    order = order[np.argsort(thread[order], kind="stable")]
    thread, start, end = thread[order], start[order], end[order]
    same = (start[1:] == start[:-1]) & (thread[1:] == thread[:-1])
    if not (longer := same & (end[1:] > end[:-1])).any():
        return order
    run = np.cumsum(np.concatenate(([0], ~same)))  # of ranges that begin together
    places = np.flatnonzero(np.isin(run, run[1:][longer]))
    order[places] = order[places[np.lexsort((-end[places], run[places]))]]
    return order


def _flat(start: Int64Array, end: Int64Array, parent: Int64Array, after: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the times at which the innermost range of one thread changes, and which it then is (negative for none).

    Every range begins at its start and gives way to its parent at its end. Where ranges overlap without nesting
    (writers round), the end of one that is no longer the innermost changes nothing: what comes after it and everything
    inside it has begun before it ends. All other ends come right before the start of what comes after them, inner ones
    first, so that starts and ends are in order without being sorted.
    """
    count, number = len(start), np.arange(len(start))
    counted = np.append(start, np.iinfo(np.int64).max)[after] >= end
    ends = np.flatnonzero(counted)
    ends_before = np.cumsum(np.bincount(after[ends], minlength=count + 1))  # of each row's start
    smaller = np.concatenate(([0], np.cumsum(counted)))  # ends of rows with a smaller number
    place_of_start = number + ends_before[:-1]
    # Before the end of a range come the ends before its start, and those of everything inside it.
    place_of_end = after[ends] + ends_before[ends] + smaller[after[ends]] - smaller[ends + 1]
    time, label = (np.empty(count + len(ends), dtype=np.int64) for _ in range(2))
    time[place_of_start], label[place_of_start] = start, number
    time[place_of_end], label[place_of_end] = end[ends], parent[ends]
    last = np.concatenate((time[1:] != time[:-1], [True])) if len(time) else np.empty(0, dtype=bool)
    return time[last], label[last]


def _inherited(state: Int64Array, parent: Int64Array, after: Int64Array) -> Int64Array:
    """Return the state of every range, with what it takes over from those around it."""
    found, strong = state.copy(), state > PYTHON
    nearest = np.where(strong, np.arange(len(state)), parent)
    weak = open_ = np.flatnonzero(~strong & _inside(strong, after))
    while (open_ := open_[~strong[nearest[open_]]]).size:
        nearest[open_] = nearest[nearest[open_]]
    found[weak] = state[nearest[weak]]
    if (loads := state == LOADS).any():
        found[loads | _inside(loads, after)] = LOADS
    return found


def _inside(flag: NDArray[np.bool_], after: Int64Array) -> NDArray[np.bool_]:
    """Tell of every range whether it lies in a flagged one."""
    count = len(flag)
    change = np.concatenate(([0], flag.astype(np.int64))) - np.bincount(after[flag], minlength=count + 1)
    return np.asarray(np.cumsum(change)[:count] > 0)
