"""Work whose stream was told to wait for another one, and whether it is known what it waited for.

``cudaStreamWaitEvent`` has a stream wait for an event, which ``cudaEventRecord`` has put behind what the other stream
was given until then. Which stream that is, and which call put the event there, only ``cuda_sync`` events tell. Without
them the event is taken to be the thread's last before the wait, as PyTorch's ``wait_stream`` does both in a row, and
its stream is known if there was only one that could hold the work up.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, first_match

Int64Array = NDArray[np.int64]

_WAIT_EVENT: Final = re.compile(r"StreamWaitEvent")
_RECORD_EVENT: Final = re.compile(r"EventRecord")
_NEVER: Final = np.iinfo(np.int64).min
_UNKNOWN_END: Final = np.iinfo(np.int64).max


def stream_waits(
    trace: Trace, activity: pd.DataFrame, rows: Int64Array, gaps: pd.DataFrame
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which gaps of a device follow an activity on another stream that the next one's stream may have waited for.

    Args:
        trace: The trace.
        activity: Its GPU activity.
        rows: Rows of `activity` that ran on the device.
        gaps: ``start_ns``, ``previous`` and ``next`` (rows of `activity`), ``launch``, ``thread`` and ``call_start_ns``
            of the next one.

    Returns:
        Whether that stream was told to wait for an event since its last activity, and whether it is known that what it
        waited for is the activity before the gap.
    """
    stream = activity["stream"].to_numpy(dtype=np.int64, na_value=NONE)
    following, previous = gaps["next"].to_numpy(), gaps["previous"].to_numpy()
    waits, known = np.zeros(len(gaps), dtype=bool), np.zeros(len(gaps), dtype=bool)
    candidates = np.flatnonzero((stream[following] != stream[previous]) & (gaps["launch"].to_numpy() != NONE))
    calls = _wait_calls(trace)
    if not candidates.size or not len(calls):
        return waits, known
    following, previous, of_gap = following[candidates], previous[candidates], gaps.iloc[candidates]
    before = _before_on_stream(activity, stream)[following]
    launched = _launched_ns(trace, activity)
    since, asked = np.where(before == NONE, _NEVER, launched[before]), launched[previous]
    asked = np.where(asked == _NEVER, _UNKNOWN_END, asked)
    only = _only_other_stream(activity, rows, stream, of_gap, before)
    until, thread = of_gap["call_start_ns"].to_numpy(), of_gap["thread"].to_numpy()
    for (of_thread, of_stream, other), part in calls.groupby(["thread", "stream", "waits_for"]):
        fits = np.flatnonzero((thread == of_thread) & ((of_stream == NONE) | (stream[following] == of_stream)))
        times = part["start_ns"].to_numpy()
        last = np.searchsorted(times, until[fits], "left") - 1
        between = last >= np.searchsorted(times, since[fits], "right")
        waits[candidates[fits]] |= between
        behind = part["recorded_ns"].to_numpy()[last] > asked[fits]
        told = only[fits] if other == NONE else stream[previous[fits]] == other
        known[candidates[fits]] |= between & behind & told
    # What is launched only after the other has ended does not wait for it.
    return waits, known & (gaps["call_start_ns"].to_numpy() < gaps["start_ns"].to_numpy())


def _wait_calls(trace: Trace) -> pd.DataFrame:
    """Return the calls that make a stream wait for an event, in order.

    Returns:
        ``thread``, ``start_ns``, ``stream`` that waits and ``waits_for``, the stream waited for (`NONE`: not told),
        ``recorded_ns``: when the call that put the event there began, the least number if unknown.
    """
    calls, syncs = trace.launches, trace.syncs
    rows = calls[matching(calls["name"], _WAIT_EVENT)]
    told = syncs["correlation"].to_numpy(dtype=np.int64, na_value=NONE)
    match = first_match(told, rows["correlation"].to_numpy(dtype=np.int64, na_value=NONE - 1))
    columns = {
        name: np.where(match == NONE, NONE, syncs[name].to_numpy(dtype=np.int64, na_value=NONE)[match])
        if len(syncs)
        else match
        for name in ("stream", "waits_for_stream", "waits_for_correlation")
    }
    thread, start = rows["thread"].to_numpy(np.int64), rows["start_ns"].to_numpy()
    correlations = calls["correlation"].to_numpy(dtype=np.int64, na_value=NONE - 1)
    record = first_match(correlations, columns["waits_for_correlation"])
    recorded = np.where(record == NONE, _last_recorded_ns(calls, thread, start), calls["start_ns"].to_numpy()[record])
    return pd.DataFrame(
        {
            "thread": thread,
            "start_ns": start,
            "stream": columns["stream"],
            "waits_for": columns["waits_for_stream"],
            "recorded_ns": recorded,
        }
    )


def _last_recorded_ns(calls: pd.DataFrame, thread: Int64Array, start: Int64Array) -> Int64Array:
    """Return when each thread had last recorded an event before some times."""
    records = calls[matching(calls["name"], _RECORD_EVENT)]
    found = np.full(len(start), _NEVER, dtype=np.int64)
    for number, part in records.groupby("thread"):
        times, mine = part["start_ns"].to_numpy(), np.flatnonzero(thread == number)
        place = np.searchsorted(times, start[mine], "left") - 1
        found[mine] = np.where(place < 0, _NEVER, times[place])
    return found


def _launched_ns(trace: Trace, activity: pd.DataFrame) -> Int64Array:
    """Return for every activity when its launch began, the least number if that is not in the trace."""
    launch = row_numbers(activity["launch"])
    launched = np.full(len(activity), _NEVER, dtype=np.int64)
    known = launch != NONE
    launched[known] = trace.launches["start_ns"].to_numpy()[launch[known]]
    return launched


def _before_on_stream(activity: pd.DataFrame, stream: Int64Array) -> Int64Array:
    """Return for every activity the one before it on its stream, `NONE` if there is none."""
    device = activity["device"].to_numpy()
    order = np.lexsort((stream, device))
    same = (stream[order][1:] == stream[order][:-1]) & (device[order][1:] == device[order][:-1])
    before = np.full(len(activity), NONE, dtype=np.int64)
    before[order[1:]] = np.where(same, order[:-1], NONE)
    return before


def _only_other_stream(
    activity: pd.DataFrame, rows: Int64Array, stream: Int64Array, gaps: pd.DataFrame, before: Int64Array
) -> NDArray[np.bool_]:
    """Tell before which gaps no third stream ended anything since the next activity's own stream was free.

    Args:
        activity: GPU activity.
        rows: Rows of it that ran on the device.
        stream: Stream of each row.
        gaps: The gaps asked about.
        before: For each of them, what ran before the next activity on its stream, or `NONE`.
    """
    end = activity["end_ns"].to_numpy()
    since, until = np.where(before == NONE, _NEVER, end[before]), gaps["start_ns"].to_numpy()
    own, other = stream[gaps["next"].to_numpy()], stream[gaps["previous"].to_numpy()]
    only = np.ones(len(gaps), dtype=bool)
    for number in np.unique(stream[rows]):
        ends = np.sort(end[rows[stream[rows] == number]])
        ended = np.searchsorted(ends, until, "right") > np.searchsorted(ends, since, "right")
        only &= ~ended | (own == number) | (other == number)
    return only
