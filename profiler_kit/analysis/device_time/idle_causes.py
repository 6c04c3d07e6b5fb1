"""Why a device was idle: the rules, applied to every gap.

A gap is a stretch between the first and the last activity of a device in which it runs nothing at all. What ends it is
the *next* activity; its *launch* is the call that asked for it, on the launching thread. A gap is cut in two where that
call begins: before it the host had not asked for more work, after it the work was on its way.

**Before the launch begins** every moment has the state of the launching thread (:mod:`.host_states`), by the first rule
that holds:

1. `LOADING`: it is inside the data loader's ``__next__``.
2. `SYNCHRONISATION`: its innermost range is a call that waits for the device (``cudaStreamSynchronize``, …).
3. `COPY`: its innermost range is a copy call, which for pageable memory returns only when the copy is done.
4. `ALLOCATION`: its innermost range is a call that allocates or frees device memory.
5. `HOST_BUSY`: it is inside an operator, or any other call of the runtime.
6. If none of these holds, the same rules for the other threads that launch work, those with most launches first: while
   autograd's thread runs, the thread that comes next only waits for it.
7. `BETWEEN_STEPS`: no thread is in any of these, and a ``ProfilerStep`` begins or ends meanwhile.
8. `HOST_BUSY`: the launching thread is in a recorded Python function.
9. `HOST_OUTSIDE`: no range says what the host does; it is outside operators, in code that was not recorded.

**After the launch has begun**, by the first rule that holds:

1. `COPY`: the next activity is a copy from host memory that is not page-locked, as far as its name tells, and its call
   is still running: host memory is being staged. Copies within devices, to the host or from page-locked memory stage
   nothing before they begin: theirs are calls like those of kernels.
2. `COPY`, `COMMUNICATION` or `OTHER_STREAM`: the last activity before the gap ran on another stream, and the next one's
   stream was told to wait for an event (``cudaStreamWaitEvent``) since its last activity; which of the three is the
   class of that last activity. A copy is named with the call that launched it, where it is known to be what the
   next activity waited for (:mod:`.stream_waits`), and else the launch of the next.
3. `HOST_BUSY`: the call had not returned when the gap began and lasts longer than `LONGEST_LAUNCH_NS`: it did more than
   launch, as the first launch of a kernel does, which loads its code.
4. `LAUNCH`: the call had not returned when the gap began: the time that a launch takes to reach the device.
5. `QUEUED`: the work was queued already, as the kernels of a graph are, and the gap is at most `LONGEST_QUEUED_NS`:
   the device's own time between two activities.
6. `UNKNOWN`: it was queued and yet did not begin, and the trace does not say why.

If the launch of the next activity is not in the trace, the whole gap is `UNKNOWN`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_states import DeviceStates
from profiler_kit.analysis.device_time.device_time_classes import CLASSES
from profiler_kit.analysis.device_time.device_time_classes import COMMUNICATION as COMMUNICATION_CLASS
from profiler_kit.analysis.device_time.device_time_classes import COPY as COPY_CLASS
from profiler_kit.analysis.device_time.host_states import (
    ALLOCATES,
    COPIES,
    LOADS,
    OPERATOR,
    PYTHON,
    SYNCHRONISES,
    HostStates,
)
from profiler_kit.analysis.device_time.stream_waits import stream_waits
from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.intervals import cut, merge
from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]

HOST_BUSY: Final = "host busy"
HOST_OUTSIDE: Final = "host outside operators"
ALLOCATION: Final = "host allocates device memory"
SYNCHRONISATION: Final = "synchronisation"
LOADING: Final = "data loading"
BETWEEN_STEPS: Final = "between steps"
COPY: Final = "waiting for a copy"
COMMUNICATION: Final = "waiting for communication"
OTHER_STREAM: Final = "waiting for another stream"
LAUNCH: Final = "launch under way"
QUEUED: Final = "between queued activities"
UNKNOWN: Final = "unknown"

CAUSES: Final = (
    HOST_BUSY, HOST_OUTSIDE, ALLOCATION, SYNCHRONISATION, LOADING, BETWEEN_STEPS, COPY, COMMUNICATION, OTHER_STREAM,
    LAUNCH, QUEUED, UNKNOWN,
)  # fmt: skip
"""All causes; the place of a cause is its code."""

HOST_CAUSES: Final = (HOST_BUSY, HOST_OUTSIDE, ALLOCATION, SYNCHRONISATION, LOADING, BETWEEN_STEPS, LAUNCH)
"""The causes in which the device waits because the host has not asked for more work in time."""

LONGEST_QUEUED_NS: Final = 20_000
"""Longest gap before queued work that counts as the device's own: ten times what devices take between two kernels."""

LONGEST_LAUNCH_NS: Final = 100_000
"""Longest call that does nothing but launch: calls take 5 to 15 µs, and more where the profiler gets in between."""

_FROM_HOST: Final = re.compile(r"HtoD|HostToDevice")
_PAGE_LOCKED: Final = re.compile(r"Pinned")
_CODE: Final = {name: code for code, name in enumerate(CAUSES)}
_OF_STATE: Final = {LOADS: LOADING, SYNCHRONISES: SYNCHRONISATION, COPIES: COPY, ALLOCATES: ALLOCATION}


def find_gaps(trace: Trace, activity: pd.DataFrame, device: DeviceStates) -> pd.DataFrame:
    """Return the gaps of one device with what came before and after each.

    Returns:
        One row per gap, in order: ``start_ns``, ``end_ns``, ``previous`` and ``next`` (rows of `activity`), ``launch``
        (row of ``trace.launches``, `NONE` if not in the trace), ``thread``, ``call_start_ns``, ``call_end_ns`` (of that
        call; 0 where there is none), ``after`` (code in `CAUSES` of the time after the launch has begun), ``told`` (row
        of ``trace.launches`` that this time is told from, or `NONE`) and ``told_ns`` (when that call began), ``awaits``
        (whether it is that of the copy on another stream that the next activity is known to have waited for).
    """
    start, end = device.gaps()
    starts = activity["start_ns"].to_numpy()[device.rows]
    ends = activity["end_ns"].to_numpy()[device.rows]
    reach = np.maximum.accumulate(ends)
    furthest = np.maximum.accumulate(np.where(ends == reach, np.arange(len(ends)), 0))
    place = np.searchsorted(starts, end, "left")
    following = device.rows[place]
    launch = row_numbers(activity["launch"])[following]
    calls, known = trace.launches, launch != NONE
    call_start = np.where(known, calls["start_ns"].to_numpy()[launch], 0) if len(calls) else np.zeros_like(start)
    length = np.where(known, calls["duration_ns"].to_numpy()[launch], 0) if len(calls) else np.zeros_like(start)
    thread = np.where(known, calls["thread"].to_numpy(np.int64)[launch], NONE) if len(calls) else launch
    gaps = pd.DataFrame(
        {
            "start_ns": start,
            "end_ns": end,
            "previous": device.rows[furthest[place - 1]] if len(place) else following,
            "next": following,
            "launch": launch,
            "thread": thread,
            "call_start_ns": call_start,
            "call_end_ns": call_start + length,
        },
        copy=False,
    )
    return gaps.assign(**_after_launch(trace, activity, device.rows, gaps))


def told_by_host(gaps: Sequence[pd.DataFrame]) -> tuple[Int64Array, Int64Array]:
    """Return when the host tells the cause: from each gap's start to its launch, and where the launch itself does.

    Args:
        gaps: What :func:`find_gaps` returned for each device.

    Returns:
        Starts and ends of disjoint stretches, in order.
    """
    starts, ends = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for of_device in gaps:
        start, asked = of_device["start_ns"].to_numpy(), _asked_ns(of_device)
        waits = (of_device["launch"].to_numpy() != NONE) & (asked > start)
        calls = of_device["told_ns"].to_numpy()[_told(of_device)]
        starts += [start[waits], calls]
        ends += [asked[waits], calls + 1]
    return merge(np.concatenate(starts), np.concatenate(ends))


def _told(gaps: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell of which gaps a call is named for the time after the launch has begun."""
    late = (gaps["launch"].to_numpy() != NONE) & (_asked_ns(gaps) < gaps["end_ns"].to_numpy())
    return np.asarray(late & (gaps["told"].to_numpy() != NONE), dtype=bool)


def _asked_ns(gaps: pd.DataFrame) -> Int64Array:
    """Return where each gap is cut: where the launch of what ends it begins, if that is inside."""
    start, end = gaps["start_ns"].to_numpy(), gaps["end_ns"].to_numpy()
    return np.asarray(np.clip(gaps["call_start_ns"].to_numpy(), start, end), dtype=np.int64)


def gap_pieces(
    trace: Trace, activity: pd.DataFrame, gaps: pd.DataFrame, host: HostStates, step_edges: Int64Array
) -> pd.DataFrame:
    """Cut the gaps of one device into pieces of one cause each. The pieces of a gap add up to it.

    Args:
        trace: The trace.
        activity: Its GPU activity.
        gaps: What :func:`find_gaps` returned.
        host: What the host threads did, at least in the stretches of :func:`told_by_host`.
        step_edges: Times at which a profiler step begins or ends, in order.

    Returns:
        ``gap`` (row of `gaps`), ``start_ns``, ``end_ns``, ``cause`` (code in `CAUSES`), ``range`` (innermost row of
        ``host.ranges`` that it was told from, or `NONE`).
    """
    start, end = gaps["start_ns"].to_numpy(), gaps["end_ns"].to_numpy()
    known = gaps["launch"].to_numpy() != NONE
    asked = _asked_ns(gaps)
    without = np.flatnonzero(~known)
    late = np.flatnonzero(known & (asked < end))
    calls = host.of_launches(np.where(_told(gaps), gaps["told"].to_numpy(), NONE)[late])
    parts = [
        _pieces(without, start[without], end[without], _CODE[UNKNOWN]),
        _pieces(late, asked[late], end[late], gaps["after"].to_numpy()[late], calls),
    ]
    early = np.flatnonzero(known & (asked > start))
    windows = _Windows(early, start[early], asked[early])
    parts += _before_launch(windows, gaps, host, step_edges, _launching_threads(trace, activity))
    return pd.concat(parts, ignore_index=True).sort_values(["gap", "start_ns"], kind="stable", ignore_index=True)


class _Windows:
    """Disjoint stretches of some gaps, in order: `gap`, `start`, `end`, arrays of one length."""

    def __init__(self, gap: Int64Array, start: Int64Array, end: Int64Array) -> None:
        self.gap, self.start, self.end = gap, start, end

    def __getitem__(self, chosen: Int64Array | NDArray[np.bool_]) -> _Windows:
        return _Windows(self.gap[chosen], self.start[chosen], self.end[chosen])


def _pieces(
    gap: Int64Array, start: Int64Array, end: Int64Array, cause: Int64Array | int, label: Int64Array | None = None
) -> pd.DataFrame:
    label = np.full(len(gap), NONE, dtype=np.int64) if label is None else label
    cause = np.full(len(gap), cause, dtype=np.int64) if isinstance(cause, int) else cause
    return pd.DataFrame({"gap": gap, "start_ns": start, "end_ns": end, "cause": cause, "range": label})


def _launching_threads(trace: Trace, activity: pd.DataFrame) -> list[int]:
    """Return the threads that launch GPU activity, those with most launches first."""
    launch = row_numbers(activity["launch"])
    threads = trace.launches["thread"].to_numpy(np.int64)[launch[launch != NONE]]
    numbers, counts = np.unique(threads, return_counts=True)
    return [int(number) for number in numbers[np.argsort(-counts, kind="stable")]]


def _before_launch(
    windows: _Windows, gaps: pd.DataFrame, host: HostStates, step_edges: Int64Array, by_launches: list[int]
) -> list[pd.DataFrame]:
    """Apply the rules for the time before the launch begins."""
    thread = gaps["thread"].to_numpy()
    found, open_ = [], []
    for number in by_launches:
        rest = windows[thread[windows.gap] == number]
        for other in (number, *(one for one in by_launches if one != number)):
            rest, pieces = _told_by(rest, host, other)
            found.append(pieces)
        open_.append(_outside(rest, host, number, step_edges))
    return [*found, *open_]


def _told_by(windows: _Windows, host: HostStates, thread: int) -> tuple[_Windows, pd.DataFrame]:
    """Return the windows that a thread's ranges do not explain, and the pieces that they do."""
    parts, label = _labelled(windows, host, thread)
    state = np.where(label == NONE, 0, host.ranges["state"].to_numpy()[label]) if len(host.ranges) else label
    told = state >= OPERATOR
    cause = np.full(len(state), _CODE[HOST_BUSY], dtype=np.int64)
    for value, name in _OF_STATE.items():
        cause[state == value] = _CODE[name]
    inside = parts[told]
    return parts[~told], _pieces(inside.gap, inside.start, inside.end, cause[told], label[told])


def _outside(windows: _Windows, host: HostStates, thread: int, step_edges: Int64Array) -> pd.DataFrame:
    """Say of the time in which no thread is in an operator or call what it is."""
    joined = _joined(windows)
    holds_edge = np.searchsorted(step_edges, joined.end, "right") > np.searchsorted(step_edges, joined.start, "left")
    parts, label = _labelled(joined, host, thread)
    hole = np.searchsorted(joined.start, parts.start, "right") - 1
    state = np.where(label == NONE, 0, host.ranges["state"].to_numpy()[label]) if len(host.ranges) else label
    cause = np.where(state == PYTHON, _CODE[HOST_BUSY], _CODE[HOST_OUTSIDE])
    cause = np.where(holds_edge[hole], _CODE[BETWEEN_STEPS], cause) if len(hole) else cause
    return _pieces(parts.gap, parts.start, parts.end, cause, label)


def _joined(windows: _Windows) -> _Windows:
    """Join windows of a gap that touch."""
    if not len(windows.gap):
        return windows
    new = np.concatenate(([True], (windows.gap[1:] != windows.gap[:-1]) | (windows.start[1:] != windows.end[:-1])))
    first = np.flatnonzero(new)
    last = np.concatenate((first[1:] - 1, [len(new) - 1]))
    return _Windows(windows.gap[first], windows.start[first], windows.end[last])


def _labelled(windows: _Windows, host: HostStates, thread: int) -> tuple[_Windows, Int64Array]:
    """Cut windows where the innermost range of a thread changes; returns (pieces, innermost range of each)."""
    change = host.change_ns.get(thread, np.empty(0, dtype=np.int64))
    row, place, start, end = cut(windows.start, windows.end, change)
    innermost = host.innermost.get(thread)
    label = np.full(len(row), NONE, dtype=np.int64)
    if innermost is not None:
        label = np.where(place >= 0, innermost[place], NONE)
    return _Windows(windows.gap[row], start, end), label


def _after_launch(
    trace: Trace, activity: pd.DataFrame, rows: Int64Array, gaps: pd.DataFrame
) -> dict[str, NDArray[np.int64] | NDArray[np.bool_]]:
    """Return for every gap of a device what is known of the time after the launch has begun (:func:`find_gaps`)."""
    following, previous = gaps["next"].to_numpy(), gaps["previous"].to_numpy()
    kind, copy = activity["class"].cat.codes.to_numpy(), CLASSES.index(COPY_CLASS)
    start, end = gaps["start_ns"].to_numpy(), gaps["end_ns"].to_numpy()
    call_start, call_end = gaps["call_start_ns"].to_numpy(), gaps["call_end_ns"].to_numpy()
    staged = _may_be_staged(activity["name"])[following] & (kind[following] == copy) & (call_end >= end)
    waits, known = stream_waits(trace, activity, rows, gaps)
    before = kind[previous] if len(previous) else previous
    of_before = np.full(len(CLASSES), _CODE[OTHER_STREAM])
    of_before[copy] = _CODE[COPY]
    of_before[CLASSES.index(COMMUNICATION_CLASS)] = _CODE[COMMUNICATION]
    short = end - np.maximum(start, call_start) <= LONGEST_QUEUED_NS
    under_way, long = call_end > start, call_end - call_start > LONGEST_LAUNCH_NS
    after = np.select(
        [staged, waits, under_way & long, under_way, short],
        [_CODE[COPY], of_before[before], _CODE[HOST_BUSY], _CODE[LAUNCH], _CODE[QUEUED]],
        default=_CODE[UNKNOWN],
    )
    awaits = known & ~staged & (before == copy)
    by_call = np.isin(after, (_CODE[HOST_BUSY], _CODE[COPY]))
    launches = row_numbers(activity["launch"])[previous]
    told = np.where(awaits, launches, np.where(by_call, gaps["launch"].to_numpy(), NONE))
    starts = trace.launches["start_ns"].to_numpy()
    told_ns = np.where(told != NONE, starts[told], 0) if len(starts) else np.zeros_like(start)
    return {"after": after.astype(np.int64), "told": told, "told_ns": told_ns, "awaits": awaits}


def _may_be_staged(names: pd.Series) -> NDArray[np.bool_]:
    """Tell which copies, by their names, read host memory that the driver has to copy aside first."""
    return told_by_name(names, lambda name: bool(_FROM_HOST.search(name)) and not _PAGE_LOCKED.search(name))


def responsible(host: HostStates, pieces: pd.DataFrame) -> Int64Array:
    """Return of every piece the range to name: its outermost operator, else its innermost range, else `NONE`."""
    label = pieces["range"].to_numpy()
    operator = host.outermost(label, "ops")
    return np.where(operator != NONE, operator, label)
