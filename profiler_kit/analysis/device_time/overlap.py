"""What ran at the same time: streams, and compute against communication against copies.

Classes hide each other in the order of :data:`profiler_kit.analysis.device_time.device_time_classes.CLASSES`:
communication is hidden where a compute kernel runs too, a copy where any kernel does, a memset where anything else
does. What is not hidden is exposed, so exposed time of all classes adds up to the busy time of the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_states import ActiveDevices, DeviceStates, active_devices, length_ns, mask
from profiler_kit.analysis.device_time.device_time_classes import CLASSES, UNKNOWN_DEVICE
from profiler_kit.trace import Trace
from profiler_kit.trace.intervals import states, union_ns

Int64Array = NDArray[np.int64]

MOST_STREAMS: Final = 60
"""Streams of a device that are compared with each other, those with most activity; a device rarely has ten."""


@dataclass(frozen=True)
class Overlap:
    """What ran at the same time on each device.

    Attributes:
        classes: One row per device and class: ``device``, ``class``, ``activities``, ``total_ns`` (sum of durations),
            ``ns`` (length of their union), ``exposed_ns`` + ``hidden_ns`` = ``ns``.
        matrix: One row per device and pair of classes: ``device``, ``class``, ``other``, ``ns`` during which both ran;
            where both are the same, the length of its union. Each pair is there in both orders.
        streams: One row per device and stream, most busy first: ``device``, ``stream``, ``activities``, ``busy_ns``
            (length of the union), ``alone_ns`` (no other stream ran), ``share`` (of the device's span), and the sum of
            durations by class: ``compute_ns``, ``communication_ns``, ``copy_ns``, ``memset_ns``.
        stream_pairs: ``device``, ``stream``, ``other``, ``ns`` during which both ran; pairs that ever did, once each.
    """

    classes: pd.DataFrame
    matrix: pd.DataFrame
    streams: pd.DataFrame
    stream_pairs: pd.DataFrame


def overlap(trace: Trace, *, active: ActiveDevices | None = None) -> Overlap:
    """Measure what ran at the same time.

    Args:
        trace: The trace.
        active: What :func:`profiler_kit.analysis.device_time.device_states.active_devices` returned for it, if it was
            asked before.
    """
    active = active_devices(trace) if active is None else active
    activity, devices = active.activity, active.states
    classes = [row for device in devices for row in _classes(activity, device)]
    matrix = [row for device in devices for row in _matrix(device)]
    streams, pairs = [], []
    for device in devices:
        table, together = _streams(activity.iloc[device.rows], device)
        streams.append(table)
        pairs += together
    return Overlap(
        _table(classes, ("device", "class", "activities", "total_ns", "ns", "exposed_ns", "hidden_ns")),
        _table(matrix, ("device", "class", "other", "ns")),
        _known(pd.concat(streams, ignore_index=True)) if streams else _table([], _STREAM_COLUMNS),
        _table(pairs, ("device", "stream", "other", "ns")),
    )


_STREAM_COLUMNS: Final = (
    "device", "stream", "activities", "busy_ns", "alone_ns", "share", *(f"{name}_ns" for name in CLASSES),
)  # fmt: skip


def _table(rows: list[tuple[object, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    return _known(pd.DataFrame(rows, columns=list(columns)))


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """Show unknown devices and streams as missing."""
    for name in ("device", "stream", "other"):
        if name in table and table[name].dtype != object and not isinstance(table[name].dtype, pd.StringDtype):
            numbers = table[name].astype("Int64")
            table[name] = numbers.mask(numbers == UNKNOWN_DEVICE)
    return table


def _classes(activity: pd.DataFrame, device: DeviceStates) -> list[tuple[object, ...]]:
    """Return the classes that ran on a device, with exposed and hidden time."""
    part = activity.iloc[device.rows]
    code, duration = part["class"].cat.codes.to_numpy(), part["duration_ns"].to_numpy()
    rows: list[tuple[object, ...]] = []
    for place, name in enumerate(CLASSES):
        mine = code == place
        if calls := int(mine.sum()):
            ns, exposed = length_ns(device.running(name)), length_ns(device.exposed(name))
            rows.append((device.device, name, calls, int(duration[mine].sum()), ns, exposed, ns - exposed))
    return rows


def _matrix(device: DeviceStates) -> list[tuple[object, ...]]:
    """Return how long each pair of classes ran at once."""
    length = device.end_ns - device.start_ns
    rows: list[tuple[object, ...]] = []
    for name in CLASSES:
        for other in CLASSES:
            both = mask(name) | mask(other)
            rows.append((device.device, name, other, int(length[(device.state & both) == both].sum())))
    return rows


def _streams(part: pd.DataFrame, device: DeviceStates) -> tuple[pd.DataFrame, list[tuple[object, ...]]]:
    """Return the streams of a device, and the pairs that ran at once."""
    stream = part["stream"].to_numpy(dtype=np.int64, na_value=-1)
    start, end = part["start_ns"].to_numpy(), part["end_ns"].to_numpy()
    numbers, code, counts = np.unique(stream, return_inverse=True, return_counts=True)
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(numbers))
    compared = np.minimum(rank, MOST_STREAMS)  # the others share the last place
    time, state = states(start, end, compared[code])
    length = np.diff(time)
    span = device.last_ns - device.first_ns
    sums = np.zeros((len(numbers), len(CLASSES)), dtype=np.int64)
    np.add.at(sums, (code, part["class"].cat.codes.to_numpy()), part["duration_ns"].to_numpy())
    order = np.argsort(code, kind="stable")
    edges = np.searchsorted(code[order], np.arange(len(numbers) + 1))
    rows = []
    for place, number in enumerate(numbers):
        mine = order[edges[place] : edges[place + 1]]
        busy = union_ns(start[mine], end[mine])
        alone = int(length[state[:-1] == 1 << int(compared[place])].sum())
        share = busy / span if span else 0.0
        rows.append((device.device, number, int(counts[place]), busy, alone, share, *sums[place]))
    table = pd.DataFrame(rows, columns=list(_STREAM_COLUMNS)).sort_values("busy_ns", ascending=False, kind="stable")
    return table, _pairs(device.device, numbers, compared, state[:-1], length)


def _pairs(
    device: int, numbers: Int64Array, compared: Int64Array, state: Int64Array, length: Int64Array
) -> list[tuple[object, ...]]:
    """Return how long each pair of the compared streams ran at once, longest first."""
    shown = [(int(numbers[at]), int(compared[at])) for at in np.flatnonzero(compared < MOST_STREAMS)]
    seen, which = np.unique(state, return_inverse=True)
    time_in = np.bincount(which, weights=length, minlength=len(seen)) if len(seen) else np.empty(0)
    found: list[tuple[object, ...]] = []
    for place, (stream, bit) in enumerate(shown):
        for other, other_bit in shown[place + 1 :]:
            both = (1 << bit) | (1 << other_bit)
            if ns := int(time_in[(seen & both) == both].sum()):
                found.append((device, stream, other, ns))
    return sorted(found, key=lambda row: -int(str(row[3])))
