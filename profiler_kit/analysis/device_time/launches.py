"""What launching costs: calls, how long work waits for the device, and where the host cannot keep up.

Whatever one call started is one launch: a graph replay is a single launch, however many kernels it runs.
"""

from __future__ import annotations

import re
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
    UNKNOWN_DEVICE,
)
from profiler_kit.analysis.work.coded_names import matching
from profiler_kit.analysis.work.layer_of_op import LayerOfOp, layers_of_ops
from profiler_kit.analysis.work.origin import origins
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]

SHORTEST_STRETCH: Final = 10
"""Launches in a row, at least, that make a launch-bound stretch: fewer are hiccups that no graph would mend."""

LONGEST_PAUSE_NS: Final = 1_000_000
"""A device that had run dry for longer when the launch took effect waited for something else than launching."""

GRAPH_LAUNCH: Final = re.compile(r"GraphLaunch")
"""Names of the calls that replay a graph."""


@dataclass(frozen=True)
class Launches:
    """What launching costs. Times in ns.

    Attributes:
        calls: One row per runtime call that started GPU activity, most calls first: ``name``, ``calls``, ``activities``
            (started by them), ``call_ns`` (host time in them), ``median_call_ns``, ``median_delay_ns`` and
            ``p95_delay_ns`` (from the beginning of the call to the start of its first activity: long where work is
            queued, short where the device waits for it), ``device_ns`` (duration of the activities).
        launches: Calls that started something.
        graph_replays: Those that replayed a graph.
        kernels_launched: Kernels that were launched one by one, so not as part of a graph.
        short_kernels: Those of them that are shorter than the call that launched them.
        short_kernel_ns: Their time.
        short_call_ns: The time of their calls.
        stretches: Launch-bound stretches, longest first: ``device``, ``start_ns``, ``duration_ns``, ``launches``,
            ``kernels``, ``busy_ns``, ``idle_ns`` (what a graph or fewer, larger kernels could save at most),
            ``operator`` and ``layer`` (that launched the first of them). In a stretch every launch came when the device
            had run out of work, at most `LONGEST_PAUSE_NS` before.
        graphs: One row per graph replay, in order: ``launch`` (row of ``trace.launches``), ``device``, ``start_ns`` and
            ``duration_ns`` (from its first activity to the end of its last), ``activities``, ``kernels``,
            ``device_ns``, ``busy_ns`` (of the device meanwhile), ``call_ns``, ``delay_ns``.
    """

    calls: pd.DataFrame
    launches: int
    graph_replays: int
    kernels_launched: int
    short_kernels: int
    short_kernel_ns: int
    short_call_ns: int
    stretches: pd.DataFrame
    graphs: pd.DataFrame


def launches(trace: Trace, *, layers: LayerOfOp | None = None, active: ActiveDevices | None = None) -> Launches:
    """Measure what launching costs.

    Args:
        trace: The trace.
        layers: What :func:`profiler_kit.analysis.work.layer_of_op.layers_of_ops` returned for it, if it was asked
            before.
        active: What :func:`profiler_kit.analysis.device_time.device_states.active_devices` returned, likewise.
    """
    active = active_devices(trace) if active is None else active
    activity, devices = active.activity, active.states
    each = _each_launch(trace, activity)
    single, lengths, call_ns = _launched_kernels(each)
    short = single & (lengths < call_ns)
    graphs = each[each["graph"]].reset_index(drop=True)
    stretches = _stretches(activity, devices, each)
    layers = layers_of_ops(trace) if layers is None else layers
    operator, layer = origins(trace, row_numbers(stretches.pop("op")), layers)
    return Launches(
        calls=_calls(each),
        launches=len(each),
        graph_replays=int(each["graph"].sum()),
        kernels_launched=int(single.sum()),
        short_kernels=int(short.sum()),
        short_kernel_ns=int(lengths[short].sum()),
        short_call_ns=int(call_ns[short].sum()),
        stretches=stretches.assign(operator=operator, layer=layer),
        graphs=_graphs(devices, graphs),
    )


def _each_launch(trace: Trace, activity: pd.DataFrame) -> pd.DataFrame:
    """Return one row per call that started GPU activity, in order of the start of its first one.

    Columns: ``launch``, ``name``, ``device``, ``op``, ``graph``, ``call_start_ns``, ``call_ns``, ``start_ns``,
    ``end_ns``, ``activities``, ``kernels``, ``device_ns``, ``first`` (row of `activity`).
    """
    launch = row_numbers(activity["launch"])
    rows = np.flatnonzero(launch != NONE)
    kernel = activity["class"].cat.codes.isin([CLASSES.index(COMPUTE), CLASSES.index(COMMUNICATION)]).to_numpy()
    found, first, inverse = np.unique(launch[rows], return_index=True, return_inverse=True)
    end = np.full(len(found), np.iinfo(np.int64).min)
    np.maximum.at(end, inverse, activity["end_ns"].to_numpy()[rows])
    kernels, device_ns = np.zeros(len(found), dtype=np.int64), np.zeros(len(found), dtype=np.int64)
    np.add.at(kernels, inverse, kernel[rows])
    np.add.at(device_ns, inverse, activity["duration_ns"].to_numpy()[rows])
    calls = trace.launches.iloc[found]
    table = pd.DataFrame(
        {
            "launch": found,
            "name": calls["name"].array,
            "device": activity["device"].to_numpy()[rows[first]],
            "op": calls["op"].array,
            "graph": matching(calls["name"], GRAPH_LAUNCH),
            "call_start_ns": calls["start_ns"].to_numpy(),
            "call_ns": calls["duration_ns"].to_numpy(),
            "start_ns": activity["start_ns"].to_numpy()[rows[first]],
            "end_ns": end,
            "activities": np.bincount(inverse, minlength=len(found)),
            "kernels": kernels,
            "device_ns": device_ns,
            "first": rows[first],
        }
    )
    return table.sort_values(["device", "start_ns"], kind="stable", ignore_index=True)


def _launched_kernels(each: pd.DataFrame) -> tuple[NDArray[np.bool_], Int64Array, Int64Array]:
    """Tell which launches started one kernel outside a graph; with lengths of kernel and call, by row of `each`."""
    single = (~each["graph"] & (each["kernels"] == 1) & (each["activities"] == 1)).to_numpy()
    return single, each["device_ns"].to_numpy(np.int64), each["call_ns"].to_numpy(np.int64)


def _calls(each: pd.DataFrame) -> pd.DataFrame:
    """Sum the launches by the call."""
    groups = each.assign(delay_ns=each["start_ns"] - each["call_start_ns"]).groupby("name", observed=True, sort=False)
    table = groups.agg(
        calls=("call_ns", "size"),
        activities=("activities", "sum"),
        call_ns=("call_ns", "sum"),
        median_call_ns=("call_ns", "median"),
        median_delay_ns=("delay_ns", "median"),
        device_ns=("device_ns", "sum"),
    ).reset_index()
    p95 = groups["delay_ns"].quantile(0.95)
    table.insert(list(table.columns).index("device_ns"), "p95_delay_ns", table["name"].map(p95).astype("float64"))
    table["name"] = table["name"].astype(object)
    return table.sort_values("calls", ascending=False, kind="stable", ignore_index=True)


def _stretches(activity: pd.DataFrame, devices: list[DeviceStates], each: pd.DataFrame) -> pd.DataFrame:
    """Find the stretches in which the device ran out of work before every launch."""
    frames = []
    for device in devices:
        mine = each[each["device"] == device.device]
        first, after = _runs(_starved(activity, device, mine))
        long = after - first >= SHORTEST_STRETCH
        first, after = first[long], after[long]
        start, end = mine["start_ns"].to_numpy(), mine["end_ns"].to_numpy()
        begin, finish = start[first], np.maximum.accumulate(end)[after - 1] if len(mine) else end[first]
        busy = inside_ns(device.running(*CLASSES), begin, finish)
        kernels = np.concatenate(([0], np.cumsum(mine["kernels"].to_numpy())))
        frames.append(
            pd.DataFrame(
                {
                    "device": device.device,
                    "start_ns": begin,
                    "duration_ns": finish - begin,
                    "launches": after - first,
                    "kernels": kernels[after] - kernels[first],
                    "busy_ns": busy,
                    "idle_ns": finish - begin - busy,
                    "op": mine["op"].array[first],
                }
            )
        )
    columns = ["device", "start_ns", "duration_ns", "launches", "kernels", "busy_ns", "idle_ns", "op"]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    return _numbered(table.sort_values("duration_ns", ascending=False, kind="stable", ignore_index=True))


def _starved(activity: pd.DataFrame, device: DeviceStates, mine: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which launches ended after the device had finished everything that came before, but not long after."""
    reach = np.maximum.accumulate(activity["end_ns"].to_numpy()[device.rows])
    place = np.searchsorted(device.rows, mine["first"].to_numpy())
    call_end = mine["call_start_ns"].to_numpy() + mine["call_ns"].to_numpy()
    before = np.where(place > 0, reach[np.maximum(place - 1, 0)], call_end)
    pause = mine["start_ns"].to_numpy() - before
    return np.asarray((call_end > before) & (pause > 0) & (pause <= LONGEST_PAUSE_NS))


def _runs(flags: NDArray[np.bool_]) -> tuple[Int64Array, Int64Array]:
    """Return first and one past the last place of every run of True."""
    change = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _graphs(devices: list[DeviceStates], graphs: pd.DataFrame) -> pd.DataFrame:
    """Return the graph replays, with what the device did meanwhile."""
    busy = np.zeros(len(graphs), dtype=np.int64)
    start, end = graphs["start_ns"].to_numpy(), graphs["end_ns"].to_numpy()
    for device in devices:
        mine = np.flatnonzero(graphs["device"].to_numpy() == device.device)
        busy[mine] = inside_ns(device.running(*CLASSES), start[mine], end[mine])
    table = graphs[["launch", "device", "start_ns"]].assign(duration_ns=end - start)
    for name in ("activities", "kernels", "device_ns"):
        table[name] = graphs[name]
    table["busy_ns"], table["call_ns"] = busy, graphs["call_ns"]
    return _numbered(table.assign(delay_ns=start - graphs["call_start_ns"].to_numpy()))


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    """Show unknown devices as missing."""
    device = table["device"].astype("Int64")
    return table.assign(device=device.mask(device == UNKNOWN_DEVICE))
