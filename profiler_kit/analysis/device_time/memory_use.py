"""Memory over time, and what was live at the peak: which operators and layers had allocated it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.level_of_detail import drawn_rows
from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, innermost_rows

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]

HOW_TO_RECORD: Final = (
    "The trace has no memory events. Record with profile_memory=True (profiler_kit.profile(model, …, "
    "profile_memory=True), or torch.profiler.profile) to see memory."
)

RECORDED: Final = "as the allocator counts"
COUNTED: Final = "counted from 0 at the first event, since the trace has no totals"

BEFORE: Final = "(allocated before the recording)"
NO_OPERATOR: Final = "(in no operator)"

_DEVICE_TYPES: Final = {0: "CPU", 1: "CUDA", 6: "HIP", 9: "XLA", 12: "XPU", 13: "MPS", 15: "HPU", 19: "MTIA"}
"""Names of ``c10::DeviceType`` (c10/core/DeviceType.h), for the devices that report memory."""

_ALLOCATORS: Final = (
    r"^aten::(?:empty|empty_\w+|new_empty\w*|resize_?|resize_as_?|zeros|zeros_like|new_zeros|ones|ones_like|full|"
    r"full_like|detach|clone|contiguous|to|_to_copy|result_type|set_)$"
)
"""Operators that allocate because another one asks them to: the one that asks is named instead."""

_LIVE_TYPES: Final[dict[Hashable, Any]] = {"layer": object, "operator": object, "blocks": "Int64", "bytes": "int64"}


@dataclass(frozen=True)
class MemoryUse:
    """Memory by device.

    Attributes:
        devices: One row per device, most memory first: ``device`` ("CUDA 0"), ``allocations``, ``frees``,
            ``allocated_bytes`` (sum of all allocations), ``first_bytes`` and ``last_bytes`` (allocated before the
            first and after the last event), ``peak_bytes`` (most that was allocated at once), ``peak_ns`` (when that
            was first reached), ``peak_reserved_bytes`` (``<NA>`` where nothing is reserved), ``source`` (`RECORDED` or
            `COUNTED`: then the trace tells changes only, and what was there before is not in the figures).
        timeline: One row per event in order of time: ``device``, ``start_ns``, ``bytes`` (freed ones negative),
            ``allocated_bytes`` and ``reserved_bytes`` after the event.
        live: What was live at each device's peak, most bytes first: ``device``, ``layer`` (None if in none),
            ``operator``, ``blocks``, ``bytes``, ``share`` (of the peak). With the row `BEFORE` of what the recording
            did not see being allocated, the bytes of a device add up to its peak. A device whose events carry no
            addresses has no rows.
        layer_source: Where layers come from, in words.
    """

    devices: pd.DataFrame
    timeline: pd.DataFrame
    live: pd.DataFrame
    layer_source: str

    def drawn(self, device: str, buckets: int) -> pd.DataFrame:
        """Return the rows of the timeline that draw a device's line, peaks and all.

        Args:
            device: One of the column ``device``.
            buckets: Columns of pixels, or of characters, that there are for it.
        """
        rows = self.timeline[self.timeline["device"] == device]
        places = drawn_rows(rows["start_ns"].to_numpy(), rows["allocated_bytes"].to_numpy(), buckets)
        return rows.iloc[places]


def memory_use(trace: Trace, *, layers: LayerOfOp | None = None) -> MemoryUse:
    """Follow the memory of every device through a trace.

    Args:
        trace: The trace.
        layers: What :func:`profiler_kit.analysis.work.layer_of_op.layers_of_ops` returned for it, if it was asked
            before.
    """
    layers = layers_of_ops(trace) if layers is None else layers
    events = trace.allocations[trace.allocations["bytes"].notna()].reset_index(drop=True)
    code, names = _device_names(events)
    timeline = pd.DataFrame(
        {
            "device": names[code],
            "start_ns": events["start_ns"].to_numpy(),
            "bytes": events["bytes"].to_numpy(np.int64),
        }
    )
    order, first = _by_device(code)
    told = events["total_allocated_bytes"].notna().to_numpy()
    recorded = np.logical_and.reduceat(told[order], first)
    timeline["allocated_bytes"] = events["total_allocated_bytes"].to_numpy(np.int64, na_value=0)
    for device in np.flatnonzero(~recorded).tolist():
        mine = order[first[device] : [*first, len(order)][device + 1]]
        timeline.loc[mine, "allocated_bytes"] = timeline["bytes"].to_numpy()[mine].cumsum()
    timeline["reserved_bytes"] = events["total_reserved_bytes"].where(events["total_reserved_bytes"] > 0)
    devices = _devices(timeline, order, first, names, recorded)
    return MemoryUse(devices, timeline, _live(trace, events, timeline, code, names, devices, layers), layers.source)


def _device_names(events: pd.DataFrame) -> tuple[Rows, Objects]:
    """Return the device of every event as a code, and the names that codes stand for, in order of first event."""
    kinds, kind_of = pd.factorize(events["device_type"].to_numpy(np.int64, na_value=NONE))
    numbers, number_of = pd.factorize(events["device"].to_numpy(np.int64, na_value=NONE))
    code, pair_of = pd.factorize(kinds * len(number_of) + numbers)
    pairs = [divmod(int(pair), len(number_of)) for pair in pair_of]
    written = [_device_name(int(kind_of[kind]), int(number_of[number])) for kind, number in pairs]
    distinct, names = pd.factorize(np.array(written, dtype=object))
    return distinct.astype(np.int64)[code], names


def _device_name(kind: int, number: int) -> str:
    name = _DEVICE_TYPES.get(kind, "device" if kind == NONE else f"device type {kind}")
    return name if number < 0 else f"{name} {number}"


def _by_device(code: Rows) -> tuple[Rows, Rows]:
    """Return the events device by device, each in order of time, and where each device begins among them."""
    order = np.argsort(code, kind="stable")
    return order, np.flatnonzero(np.diff(code[order], prepend=NONE))


def _devices(
    timeline: pd.DataFrame, order: Rows, first: Rows, names: Objects, recorded: NDArray[np.bool_]
) -> pd.DataFrame:
    """Sum the events of each device."""
    start, size, allocated = (timeline[name].to_numpy()[order] for name in ("start_ns", "bytes", "allocated_bytes"))
    reserved = timeline["reserved_bytes"].to_numpy(np.int64, na_value=NONE)[order]  # what is reserved is more than 0
    last = np.append(first[1:], len(order))[: len(first)] - 1
    peak = np.maximum.reduceat(allocated, first)
    at_peak = np.flatnonzero(allocated == np.repeat(peak, last + 1 - first))
    peak_reserved = np.maximum.reduceat(reserved, first)
    columns = {
        "device": names,
        "allocations": np.add.reduceat((size > 0).astype(np.int64), first),
        "frees": np.add.reduceat((size < 0).astype(np.int64), first),
        "allocated_bytes": np.add.reduceat(np.maximum(size, 0), first),
        "first_bytes": allocated[first] - size[first],
        "last_bytes": allocated[last],
        "peak_bytes": peak,
        "peak_ns": start[at_peak[np.searchsorted(at_peak, first)]],
        "peak_reserved_bytes": pd.arrays.IntegerArray(peak_reserved, peak_reserved == NONE),
        "source": np.where(recorded, RECORDED, COUNTED),
    }
    return pd.DataFrame(columns).sort_values("peak_bytes", ascending=False, kind="stable", ignore_index=True)


def _live(
    trace: Trace,
    events: pd.DataFrame,
    timeline: pd.DataFrame,
    code: Rows,
    names: Objects,
    devices: pd.DataFrame,
    layers: LayerOfOp,
) -> pd.DataFrame:
    """List what was live at the peak of each device, by layer and operator."""
    freed = _freed_at(events, timeline, code)
    code_of = {name: number for number, name in enumerate(names)}
    gained = (timeline["bytes"] > 0).to_numpy()
    parts = []
    for row in devices.to_dict("records"):
        mine = code == code_of[row["device"]]
        if not events.loc[mine, "address"].notna().all():
            continue
        peak = int(np.where(mine, timeline["allocated_bytes"], np.iinfo(np.int64).min).argmax())
        held = np.flatnonzero(mine & gained & (np.arange(len(mine)) <= peak) & (freed > peak))
        operator, layer = _allocated_by(trace, events.iloc[held], layers)
        blocks = pd.DataFrame({"layer": layer, "operator": operator, "bytes": timeline["bytes"].to_numpy()[held]})
        sums = blocks.groupby(["layer", "operator"], sort=False, dropna=False)["bytes"]
        table = sums.agg(blocks="size", bytes="sum").reset_index().astype(_LIVE_TYPES)
        if before := int(row["peak_bytes"]) - int(blocks["bytes"].sum()):
            rest = pd.DataFrame({"layer": [None], "operator": [BEFORE], "blocks": [pd.NA], "bytes": [before]})
            table = pd.concat([table, rest.astype(_LIVE_TYPES)], ignore_index=True)
        table = table.sort_values("bytes", ascending=False, kind="stable", ignore_index=True)
        table.insert(0, "device", row["device"])
        table["share"] = table["bytes"] / row["peak_bytes"] if row["peak_bytes"] else 0.0
        parts.append(table)
    if not parts:
        return pd.DataFrame(columns=["device", "layer", "operator", "blocks", "bytes", "share"])
    live = pd.concat(parts, ignore_index=True)
    live["layer"] = live["layer"].where(live["layer"].notna(), None)
    return live


def _freed_at(events: pd.DataFrame, timeline: pd.DataFrame, code: Rows) -> Rows:
    """Return for every allocation the row of the event that freed it, a row after all others if none did."""
    never = len(events)
    freed = np.full(never, never, dtype=np.int64)
    address = events["address"].to_numpy(np.int64, na_value=0)
    order = np.lexsort((address, code))
    address = address[order]
    change = timeline["bytes"].to_numpy()[order]
    # A block ends with the next event at its address.
    pair = (code[order][1:] == code[order][:-1]) & (address[1:] == address[:-1]) & (change[:-1] > 0)
    freed[order[:-1][pair]] = order[1:][pair]
    return freed


def _allocated_by(trace: Trace, events: pd.DataFrame, layers: LayerOfOp) -> tuple[Objects, Objects]:
    """Return operator and layer of each event: those around it on its thread."""
    ops = trace.ops
    start = ops["start_ns"].to_numpy()
    parents = row_numbers(ops["parent"])
    at = events["start_ns"].to_numpy()
    op = innermost_rows(
        ops["thread"].to_numpy(np.int64),
        start,
        start + ops["duration_ns"].to_numpy(),
        parents,
        events["thread"].to_numpy(np.int64),
        at,
        at,
    )
    known = op != NONE
    operator, layer = np.full(len(op), NO_OPERATOR, dtype=object), np.full(len(op), None, dtype=object)
    operator[known] = ops["name"].astype(object).to_numpy()[_asking_operators(op[known], ops["name"], parents)]
    span = np.full(len(op), NONE, dtype=np.int64)
    span[known] = layers.span[op[known]]
    in_layer = span != NONE
    layer[in_layer] = layers.spans["layer"].to_numpy(dtype=object)[span[in_layer]]
    return operator, layer


def _asking_operators(rows: Rows, names: pd.Series, parents: Rows) -> Rows:
    """Return for some operators the ones that want what they allocate: the nearest that do not only allocate."""
    goes_on = matching(names, _ALLOCATORS) & (parents != NONE)
    asking = rows.copy()
    open_ = np.flatnonzero(goes_on[asking])
    while open_.size:
        asking[open_] = parents[asking[open_]]
        open_ = open_[goes_on[asking[open_]]]
    return asking
