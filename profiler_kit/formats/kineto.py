"""Kineto's Chrome-trace JSON, in all the dialects that PyTorch has written since 1.8."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from profiler_kit.errors import TraceFormatError
from profiler_kit.trace import Health, Trace, build_trace
from profiler_kit.trace.schema import TABLES
from profiler_kit.trace.spans import parse_layer_span

TABLE_OF_CATEGORY = {
    "cpu_op": "ops",
    "operator": "ops",
    "kernel": "kernels",
    "cuda_runtime": "launches",
    "cuda_driver": "launches",
    "runtime": "launches",
    "driver": "launches",
    "gpu_memcpy": "copies",
    "memcpy": "copies",
    "gpu_memset": "copies",
    "memset": "copies",
    "user_annotation": "annotations",
    "gpu_user_annotation": "annotations",
    "python_function": "python_functions",
}
"""Category in lower case → table, for complete events ("ph": "X")."""

_ARGUMENTS = {
    "correlation": "correlation",
    "External id": "external_id",
    "external id": "external_id",
    "Sequence number": "sequence",
    "Fwd thread id": "forward_thread",
    "device": "device",
    "stream": "stream",
    "registers per thread": "registers_per_thread",
    "shared memory": "shared_memory_bytes",
    "blocks per SM": "blocks_per_sm",
    "warps per SM": "warps_per_sm",
    "est. achieved occupancy %": "occupancy_percent",
    "bytes": "bytes",
    "Python id": "python_id",
    "Python parent id": "python_parent_id",
    "Python module id": "python_module_id",
    "Device Type": "device_type",
    "Device Id": "device",
    "Addr": "address",
    "Bytes": "bytes",
    "Total Allocated": "total_allocated_bytes",
    "Total Reserved": "total_reserved_bytes",
}


class _Columns:
    """Collects events row by row."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.threads: dict[tuple[str, str], int] = {}
        self.thread_names: dict[tuple[str, str], str] = {}
        self.signatures: dict[tuple[Any, ...], int] = {}
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.skipped: Counter[str] = Counter()

    def name(self, text: Any) -> int:
        return self.names.setdefault(str(text), len(self.names))

    def thread(self, event: dict[str, Any]) -> int:
        key = (str(event.get("pid")), str(event.get("tid")))
        return self.threads.setdefault(key, len(self.threads))

    def signature(self, args: dict[str, Any]) -> int | None:
        parts = (
            args.get("Input Dims", args.get("Input dims")),
            args.get("Input type"),
            args.get("Input Strides"),
            args.get("Concrete Inputs"),
        )
        if all(part is None for part in parts):
            return None
        return self.signatures.setdefault(tuple(map(_frozen, parts)), len(self.signatures))

    def add(self, event: dict[str, Any]) -> None:
        phase, category = event.get("ph"), str(event.get("cat", "")).lower()
        if phase == "M":
            if event.get("name") == "thread_name":
                self.thread_names[str(event.get("pid")), str(event.get("tid"))] = str(event["args"]["name"])
            self.skipped["track metadata"] += 1
        elif phase in ("s", "f") and category:
            self.rows["flows"].append(
                {
                    "name": self.name(event.get("name") if category == "ac2g" else category),
                    "id": event.get("id"),
                    "end": phase == "f",
                    "thread": self.thread(event),
                    "start_ns": _ns(event["ts"]),
                }
            )
        elif event.get("name") == "[memory]":
            self.rows["allocations"].append(self._row(event))
        elif phase == "X" and "dur" in event and category in TABLE_OF_CATEGORY:
            self._complete(event, category)
        else:
            self.skipped[f"no table for category {category or 'none'!r} (phase {phase})"] += 1

    def _row(self, event: dict[str, Any]) -> dict[str, Any]:
        args = event.get("args") or {}
        row = {column: args[key] for key, column in _ARGUMENTS.items() if key in args}
        row["thread"] = self.thread(event)
        row["start_ns"] = _ns(event["ts"])
        if "dur" in event:
            row["duration_ns"] = _ns(event["dur"])
        return row

    def _complete(self, event: dict[str, Any], category: str) -> None:
        table = TABLE_OF_CATEGORY[category]
        args = event.get("args") or {}
        row = self._row(event)
        span = parse_layer_span(event["name"]) if table in ("annotations", "ops") else None
        if span is not None:
            if category != "gpu_user_annotation":
                row |= {"layer": self.name(span.layer), "type": self.name(span.type), "call": span.call}
                self.rows["layers"].append(row)
                return
            self.skipped["GPU shadow of a layer span"] += 1
            return
        row["name"] = self.name(event["name"])
        if table == "ops":
            row["signature"] = self.signature(args)
        elif table == "annotations":
            row["kind"] = self.name(category)
        elif table in ("kernels", "copies"):
            if not isinstance(row.get("device"), int):
                row["device"] = event.get("pid") if isinstance(event.get("pid"), int) else None
            for place, axis in enumerate("xyz"):
                for what in ("grid", "block"):
                    if len(args.get(what, ())) == 3:
                        row[f"{what}_{axis}"] = args[what][place]
            if table == "copies":
                row["kind"] = self.name("memset" if "memset" in category else "memcpy")
        self.rows[table].append(row)


def _ns(microseconds: Any) -> int:
    return microseconds * 1000 if isinstance(microseconds, int) else round(microseconds * 1000)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def read(path: Path) -> Trace:
    """Read a Kineto trace.

    Raises:
        TraceFormatError: If the file is not JSON or holds no trace events.
    """
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    try:
        document = json.loads(raw.decode("utf-8", "replace"), strict=False)
    except json.JSONDecodeError as error:
        raise TraceFormatError(path, f"not valid JSON ({error.msg})", error.pos) from None
    events = document.get("traceEvents") if isinstance(document, dict) else document
    if not isinstance(events, list):
        raise TraceFormatError(path, 'JSON, but no trace: it has no "traceEvents"')
    columns = _Columns()
    for event in events:
        columns.add(event)
    metadata = {k: v for k, v in document.items() if k != "traceEvents"} if isinstance(document, dict) else {}
    return build_trace(
        str(path),
        metadata=metadata,
        epoch_ns=int(metadata.get("baseTimeNanoseconds", 0)),
        health=Health(len(events), {k: len(v) for k, v in columns.rows.items()}, dict(columns.skipped)),
        names=list(columns.names),
        tables={table: _table(table, rows) for table, rows in columns.rows.items()},
        signatures=list(columns.signatures),
        threads=[(*key, columns.thread_names.get(key)) for key in columns.threads],
    )


def _table(table: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for column in TABLES[table]:
        if column.derived:
            continue
        values = [row.get(column.name) for row in rows]
        mask = np.array([value is None for value in values])
        dtype = {"category": "int32"}.get(column.dtype, column.dtype.lower())
        array = np.array([0 if value is None else value for value in values], dtype=dtype)
        data[column.name] = (array, mask) if column.dtype in ("Int64", "Float64") else array
    return data
