"""Idle time of every device: each gap with its cause, in books that close.

Idle is only what lies between the first and the last activity of a device. What a device did before its first activity
in the trace, or after its last, the trace does not show (a recording that begins or ends in the middle of a run looks
the same as a device that waits), so that time is stated by itself and never counted as idle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_states import ActiveDevices, DeviceStates, active_devices, length_ns
from profiler_kit.analysis.device_time.device_time_classes import CLASSES, UNKNOWN_DEVICE
from profiler_kit.analysis.device_time.host_states import COPIES, SYNCHRONISES, HostStates, host_states
from profiler_kit.analysis.device_time.idle_causes import CAUSES, find_gaps, gap_pieces, responsible, told_by_host
from profiler_kit.analysis.work.coded_names import coded, coded_texts
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.analysis.work.step_times import step_at
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class IdleTime:
    """When the devices ran nothing, and why.

    The books close for every device, to the nanosecond: ``busy_ns`` + ``idle_ns`` = ``span_ns``, and ``idle_ns`` is the
    sum over `causes`, over `gaps` and over `parts`.

    Attributes:
        devices: One row per active device: ``device`` (``<NA>`` if the trace gives none), ``first_ns`` and ``last_ns``
            (start of its first and end of its last activity), ``span_ns`` (from one to the other), ``busy_ns``,
            ``idle_ns``, ``gaps``; ``before_first_ns`` and ``after_last_ns``: what the recording holds before and after,
            which is not counted as idle.
        causes: One row per device and cause that occurs, most time first: ``device``, ``cause`` (one of
            :data:`profiler_kit.analysis.device_time.idle_causes.CAUSES`, whose module says by which rules), ``gaps``,
            ``ns``, ``share`` (of the device's span, 0 to 1).
        gaps: One row per gap, in order: ``device``, ``start_ns``, ``duration_ns``, ``cause`` (that of most of it),
            ``cause_ns`` (how much of it), ``step`` (during which it begins), ``after_sync`` (the host was waiting for
            the device when it began, and so could not have work queued), and the evidence: ``operator`` (outermost),
            ``layer`` and ``python_function`` in which the host was for most of that time, ``call`` (of the longest
            piece), ``range`` (an annotation, where there was no operator), ``waits_for`` (the copy on another stream
            that what came next waited for: the others then say where the host was when it launched that copy),
            ``previous`` and ``next`` (activity around it), ``previous_class``, ``next_class``, ``launch_ns`` (when the
            host began to launch what came next). ``<NA>``: there was none.
        parts: One row per gap and cause: ``gap`` (row of `gaps`), ``device``, ``cause``, ``duration_ns``, ``operator``,
            ``layer``, ``python_function``, ``call``, ``range``, ``waits_for``.
        pieces: The gaps cut where the cause changes: ``gap``, ``device``, ``start_ns``, ``end_ns``, ``cause``.
    """

    devices: pd.DataFrame
    causes: pd.DataFrame
    gaps: pd.DataFrame
    parts: pd.DataFrame
    pieces: pd.DataFrame


def idle(trace: Trace, *, layers: LayerOfOp | None = None, active: ActiveDevices | None = None) -> IdleTime:
    """Find every gap of every device and say why it was there.

    Args:
        trace: The trace. Without GPU activity all tables of the result are empty.
        layers: What :func:`profiler_kit.analysis.work.layer_of_op.layers_of_ops` returned for it, if it was asked
            before.
        active: What :func:`profiler_kit.analysis.device_time.device_states.active_devices` returned, likewise.
    """
    active = active_devices(trace) if active is None else active
    activity, devices = active.activity, active.states
    found = [find_gaps(trace, activity, device) for device in devices]
    host = host_states(trace, told_by_host(found))
    steps = step_ranges(trace)
    start = steps["start_ns"].to_numpy()
    edges = np.sort(np.concatenate([start, start + steps["duration_ns"].to_numpy()]))
    layers = layers_of_ops(trace) if layers is None else layers
    gaps: list[pd.DataFrame] = []
    parts: list[pd.DataFrame] = []
    cut: list[pd.DataFrame] = []
    first = 0
    for device, of_gaps in zip(devices, found, strict=True):
        pieces = gap_pieces(trace, activity, of_gaps, host, edges)
        of_device = _parts(trace, activity, of_gaps, pieces, host, layers)
        gaps.append(_gaps(activity, device, of_gaps, pieces, of_device, host, steps))
        parts.append(of_device.assign(gap=of_device["gap"] + first, device=device.device))
        causes = coded(pieces["cause"].to_numpy(), CAUSES)
        cut.append(pieces.assign(gap=pieces["gap"] + first, device=device.device, cause=causes))
        first += len(of_gaps)
    gap_table = _numbered(_joined(gaps, _GAP_COLUMNS))
    part_table = _numbered(_joined(parts, _PART_COLUMNS))
    summary = _devices(trace, devices)
    pieces = _numbered(_joined(cut, _PIECE_COLUMNS))
    return IdleTime(summary, _by_cause(part_table, summary), gap_table, part_table, pieces)


_EVIDENCE = ("operator", "layer", "python_function", "call", "range", "waits_for")
_PART_COLUMNS = ("gap", "device", "cause", "duration_ns", *_EVIDENCE)
_PIECE_COLUMNS = ("gap", "device", "start_ns", "end_ns", "cause")
_GAP_COLUMNS = (
    "device", "start_ns", "duration_ns", "cause", "cause_ns", "step", "after_sync", *_EVIDENCE, "previous", "next",
    "previous_class", "next_class", "launch_ns",
)  # fmt: skip


def _joined(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))
    return frame[list(columns)]


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    """Show unknown devices as missing."""
    device = table["device"].astype("Int64")
    return table.assign(device=device.mask(device == UNKNOWN_DEVICE))


def _parts(
    trace: Trace,
    activity: pd.DataFrame,
    found: pd.DataFrame,
    pieces: pd.DataFrame,
    host: HostStates,
    layers: LayerOfOp,
) -> pd.DataFrame:
    """Sum the pieces of every gap by cause; what most of that time was told from is the evidence."""
    part = pieces["gap"].to_numpy() * len(CAUSES) + pieces["cause"].to_numpy()
    ns = (pieces["end_ns"] - pieces["start_ns"]).to_numpy()
    named = responsible(host, pieces)
    order = np.lexsort((named, part))
    firsts = _firsts(part[order], named[order])
    sums = np.add.reduceat(ns[order], firsts) if len(order) else ns
    by_name = order[firsts]
    most = by_name[_longest(part[by_name], sums)]
    longest = _longest(part, ns)
    first_of_part = _firsts(part[order])
    table = pd.DataFrame(
        {
            "gap": part[most] // len(CAUSES),
            "cause": coded(part[most] % len(CAUSES), CAUSES),
            "duration_ns": np.add.reduceat(ns[order], first_of_part) if len(order) else ns,
        }
    )
    table = table.assign(**_evidence(trace, named[most], pieces["range"].to_numpy()[longest], host, layers))
    gap = pieces["gap"].to_numpy()
    awaits = found["awaits"].to_numpy()[gap] & ~_before_launch(found, pieces)
    copy = np.where(awaits, found["previous"].to_numpy()[gap], NONE)
    return table.assign(waits_for=_names(activity["name"], copy[most]))


def _before_launch(found: pd.DataFrame, pieces: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which pieces lie before the launch of what ends their gap."""
    call_start = found["call_start_ns"].to_numpy()[pieces["gap"].to_numpy()]
    return np.asarray(pieces["start_ns"].to_numpy() < call_start, dtype=bool)


def _firsts(*keys: Int64Array) -> Int64Array:
    """Return the first row of every run of equal keys."""
    new = np.ones(len(keys[0]), dtype=bool)
    if len(new):
        new[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.flatnonzero(new)


def _longest(key: Int64Array, ns: Int64Array) -> Int64Array:
    """Return the row with most ns of every key, by key."""
    order = np.argsort(key, kind="stable")
    firsts = _firsts(key[order])
    if not len(firsts):
        return order
    most = np.maximum.reduceat(ns[order], firsts)
    rows = order[ns[order] == np.repeat(most, np.diff(firsts, append=len(order)))]
    return np.asarray(rows[_firsts(key[rows])], dtype=np.int64)


def _evidence(
    trace: Trace, named: Int64Array, innermost: Int64Array, host: HostStates, layers: LayerOfOp
) -> dict[str, pd.Series]:
    """Return the names around each range: operator, layer, Python function, call and annotation."""
    found = {name: host.ancestor(named, name) for name in ("python_functions", "annotations", "layers")}
    range_of = host.outermost(named, "ops")
    operator = np.where(range_of != NONE, host.ranges["row"].to_numpy()[range_of], NONE) if len(host.ranges) else named
    span = np.where(operator != NONE, layers.span[operator], NONE) if len(layers.span) else operator
    span_names = layers.spans["layer"]
    in_span = found["layers"] if len(trace.layers) else np.full(len(named), NONE)
    return {
        "operator": _names(trace.ops["name"], operator),
        "layer": _names(span_names, np.where(span != NONE, span, in_span)),
        "python_function": _names(trace.python_functions["name"], found["python_functions"]),
        "call": _names(trace.launches["name"], host.ancestor(innermost, "launches")),
        "range": _names(trace.annotations["name"], np.where(operator == NONE, found["annotations"], NONE)),
    }


def _names(names: pd.Series, rows: Int64Array) -> pd.Series:
    """Return the names of some rows, missing at `NONE`."""
    codes = np.full(len(rows), -1, dtype=np.int64)
    codes[rows != NONE] = names.cat.codes.to_numpy()[rows[rows != NONE]]
    return pd.Series(coded(codes, names))


def _gaps(
    activity: pd.DataFrame,
    device: DeviceStates,
    found: pd.DataFrame,
    pieces: pd.DataFrame,
    parts: pd.DataFrame,
    host: HostStates,
    steps: pd.DataFrame,
) -> pd.DataFrame:
    """Return the gaps of one device; cause and evidence are those of the longest part."""
    longest = parts.iloc[_longest(parts["gap"].to_numpy(), parts["duration_ns"].to_numpy())]
    start = found["start_ns"].to_numpy()
    known = found["launch"].to_numpy() != NONE
    step = step_at(steps, start)
    number = steps["step"].to_numpy()[step] if len(steps) else step
    return pd.DataFrame(
        {
            "device": device.device,
            "start_ns": start,
            "duration_ns": found["end_ns"].to_numpy() - start,
            "cause": longest["cause"].array,
            "cause_ns": longest["duration_ns"].to_numpy(),
            "step": pd.arrays.IntegerArray(number.astype(np.int64), step == NONE),
            "after_sync": _after_sync(found, pieces, host),
            **{name: longest[name].array for name in _EVIDENCE},
            "previous": activity["name"].array[found["previous"].to_numpy()],
            "next": activity["name"].array[found["next"].to_numpy()],
            "previous_class": activity["class"].array[found["previous"].to_numpy()],
            "next_class": activity["class"].array[found["next"].to_numpy()],
            "launch_ns": pd.arrays.IntegerArray(found["call_start_ns"].to_numpy(np.int64), ~known),
        }
    )


def _after_sync(found: pd.DataFrame, pieces: pd.DataFrame, host: HostStates) -> NDArray[np.bool_]:
    """Tell of which gaps the first piece lies in a call that waits for the device, before what ends the gap."""
    result = np.zeros(len(found), dtype=bool)
    if not len(host.ranges):
        return result
    label, gap = pieces["range"].to_numpy(), pieces["gap"].to_numpy()
    first = pieces["start_ns"].to_numpy() == found["start_ns"].to_numpy()[gap]
    waiting = np.isin(host.ranges["state"].to_numpy()[label], (SYNCHRONISES, COPIES)) & (label != NONE)
    result[gap[first & waiting & _before_launch(found, pieces)]] = True
    return result


def _devices(trace: Trace, devices: list[DeviceStates]) -> pd.DataFrame:
    """Return the books of every device."""
    begin, finish = _recorded(trace)
    busy = [length_ns(device.running(*CLASSES)) for device in devices]
    idle_ns = [length_ns(device.gaps()) for device in devices]
    table = pd.DataFrame(
        {
            "device": [device.device for device in devices],
            "first_ns": [device.first_ns for device in devices],
            "last_ns": [device.last_ns for device in devices],
            "span_ns": [device.last_ns - device.first_ns for device in devices],
            "busy_ns": busy,
            "idle_ns": idle_ns,
            "gaps": [len(device.gaps()[0]) for device in devices],
            "before_first_ns": [device.first_ns - begin for device in devices],
            "after_last_ns": [finish - device.last_ns for device in devices],
        },
        dtype="int64",
    )
    return _numbered(table)


def _recorded(trace: Trace) -> tuple[int, int]:
    """Return start and end of everything that was recorded of host and devices."""
    tables = [trace.ops, trace.launches, trace.kernels, trace.copies, trace.annotations, trace.python_functions]
    tables = [table for table in tables if len(table)]
    if not tables:
        return 0, 0
    ends = (int((table["start_ns"].to_numpy() + table["duration_ns"].to_numpy()).max()) for table in tables)
    return min(int(table["start_ns"].min()) for table in tables), max(ends)


def _by_cause(parts: pd.DataFrame, devices: pd.DataFrame) -> pd.DataFrame:
    """Sum the parts by device and cause."""
    device = parts["device"].to_numpy(dtype=np.int64, na_value=UNKNOWN_DEVICE)
    key, distinct = pd.factorize(device * len(CAUSES) + coded_texts(parts["cause"])[0])
    table = pd.DataFrame({"device": distinct // len(CAUSES), "cause": coded(distinct % len(CAUSES), CAUSES)})
    sums = parts["duration_ns"].groupby(key).agg(gaps="size", ns="sum")
    table = _numbered(table).assign(gaps=sums["gaps"].to_numpy(), ns=sums["ns"].to_numpy())
    span = devices.set_index("device")["span_ns"]
    table["share"] = table["ns"] / table["device"].map(span) if len(table) else table["ns"].astype(float)
    return table.sort_values(["device", "ns"], ascending=[True, False], kind="stable", ignore_index=True)
