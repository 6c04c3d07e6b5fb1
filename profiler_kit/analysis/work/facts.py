"""What a trace says about where and how it was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profiler_kit.trace import Trace
from profiler_kit.trace.distributed import distributed_info


@dataclass(frozen=True)
class RecordingFacts:
    """Where and how a trace was recorded; every field is None or empty where the trace does not say.

    Attributes:
        devices: Names of the GPUs that were active, by device number.
        environment: Versions and settings that profiler_kit recorded (torch, cuDNN, threads, …).
        rank: Rank of the process in a distributed job.
        world_size: Number of ranks.
        span_ns: From the start of the first event of the host or GPU to the end of the last.
    """

    devices: Mapping[int, str]
    environment: Mapping[str, Any]
    rank: int | None
    world_size: int | None
    span_ns: int


def recording_facts(trace: Trace) -> RecordingFacts:
    """Collect the facts of a trace."""
    environment = trace.recorder_facts.get("environment")
    distributed = distributed_info(trace.metadata)
    return RecordingFacts(
        devices=_devices(trace),
        environment=environment if isinstance(environment, dict) else {},
        rank=_integer(distributed.get("rank")),
        world_size=_integer(distributed.get("world_size")),
        span_ns=_span_ns(trace),
    )


def device_properties(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a trace's metadata says of each of its GPUs, as Kineto writes it; nothing where it says nothing."""
    listed = metadata.get("deviceProperties")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _devices(trace: Trace) -> dict[int, str]:
    """Name the devices that were active; where nothing ran on a GPU, none."""
    names = {one.get("id"): str(one.get("name") or "") for one in device_properties(trace.metadata)}
    active = sorted({*trace.kernels["device"].dropna(), *trace.copies["device"].dropna()})
    return {int(device): names.get(device, "") for device in active}


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _span_ns(trace: Trace) -> int:
    tables = [trace.ops, trace.launches, trace.kernels, trace.copies, trace.annotations]
    tables = [table for table in tables if len(table)]
    if not tables:
        return 0
    first = min(int(table["start_ns"].min()) for table in tables)
    return max(int((table["start_ns"] + table["duration_ns"]).max()) for table in tables) - first
