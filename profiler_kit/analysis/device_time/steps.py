"""What each profiler step spent its time on, on every device: parts that add up, outliers, trend, and cut steps.

The windows of steps on a device do not overlap (:mod:`profiler_kit.analysis.work.step_windows`), and within a window

    compute + exposed communication + exposed copies + exposed memsets + idle + outside = duration

to the nanosecond; exposed means that no class named before it ran at the same time (:mod:`.overlap`), and outside is
the part of the window that lies before the first or after the last activity of the device in the trace: it is not
called idle, since the trace does not show that nothing ran.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_states import ActiveDevices, DeviceStates, active_devices, inside_ns
from profiler_kit.analysis.device_time.device_time_classes import (
    CLASSES,
    COMMUNICATION,
    COMPUTE,
    COPY,
    MEMSET,
    UNKNOWN_DEVICE,
)
from profiler_kit.analysis.device_time.idle import IdleTime, idle
from profiler_kit.analysis.device_time.idle_causes import HOST_CAUSES
from profiler_kit.analysis.device_time.step_statistics import Trend, cut_steps, outliers, trend
from profiler_kit.analysis.work.operator_classes import is_step
from profiler_kit.analysis.work.step_times import step_at
from profiler_kit.analysis.work.step_windows import step_windows
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]

CRITICAL: Final = (
    "compute", "communication", "copies", "memsets", "host", "idle for other reasons", "outside the device's activity",
)  # fmt: skip
"""What can be critical for a step, in the order of its parts."""

_PARTS: Final = ("compute_ns", "exposed_communication_ns", "exposed_copy_ns", "exposed_memset_ns")


@dataclass(frozen=True)
class Steps:
    """What each step spent its time on.

    Attributes:
        table: One row per device and step in order (per step where nothing ran on a device, with ``device`` and device
            times ``<NA>``): ``step``, ``device``, ``start_ns`` and ``duration_ns`` (of its window), ``host_ns`` (of the
            range on the host), ``op_ns`` (host time in outermost operators that start in it, all threads), ``kernels``
            (launched in it), ``busy_ns``, ``idle_ns``, ``outside_ns`` (the three add up to the window), ``compute_ns``,
            ``exposed_communication_ns``, ``exposed_copy_ns``, ``exposed_memset_ns`` (the four add up to ``busy_ns``),
            ``communication_ns``, ``copy_ns`` (exposed or not), ``host_idle_ns`` (idle because the host had not asked
            for more, :data:`profiler_kit.analysis.device_time.idle_causes.HOST_CAUSES`), ``critical`` (the largest
            part, one of `CRITICAL`), ``cut`` (the recording does not hold all of it; ``<NA>`` where there is too little
            to compare), ``outlier`` (:func:`profiler_kit.analysis.device_time.step_statistics.outliers`), ``remark``.
        outside: One row per device: ``device``, ``busy_ns`` outside all windows; with the windows' this is all.
        trend: How the duration develops over the steps, by device (`UNKNOWN_DEVICE` for the host's), where it can be
            told.
    """

    table: pd.DataFrame
    outside: pd.DataFrame
    trend: dict[int, Trend]


def steps(trace: Trace, *, idle_time: IdleTime | None = None, active: ActiveDevices | None = None) -> Steps:
    """Break every profiler step down.

    Args:
        trace: The trace. Without ``ProfilerStep`` ranges the table is empty.
        idle_time: What :func:`profiler_kit.analysis.device_time.idle.idle` returned for it, if it was asked before.
        active: What :func:`profiler_kit.analysis.device_time.device_states.active_devices` returned, likewise.
    """
    ranges = step_ranges(trace)
    active = active_devices(trace) if active is None else active
    activity, devices = active.activity, active.states if len(ranges) else []
    found = idle(trace, active=active) if idle_time is None else idle_time
    launched = _launched_in(trace, activity, ranges)
    common = _host(trace, ranges)
    frames, outside = [], []
    for device in devices:
        frame, beyond = _on_device(common, activity, device, launched, found)
        frames.append(frame)
        outside.append((device.device, beyond))
    table = pd.concat(frames, ignore_index=True) if frames else _without_device(common)
    trends: dict[int, Trend] = {}
    table["outlier"] = False
    for number in table["device"].unique():
        rows = np.flatnonzero((table["device"] == number).to_numpy() & ~table["cut"].fillna(False).to_numpy(bool))
        duration = table["duration_ns"].to_numpy(np.int64)[rows]
        table.loc[rows[outliers(duration)], "outlier"] = True
        if (found_trend := trend(duration)) is not None:
            trends[int(number)] = found_trend
    rest = pd.DataFrame(outside, columns=["device", "busy_ns"]).astype("int64")
    return Steps(_numbered(table[list(_COLUMNS)]), _numbered(rest), trends)


_COLUMNS: Final = (
    "step", "device", "start_ns", "duration_ns", "host_ns", "op_ns", "kernels", "busy_ns", "idle_ns", "outside_ns",
    *_PARTS, "communication_ns", "copy_ns", "host_idle_ns", "critical", "cut", "outlier", "remark",
)  # fmt: skip
_DEVICE_TIMES: Final = ("busy_ns", "idle_ns", "outside_ns", *_PARTS, "communication_ns", "copy_ns", "host_idle_ns")


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    """Show unknown devices as missing."""
    device = table["device"].astype("Int64")
    return table.assign(device=device.mask(device == UNKNOWN_DEVICE))


def _launched_in(trace: Trace, activity: pd.DataFrame, ranges: pd.DataFrame) -> Int64Array:
    """Return the row of the step during which each activity was launched, or `NONE`."""
    launch = row_numbers(activity["launch"])
    step = np.full(len(activity), NONE, dtype=np.int64)
    known = launch != NONE
    step[known] = step_at(ranges, trace.launches["start_ns"].to_numpy()[launch[known]])
    return step


def _host(trace: Trace, ranges: pd.DataFrame) -> pd.DataFrame:
    """Return what is the same for all devices: the host's side of every step."""
    of_operator, counts = operators_of_steps(trace, ranges)
    op_ns = np.zeros(len(ranges), dtype=np.int64)
    chosen = _outermost(trace.ops) & (of_operator != NONE)
    np.add.at(op_ns, of_operator[chosen], trace.ops["duration_ns"].to_numpy()[chosen])
    cut, remark = cut_steps(counts)
    return pd.DataFrame(
        {
            "step": ranges["step"],
            "host_start_ns": ranges["start_ns"],
            "host_ns": ranges["duration_ns"],
            "op_ns": op_ns,
            "cut": cut,
            "remark": remark,
        }
    )


def operators_of_steps(trace: Trace, ranges: pd.DataFrame) -> tuple[Int64Array, Int64Array]:
    """Return the row of the step in which each operator begins, and how many begin in each step.

    Args:
        trace: The trace.
        ranges: Its steps, with ``start_ns`` and ``duration_ns``.

    Returns:
        Rows of `ranges` by row of ``trace.ops``, `NONE` for what is in no step and for steps, which are operators in
        traces of 2021; and the counts by row of `ranges`.
    """
    of_operator = step_at(ranges, trace.ops["start_ns"].to_numpy())
    of_operator[is_step(trace.ops["name"])] = NONE
    return of_operator, np.bincount(of_operator[of_operator != NONE], minlength=len(ranges))


def _outermost(operators: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which operators lie in no other, steps not counted."""
    parent = row_numbers(operators["parent"])
    in_step = is_step(operators["name"])[parent] if len(operators) else parent == NONE
    return np.asarray((parent == NONE) | in_step)


def _on_device(
    common: pd.DataFrame, activity: pd.DataFrame, device: DeviceStates, launched: Int64Array, idle_time: IdleTime
) -> tuple[pd.DataFrame, int]:
    """Return the steps on one device, and its busy time outside of all of them."""
    mine = launched[device.rows]
    ends = activity["end_ns"].to_numpy()[device.rows]
    kernel = (activity["table"].cat.codes.to_numpy() == 0)[device.rows]
    start, end = step_windows(common["host_start_ns"].to_numpy(), common["host_ns"].to_numpy(), mine, ends)
    table = common.assign(device=device.device, start_ns=start, duration_ns=end - start)
    table["kernels"] = np.bincount(mine[(mine != NONE) & kernel], minlength=len(common))
    for name, column in zip((COMPUTE, COMMUNICATION, COPY, MEMSET), _PARTS, strict=True):
        table[column] = inside_ns(device.exposed(name), start, end)
    table["busy_ns"] = sum(table[column] for column in _PARTS)
    inside = inside_ns((np.array([device.first_ns]), np.array([device.last_ns])), start, end)
    table["outside_ns"] = table["duration_ns"] - inside
    table["idle_ns"] = inside - table["busy_ns"]
    table["communication_ns"] = inside_ns(device.running(COMMUNICATION), start, end)
    table["copy_ns"] = inside_ns(device.running(COPY), start, end)
    table["host_idle_ns"] = _host_idle(idle_time, device, start, end)
    parts = [table[column].to_numpy() for column in (*_PARTS, "host_idle_ns")]
    parts += [table["idle_ns"].to_numpy() - parts[-1], table["outside_ns"].to_numpy()]
    largest = np.argmax(np.stack(parts), axis=0)
    table["critical"] = np.array(CRITICAL, dtype=object)[largest]
    table["remark"] = _with_earlier_work(table, mine, activity["start_ns"].to_numpy()[device.rows])
    everything = device.running(*CLASSES)
    return table, int((everything[1] - everything[0]).sum()) - int(table["busy_ns"].sum())


def _host_idle(idle_time: IdleTime, device: DeviceStates, start: Int64Array, end: Int64Array) -> Int64Array:
    """Return how much of each window the device was idle because of the host."""
    pieces = idle_time.pieces
    number = pieces["device"].to_numpy(dtype=np.int64, na_value=UNKNOWN_DEVICE)
    mine = pieces[(number == device.device) & pieces["cause"].isin(HOST_CAUSES).to_numpy()]
    return inside_ns((mine["start_ns"].to_numpy(np.int64), mine["end_ns"].to_numpy(np.int64)), start, end)


def _with_earlier_work(table: pd.DataFrame, launched: Int64Array, starts: Int64Array) -> pd.Series:
    """Add to the remarks of which steps the window holds work that no step launched."""
    stray = np.sort(starts[launched == NONE])
    begin = table["start_ns"].to_numpy()
    count = np.searchsorted(stray, begin + table["duration_ns"].to_numpy()) - np.searchsorted(stray, begin)
    text = [
        "; ".join([*([remark] if isinstance(remark, str) else []), f"{n:,} activities in it were launched in no step"])
        if n
        else remark
        for n, remark in zip(count.tolist(), table["remark"], strict=True)
    ]
    return pd.Series(text, dtype=object, index=table.index)


def _without_device(common: pd.DataFrame) -> pd.DataFrame:
    """Return the steps of a trace without GPU activity: the host's side only."""
    table = common.assign(
        device=UNKNOWN_DEVICE, start_ns=common["host_start_ns"], duration_ns=common["host_ns"], kernels=0, critical=None
    )
    missing = pd.array([pd.NA] * len(table), dtype="Int64")
    return table.assign(**dict.fromkeys(_DEVICE_TIMES, missing))
