"""GPU activity (kernels, copies, memsets) as one table, and which host operator it belongs to."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import coded
from profiler_kit.analysis.work.host_work import host_work
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

_KINDS = ("kernel", "memcpy", "memset")
_SHARED = ["name", "device", "stream", "start_ns", "duration_ns", "launch", "op"]


def device_activity(trace: Trace) -> pd.DataFrame:
    """Return every kernel, copy and memset, one row each, with a column ``kind`` (kernel, memcpy, memset)."""
    copies = np.where((trace.copies["kind"] == "memset").to_numpy(), 2, 1)
    kind = coded(np.concatenate((np.zeros(len(trace.kernels), dtype=np.int64), copies)), _KINDS)
    return pd.concat([trace.kernels[_SHARED], trace.copies[_SHARED]], ignore_index=True).assign(kind=kind)


def device_ns_by_op(trace: Trace, activity: pd.DataFrame) -> NDArray[np.int64]:
    """Sum device time by the operator that launched it directly.

    Returns:
        ns for each row of ``trace.ops``. Activity without an operator is left out.
    """
    op = row_numbers(activity["op"])
    launched = op != NONE
    sums = np.zeros(len(trace.ops), dtype=np.int64)
    np.add.at(sums, op[launched], activity["duration_ns"].to_numpy()[launched])
    return sums


def work(trace: Trace) -> pd.DataFrame:
    """Return what the time is made of: GPU activity, or host time on a trace that has none.

    Returns:
        One row per piece: ``name``, ``kind`` (kernel, memcpy, memset; without GPU activity those of
        :func:`profiler_kit.analysis.work.host_work.host_work`), ``op`` (row of ``trace.ops``, `NONE` if none),
        ``launch_ns`` (when the host launched it, ``<NA>`` if the trace does not show it), ``start_ns``,
        ``duration_ns``.
    """
    if not trace.has_gpu_activity:
        return host_work(trace).assign(kernel=NONE)
    table = device_activity(trace)
    launch = row_numbers(table.pop("launch"))
    launched = trace.launches["start_ns"].to_numpy()[launch[launch != NONE]]
    table["launch_ns"] = pd.Series(launch).where(launch != NONE).astype("Int64")
    table.loc[launch != NONE, "launch_ns"] = launched
    rows = np.arange(len(table))
    kernel = np.where(rows < len(trace.kernels), rows, NONE)
    return table.assign(op=row_numbers(table["op"]), kernel=kernel).drop(columns=["device", "stream"])


def outermost_rows(flag: NDArray[np.bool_], parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for every row the outermost flagged one among itself and its ancestors, or `NONE`."""
    found = np.where(flag, np.arange(len(flag)), NONE)
    above = parents.copy()
    rows = np.flatnonzero(above != NONE) if flag.any() else np.empty(0, dtype=np.int64)
    while rows.size:
        up = above[rows]
        higher = found[up]
        found[rows] = np.where(higher != NONE, higher, found[rows])
        above[rows] = above[up]
        rows = rows[above[rows] != NONE]
    return found


def nearest_rows(flag: NDArray[np.bool_], parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for every row the nearest flagged one among itself and its ancestors, or `NONE`."""
    found = np.where(flag, np.arange(len(flag)), NONE)
    above = parents.copy()
    rows = np.flatnonzero(~flag & (above != NONE)) if flag.any() else np.empty(0, dtype=np.int64)
    while rows.size:
        up = above[rows]
        found[rows] = found[up]
        above[rows] = above[up]
        rows = rows[(found[rows] == NONE) & (above[rows] != NONE)]
    return found


def add_to_ancestors(values: NDArray[np.int64], parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add every row's value to all rows that enclose it; returns own value plus everything inside, by row."""
    total = values.copy()
    above, rows = parents.copy(), np.arange(len(values))
    while True:
        nested = above != NONE
        rows, above = rows[nested], above[nested]
        if not rows.size:
            return total
        np.add.at(total, above, values[rows])
        above = parents[above]


def nested_in_same(key: NDArray[np.int64], parents: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows have an ancestor with the same key: counting those too would count their time twice."""
    result = np.zeros(len(key), dtype=bool)
    above, rows = parents.copy(), np.arange(len(key))
    while True:
        nested = above != NONE
        rows, above = rows[nested], above[nested]
        if not rows.size:
            return result
        result[rows] |= key[above] == key[rows]
        above = parents[above]
