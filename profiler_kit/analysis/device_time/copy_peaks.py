"""What carries a copy, and what that can do at best: figures of data sheets, never measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from profiler_kit.analysis.device_time.device_time_classes import UNKNOWN_DEVICE
from profiler_kit.analysis.work.facts import device_properties
from profiler_kit.devices import Device, device_of_properties, find_device
from profiler_kit.trace import Trace

MEMORY: Final = "device memory"
NVLINK: Final = "NVLink"

_PASSES: Final[Mapping[str, float]] = {"DtoD": 2.0, "memset": 1.0, "HtoD": 1.0, "DtoH": 1.0, "P2P": 1.0}
"""How often a copy's bytes pass what carries it: a copy within a device's memory reads them and writes them."""


def copy_peaks(trace: Trace, rows: pd.DataFrame, device: str | None) -> pd.DataFrame:
    """Return of every copy what carries it, the peak of that, and the time that the copy takes at the peak.

    A copy between host and device goes over the device's link to its host, one between devices over NVLink, in one
    direction; a copy or memset within a device goes through its memory.

    Args:
        trace: The trace.
        rows: Its copies: ``device``, ``direction``, ``bytes``.
        device: Name of the GPU, in place of what the trace says.

    Returns:
        ``peak_of`` (`MEMORY`, `NVLINK`, or the link by name: ``PCIe 4.0 x16``), ``peak_bytes_per_s`` and
        ``at_peak_ns``; missing where the GPU or the figure is not known.

    Raises:
        profiler_kit.devices.UnknownDeviceError: No GPU is known by that name.
    """
    number = rows["device"].to_numpy(dtype=np.int64, na_value=UNKNOWN_DEVICE)
    devices = dict.fromkeys(np.unique(number).tolist(), find_device(device)) if device else _devices(trace)
    ways = {way: (rows["direction"] == way).to_numpy() for way in _PASSES}
    peak_of = np.full(len(rows), None, dtype=object)
    peak = np.full(len(rows), np.nan)
    for one, known in devices.items():
        for way, (carrier, carries) in _carriers(known).items():
            mine = (number == one) & ways[way]
            peak_of[mine], peak[mine] = carrier, carries
    passes = np.select(list(ways.values()), list(_PASSES.values()), default=np.nan)
    passed = rows["bytes"].to_numpy(dtype=np.float64, na_value=np.nan) * passes
    columns = {"peak_of": peak_of, "peak_bytes_per_s": peak, "at_peak_ns": passed / peak * 1e9}
    return pd.DataFrame(columns, index=rows.index)


def _devices(trace: Trace) -> dict[int, Device]:
    """Return the GPUs that the trace describes and the table knows."""
    found: dict[int, Device] = {}
    for properties in device_properties(trace.metadata):
        known = device_of_properties(properties)
        if known is not None and isinstance(properties.get("id"), int):
            found[properties["id"]] = known
    return found


def _carriers(device: Device) -> dict[str, tuple[str, float]]:
    """Return by direction what carries a copy and the peak of it, of those that are known."""
    memory = (MEMORY, device.memory_bandwidth_bytes_per_s)
    carriers = {"DtoD": memory, "memset": memory}
    if device.host_link is not None:
        link = (device.host_link.name, device.host_link.bytes_per_s)
        carriers |= {"HtoD": link, "DtoH": link}
    if device.nvlink_bytes_per_s is not None:
        carriers["P2P"] = (NVLINK, device.nvlink_bytes_per_s / 2)
    return carriers
