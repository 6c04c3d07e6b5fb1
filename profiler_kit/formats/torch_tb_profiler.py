"""Trace → a file that torch-tb-profiler 0.4.3 reads rightly.

That plugin knows the calls of the runtime by the category ``Runtime`` only, joins them to operators by
``External id``, and drops ranges that stick out of the one around them. So every event is written anew: categories as
it knows them, ids that say what the joins of the trace say, and times on a grid on which nested ranges stay nested.
Arrows from forward to backward keep PyTorch's own category, ``fwdbwd``, by which the viewer of traces draws them. Under
the category that the plugin's tables know, ``forward_backward``, it would drop every backward operator whose forward
one lies in no module, such as the loss's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
from isal import igzip
from numpy.typing import NDArray

from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.distributed import distributed_info
from profiler_kit.trace.joins import NONE
from profiler_kit.trace.spans import LayerSpan, format_layer_span

_GRID: Final = 1024
"""Host times are multiples of 1/1024 µs, which binary floating point has exactly: a start and a length then add up to
the end in the reader's arithmetic too. The price is less than a ns."""

_GPU_PID: Final = 0
_HOST_PID: Final = 1 << 20
"""Not a device's number."""

_FIRST_OWN_THREAD: Final = 1 << 40
_LONGEST_NUMBER: Final = 12
_FORWARD_TO_BACKWARD: Final = "fwdbwd"
_KERNEL_FACTS: Final = {
    "registers_per_thread": "registers per thread",
    "shared_memory_bytes": "shared memory",
    "blocks_per_sm": "blocks per SM",
    "warps_per_sm": "warps per SM",
    "occupancy_percent": "est. achieved occupancy %",
}
"""Column → key, as Kineto writes it."""

Event = dict[str, Any]
Times = NDArray[np.int64]


def write_for_torch_tb_profiler(trace: Trace) -> bytes:
    """Return the file's content, gzipped.

    Args:
        trace: The trace.

    The file should be named ``<worker>.pt.trace.json.gz`` and lie in a directory of its own below TensorBoard's log
    directory.
    """
    origin = _origin(trace)
    document: dict[str, Any] = {"schemaVersion": 1}
    if isinstance(properties := trace.metadata.get("deviceProperties"), list):
        document["deviceProperties"] = properties
    if distributed := distributed_info(trace.metadata):
        document["distributedInfo"] = distributed
    document["baseTimeNanoseconds"] = trace.epoch_ns + origin
    document["traceEvents"] = list(_events(trace, origin))
    return bytes(igzip.compress(msgspec.json.encode(document)))


def _origin(trace: Trace) -> int:
    starts = [table["start_ns"].min() for table in (trace.ops, trace.launches, trace.kernels, trace.annotations)]
    return min((int(start) for start in starts if not pd.isna(start)), default=0)


def _events(trace: Trace, origin: int) -> Iterator[Event]:
    threads = {row: _thread(row, str(tid)) for row, tid in enumerate(trace.threads["tid"])}
    for row, name in enumerate(trace.threads["name"]):
        if name:
            pid, tid = threads[row]
            yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": str(name)}}
    host = trace.annotations[trace.annotations["kind"] != "gpu_user_annotation"]
    spans = [LayerSpan(*row) for row in trace.layers[["layer", "type", "call"]].itertuples(index=False, name=None)]
    yield from _on_threads(host, "user_annotation", host["name"].tolist(), origin, threads)
    yield from _on_threads(trace.layers, "user_annotation", list(map(format_layer_span, spans)), origin, threads)
    yield from _on_threads(trace.ops, "cpu_op", trace.ops["name"].tolist(), origin, threads, _operator(trace))
    launch_ids = row_numbers(trace.launches["op"]) + 1
    yield from _on_threads(
        trace.launches, "Runtime", trace.launches["name"].tolist(), origin, threads, _call(trace.launches, launch_ids)
    )
    functions = trace.python_functions
    yield from _on_threads(
        functions, "python_function", functions["name"].tolist(), origin, threads, _function(functions)
    )
    yield from _activity(trace.kernels, "kernel", launch_ids, origin)
    memset = (trace.copies["kind"] == "memset").to_numpy(dtype=bool)
    yield from _activity(trace.copies[~memset], "gpu_memcpy", launch_ids, origin)
    yield from _activity(trace.copies[memset], "gpu_memset", launch_ids, origin)
    yield from _arrows(trace, origin, threads)
    yield from _allocations(trace, origin, threads)


def _thread(row: int, tid: str) -> tuple[int, int]:
    """Return process and thread as numbers, which the reader asks for; a stream's text becomes one of our own."""
    return _HOST_PID, int(tid) if tid.isdecimal() and len(tid) < _LONGEST_NUMBER else _FIRST_OWN_THREAD + row


def _grid(ns: Times) -> NDArray[np.float64]:
    """Return ns as µs on the grid; a later time never becomes an earlier one."""
    return np.floor(ns.astype(np.float64) * (_GRID / 1000)) / _GRID


def _on_threads(
    table: pd.DataFrame,
    category: str,
    names: list[str],
    origin: int,
    threads: dict[int, tuple[int, int]],
    arguments: Callable[[int], dict[str, Any]] = lambda _row: {},
) -> Iterator[Event]:
    """Write the rows of a table of host events."""
    start = table["start_ns"].to_numpy(np.int64) - origin
    begins = _grid(start)
    lengths = (_grid(start + table["duration_ns"].to_numpy(np.int64)) - begins).tolist()
    place = table["thread"].tolist()
    for row, (name, begin, length) in enumerate(zip(names, begins.tolist(), lengths, strict=True)):
        pid, tid = threads[place[row]]
        given = arguments(row)
        yield {"ph": "X", "cat": category, "name": name, "pid": pid, "tid": tid, "ts": begin, "dur": length} | (
            {"args": given} if given else {}
        )


def _operator(trace: Trace) -> Callable[[int], dict[str, Any]]:
    signature = row_numbers(trace.ops["signature"]).tolist()
    known = trace.signatures[["input_dims", "input_types"]].to_dict("records")

    def arguments(row: int) -> dict[str, Any]:
        given: dict[str, Any] = {"External id": row + 1}
        if signature[row] != NONE:
            one = known[signature[row]]
            given |= {"Input Dims": one["input_dims"]} if one["input_dims"] is not None else {}
            given |= {"Input type": one["input_types"]} if one["input_types"] is not None else {}
        return given

    return arguments


def _call(launches: pd.DataFrame, external: Times) -> Callable[[int], dict[str, Any]]:
    correlation, ids = row_numbers(launches["correlation"]).tolist(), external.tolist()
    return lambda row: {"External id": ids[row], "correlation": correlation[row]}


def _function(functions: pd.DataFrame) -> Callable[[int], dict[str, Any]]:
    keys = {"python_id": "Python id", "python_parent_id": "Python parent id", "python_module_id": "Python module id"}
    columns = {key: row_numbers(functions[name]).tolist() for name, key in keys.items()}
    return lambda row: {key: values[row] for key, values in columns.items() if values[row] != NONE}


def _activity(table: pd.DataFrame, category: str, launch_ids: Times, origin: int) -> Iterator[Event]:
    """Write GPU activity with the id of the operator that launched it."""
    launch = row_numbers(table["launch"])
    external = np.zeros(len(table), dtype=np.int64)
    external[launch != NONE] = launch_ids[launch[launch != NONE]]
    for row, ids in zip(table.to_dict("records"), external.tolist(), strict=True):
        stream = _known(row["stream"], 0)
        given = {
            "External id": ids,
            "correlation": _known(row["correlation"], 0),
            "device": _known(row["device"], _GPU_PID),
            "stream": stream,
        }
        if category == "kernel":
            given["grid"] = [_known(row[f"grid_{axis}"], 1) for axis in "xyz"]
            given["block"] = [_known(row[f"block_{axis}"], 1) for axis in "xyz"]
            given |= {key: _known(row[name], 0) for name, key in _KERNEL_FACTS.items() if not pd.isna(row[name])}
        elif not pd.isna(row["bytes"]):
            given["bytes"] = int(row["bytes"])
        yield {
            "ph": "X",
            "cat": category,
            "name": row["name"],
            "pid": _known(row["device"], _GPU_PID),
            "tid": stream,
            "ts": (row["start_ns"] - origin) / 1000,
            "dur": row["duration_ns"] / 1000,
            "args": given,
        }


def _known(value: Any, otherwise: float) -> Any:
    if pd.isna(value):
        return otherwise
    return int(value) if float(value).is_integer() or not math.isfinite(value) else float(value)


def _arrows(trace: Trace, origin: int, threads: dict[int, tuple[int, int]]) -> Iterator[Event]:
    """Write the arrows from forward operators to their backward ones; those to the GPU follow from ids."""
    flows = trace.flows[trace.flows["name"] == _FORWARD_TO_BACKWARD]
    times = _grid(flows["start_ns"].to_numpy(np.int64) - origin).tolist()
    ends = zip(flows["id"].tolist(), flows["end"].tolist(), flows["thread"].tolist(), times, strict=True)
    for number, end, place, time in ends:
        pid, tid = threads[place]
        arrow = {"cat": _FORWARD_TO_BACKWARD, "name": _FORWARD_TO_BACKWARD, "id": number, "pid": pid, "tid": tid}
        yield {"ph": "f", "bp": "e", **arrow, "ts": time} if end else {"ph": "s", **arrow, "ts": time}


def _allocations(trace: Trace, origin: int, threads: dict[int, tuple[int, int]]) -> Iterator[Event]:
    keys = {
        "device_type": "Device Type",
        "device": "Device Id",
        "address": "Addr",
        "bytes": "Bytes",
        "total_allocated_bytes": "Total Allocated",
        "total_reserved_bytes": "Total Reserved",
    }
    for row in trace.allocations.to_dict("records"):
        pid, tid = threads[row["thread"]]
        given = {key: int(row[name]) for name, key in keys.items() if not pd.isna(row[name])}
        time = float(_grid(np.array([row["start_ns"] - origin]))[0])
        yield {"ph": "i", "s": "t", "name": "[memory]", "pid": pid, "tid": tid, "ts": time, "args": given}
