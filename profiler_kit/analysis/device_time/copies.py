"""Memory copies: which way, from what memory, how fast, who caused them, and whether kernels hid them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.copy_peaks import copy_peaks
from profiler_kit.analysis.device_time.device_states import ActiveDevices, active_devices, inside_ns
from profiler_kit.analysis.device_time.device_time_classes import (
    COMMUNICATION,
    COMPUTE,
    UNKNOWN_DEVICE,
)
from profiler_kit.analysis.device_time.launches import GRAPH_LAUNCH
from profiler_kit.analysis.work.coded_names import coded_texts, matching, used_codes
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.analysis.work.origin import origins
from profiler_kit.analysis.work.step_times import step_at
from profiler_kit.analysis.work.totals import step_ranges
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]
Objects = NDArray[np.object_]

UNKNOWN: Final = "unknown"
MEMSET: Final = "memset"
BLOCKS: Final = "call blocks"
WAITED_FOR: Final = "waited for"
ASYNCHRONOUS: Final = "asynchronous"
IN_GRAPH: Final = "in a graph"

SMALL_BYTES: Final = 65_536
"""Copies up to this size cost their call and not their bytes: 64 KiB take 3 µs at 24 GB/s, a call takes 5 to 10."""

_DIRECTIONS: Final = (
    ("HtoD", re.compile(r"HtoD|HostToDevice")),
    ("DtoH", re.compile(r"DtoH|DeviceToHost")),
    ("DtoD", re.compile(r"DtoD|DeviceToDevice")),
    ("P2P", re.compile(r"PtoP|PeerToPeer")),
    ("HtoH", re.compile(r"HtoH|HostToHost")),
)
_SYNCHRONISES: Final = re.compile(r"Synchronize$")
_BLOCKING_CALL: Final = re.compile(r"^(?:cuda|hip)Memcpy(?:2D|3D|WithStream|ToSymbol|FromSymbol)?$")


@dataclass(frozen=True)
class Copies:
    """Every copy and memset, and what they sum up to.

    Hidden is the part of a copy during which its device also ran a kernel; exposed is the rest, so ``hidden_ns`` +
    ``exposed_ns`` = ``total_ns`` in every row.

    Attributes:
        table: One row per direction, kind of host memory and way of waiting, most time first: ``direction`` (HtoD,
            DtoH, DtoD, P2P, HtoH, memset, unknown), ``memory`` (of the host's side: pinned, pageable, unknown; ``<NA>``
            where no host memory is involved), ``waits`` (``call blocks``: the call returned only after the copy had
            ended; ``waited for``: the next call on that thread, in the same operator, waits for the device;
            ``asynchronous``; ``in a graph``: part of a graph replay; ``unknown``: the call is not in the trace),
            ``calls``, ``small`` (of at most `SMALL_BYTES`), ``bytes``, ``total_ns``, ``bytes_per_s`` (of those that say
            how many bytes; ``<NA>`` if none does), ``peak_share`` (of what carries them, at its peak by the data sheet:
            a lower bound where the machine's slot or its NVLink topology is slower than the GPU's own link; a copy
            within a device counts twice, as it reads and writes; ``<NA>`` where the peak or the size of any is not
            known, as for devices that :mod:`profiler_kit.devices` does not list), ``peak_of`` (``device memory``,
            ``NVLink``, or the link to the host by name: ``PCIe 4.0 x16``), ``peak_bytes_per_s`` (of one direction;
            both ``<NA>`` if it is not the same for all), ``hidden_ns``, ``exposed_ns``, ``call_ns`` (host time in the
            calls).
        causes: One row per operator, layer and direction, most time first: ``direction``, ``operator`` (outermost),
            ``layer``, ``calls``, ``bytes``, ``total_ns``, ``exposed_ns``, ``steps`` (in how many steps).
        rows: Every copy, in order: ``name``, ``device``, ``stream``, ``start_ns``, ``duration_ns``, ``bytes``,
            ``direction``, ``memory``, ``waits``, ``hidden_ns``, ``exposed_ns``, ``operator``, ``layer``, ``step``,
            ``call_ns``, ``wait_ns`` (host time from the beginning of the call to the end of the wait for it; the call's
            own where nothing waits; neither for parts of a graph), ``at_peak_ns`` (time at the peak of what carries
            it, NaN where that is not known).
        total_ns: Duration of all of them.
        bytes: Bytes of all of them.
    """

    table: pd.DataFrame
    causes: pd.DataFrame
    rows: pd.DataFrame
    total_ns: int
    bytes: int


def copies(
    trace: Trace, *, layers: LayerOfOp | None = None, active: ActiveDevices | None = None, device: str | None = None
) -> Copies:
    """Look at every copy and memset.

    Args:
        trace: The trace.
        layers: What :func:`profiler_kit.analysis.work.layer_of_op.layers_of_ops` returned for it, if it was asked
            before.
        active: What :func:`profiler_kit.analysis.device_time.device_states.active_devices` returned, likewise.
        device: Name of the GPU, e.g. ``V100``, in place of what the trace says of it.

    Raises:
        profiler_kit.devices.UnknownDeviceError: No GPU is known by that name.
    """
    table = trace.copies
    rows = table[["name", "device", "stream", "start_ns", "duration_ns", "bytes"]].copy()
    direction, memory = _by_name(table)
    rows["direction"], rows["memory"] = direction, memory
    waits, call_ns, wait_ns = _calls(trace)
    rows["waits"] = pd.Categorical(waits, categories=[BLOCKS, WAITED_FOR, ASYNCHRONOUS, IN_GRAPH, UNKNOWN])
    rows["hidden_ns"] = _hidden_ns(trace, active_devices(trace) if active is None else active)
    rows["exposed_ns"] = rows["duration_ns"] - rows["hidden_ns"]
    layers = layers_of_ops(trace) if layers is None else layers
    operator, layer = origins(trace, row_numbers(table["op"]), layers)
    rows["operator"], rows["layer"] = operator, layer
    rows["step"] = _step(trace)
    rows["call_ns"], rows["wait_ns"] = call_ns, wait_ns
    peaks = copy_peaks(trace, rows, device)
    rows["at_peak_ns"] = peaks["at_peak_ns"]
    size = table["bytes"].sum()
    return Copies(_kinds(rows, peaks), _causes(rows), rows, int(table["duration_ns"].sum()), int(size))


def _by_name(table: pd.DataFrame) -> tuple[pd.Categorical, pd.Categorical]:
    """Tell direction and kind of host memory from the names, each looked at once."""
    names = table["name"]
    codes, texts = coded_texts(names)
    count = len(texts) + 1
    direction, memory = np.full(count, UNKNOWN, dtype=object), np.full(count, None, dtype=object)
    for code in used_codes(codes).tolist():
        text = str(texts[code])
        direction[code] = next((name for name, pattern in _DIRECTIONS if pattern.search(text)), UNKNOWN)
        if direction[code] in ("HtoD", "DtoH", "HtoH", UNKNOWN):
            memory[code] = next((one for one in ("pageable", "pinned") if one in text.lower()), UNKNOWN)
    direction_of, memory_of = direction[codes], memory[codes]
    memset = (table["kind"] == MEMSET).to_numpy()
    direction_of[memset], memory_of[memset] = MEMSET, None
    directions = [*(name for name, _ in _DIRECTIONS), MEMSET, UNKNOWN]
    return (
        pd.Categorical(direction_of, categories=directions),
        pd.Categorical(memory_of, categories=["pinned", "pageable", UNKNOWN]),
    )


def _calls(trace: Trace) -> tuple[Objects, pd.arrays.IntegerArray, pd.arrays.IntegerArray]:
    """Tell of every copy how the host waited, and the lengths in ns of its call and of the wait."""
    table, calls = trace.copies, trace.launches
    launch = row_numbers(table["launch"])
    known = launch != NONE
    waits = np.full(len(table), UNKNOWN, dtype=object)
    start, duration = calls["start_ns"].to_numpy(), calls["duration_ns"].to_numpy()
    call_ns, wait_ns = np.zeros(len(table), dtype=np.int64), np.zeros(len(table), dtype=np.int64)
    rows = launch[known]
    following = _next_wait(calls)[rows]
    end = start[rows] + duration[rows]
    copied = (table["start_ns"] + table["duration_ns"]).to_numpy()[known]
    blocks = (end >= copied) | matching(calls["name"], _BLOCKING_CALL)[rows]
    waited = following != NONE
    in_graph = matching(calls["name"], GRAPH_LAUNCH)[rows]
    waits[known] = np.select([in_graph, blocks, waited], [IN_GRAPH, BLOCKS, WAITED_FOR], default=ASYNCHRONOUS)
    known[np.flatnonzero(known)[in_graph]] = False
    rows, following, waited, end = (a[~in_graph] for a in (rows, following, waited, end))
    call_ns[known] = duration[rows]
    until = np.where(waited, start[following] + duration[following], end) if len(calls) else end
    wait_ns[known] = until - start[rows]
    return waits, pd.arrays.IntegerArray(call_ns, ~known), pd.arrays.IntegerArray(wait_ns, ~known.copy())


def _next_wait(calls: pd.DataFrame) -> Int64Array:
    """Return for every call the next one on its thread if that waits for the device in the same operator, or `NONE`."""
    order = np.argsort(calls["thread"].to_numpy(), kind="stable")
    thread, op = calls["thread"].to_numpy()[order], row_numbers(calls["op"])[order]
    waits = matching(calls["name"], _SYNCHRONISES)[order]
    found = np.full(len(calls), NONE, dtype=np.int64)
    fits = (thread[1:] == thread[:-1]) & (op[1:] == op[:-1]) & (op[1:] != NONE) & waits[1:]
    found[order[:-1][fits]] = order[1:][fits]
    return found


def _hidden_ns(trace: Trace, active: ActiveDevices) -> Int64Array:
    """Return how much of every copy its device also spent in kernels."""
    hidden = np.zeros(len(trace.copies), dtype=np.int64)
    start = trace.copies["start_ns"].to_numpy()
    end = start + trace.copies["duration_ns"].to_numpy()
    number = trace.copies["device"].to_numpy(dtype=np.int64, na_value=UNKNOWN_DEVICE)
    for device in active.states:
        mine = np.flatnonzero(number == device.device)
        hidden[mine] = inside_ns(device.running(COMPUTE, COMMUNICATION), start[mine], end[mine])
    return hidden


def _step(trace: Trace) -> pd.arrays.IntegerArray:
    """Return the number of the step during which every copy was launched."""
    steps, launch = step_ranges(trace), row_numbers(trace.copies["launch"])
    number, step = np.zeros(len(launch), dtype=np.int64), np.full(len(launch), NONE, dtype=np.int64)
    known = launch != NONE
    step[known] = step_at(steps, trace.launches["start_ns"].to_numpy()[launch[known]])
    number[step != NONE] = steps["step"].to_numpy()[step[step != NONE]]
    return pd.arrays.IntegerArray(number, step == NONE)


def _kinds(rows: pd.DataFrame, peaks: pd.DataFrame) -> pd.DataFrame:
    """Sum the copies by direction, memory and way of waiting."""
    timed = rows.assign(
        timed_ns=rows["duration_ns"].where(rows["bytes"].notna(), 0),
        small=(rows["bytes"] <= SMALL_BYTES).fillna(False),
        peak_of=peaks["peak_of"],
        peak_bytes_per_s=peaks["peak_bytes_per_s"],
    )
    groups = timed.groupby(["direction", "memory", "waits"], observed=True, dropna=False, sort=False)
    table = groups.agg(
        calls=("duration_ns", "size"),
        small=("small", "sum"),
        bytes=("bytes", "sum"),
        total_ns=("duration_ns", "sum"),
        timed=("timed_ns", "sum"),
        at_peak=("at_peak_ns", lambda one: one.sum(skipna=False)),
        peak_of=("peak_of", _same_for_all),
        peak_bytes_per_s=("peak_bytes_per_s", _same_for_all),
        hidden_ns=("hidden_ns", "sum"),
        exposed_ns=("exposed_ns", "sum"),
        call_ns=("call_ns", "sum"),
    ).reset_index()
    timed_ns = table.pop("timed").astype("Float64")
    rate = (table["bytes"].astype("Float64") / timed_ns * 1e9).where(timed_ns > 0)
    share = (table.pop("at_peak").astype("Float64") / timed_ns).where(timed_ns > 0)
    at = list(table.columns).index("peak_of")
    table.insert(at, "bytes_per_s", rate)
    table.insert(at + 1, "peak_share", share)
    table["peak_bytes_per_s"] = table["peak_bytes_per_s"].astype("Float64")
    return table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True)


def _same_for_all(values: pd.Series) -> Any:
    """Return the value of a group if it has only one, else nothing."""
    return values.iloc[0] if (values == values.iloc[0]).all() else None


def _causes(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum the copies by direction, operator and layer."""
    groups = rows.groupby(["direction", "operator", "layer"], observed=True, dropna=False, sort=False)
    table = groups.agg(
        calls=("duration_ns", "size"),
        bytes=("bytes", "sum"),
        total_ns=("duration_ns", "sum"),
        exposed_ns=("exposed_ns", "sum"),
        steps=("step", "nunique"),
    ).reset_index()
    return table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True)
