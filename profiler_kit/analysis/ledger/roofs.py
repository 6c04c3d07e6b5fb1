"""The ceilings of the machine that a trace was recorded on: peak rates by arithmetic unit, bandwidth, SMs.

They come from what the user gives, from the table of GPUs (:mod:`profiler_kit.devices`) by the trace's own
``deviceProperties``, or, for a CPU, from what was measured when the trace was recorded. Nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from profiler_kit.analysis.work.facts import device_properties
from profiler_kit.devices import device_of_properties, find_device
from profiler_kit.errors import ProfilerKitError
from profiler_kit.trace import Trace

_NEAREST: Final = 2**0.5
"""Sizes are measured in steps of two; the nearest one is at most this factor away."""

ANY_UNIT: Final = "any unit"
"""Key of a peak that was given without saying of which unit."""

COMPUTE_UNITS: Final = "CUs"
"""What AMD calls the processors of its GPUs."""

_TENSOR_UNITS: Final[Mapping[str, str]] = {
    "f64": "fp64_tensor",
    "f32": "fp32_tensor",
    "tf32": "tf32_tensor",
    "f16": "fp16_tensor",
    "bf16": "bf16_tensor",
    "fp8": "fp8_tensor",
    "i8": "int8_tensor",
}
_UNITS: Final[Mapping[str, str]] = {"f64": "fp64", "f32": "fp32", "f16": "fp16", "bf16": "bf16"}


_CPU_UNITS: Final[Mapping[str, str]] = {"float32": "fp32", "bfloat16": "bf16"}
"""Types whose peak is measured on a CPU, with its key."""


class NoGpuInTraceError(ProfilerKitError):
    """A GPU was named for a trace in which nothing ran on one.

    Args:
        source: The trace.
        device: The name that was given.
    """

    def __init__(self, source: str, device: str) -> None:
        super().__init__(
            f"{source}: nothing ran on a GPU in this trace, so its times cannot be held against {device}: leave out "
            "--device, or give the CPU's own --peak-flops and --bandwidth"
        )


@dataclass(frozen=True)
class Roofs:
    """What a machine can do at best; None where it is not known.

    Attributes:
        name: Name of the device.
        kind: ``gpu`` or ``cpu``.
        sm_count: SMs, or compute units.
        peak_flops_per_s: Peak rate by unit and type, keys as in :class:`profiler_kit.devices.Device`, or `ANY_UNIT`.
        bandwidth_bytes_per_s: Bandwidth of the memory, reads and writes together.
        cached_bytes_per_s: The same for less data by its size in bytes, measured: a cache may hold it.
        threads: Threads that the CPU's peaks are those of.
        sources: Where the figures come from, in words.
    """

    name: str | None
    kind: str
    sm_count: int | None = None
    peak_flops_per_s: Mapping[str, float] = field(default_factory=dict)
    bandwidth_bytes_per_s: float | None = None
    cached_bytes_per_s: Mapping[int, float] = field(default_factory=dict)
    threads: int | None = None
    sources: tuple[str, ...] = ()

    @property
    def processors(self) -> str:
        """What the vendor calls its processors: SMs, or CUs."""
        return COMPUTE_UNITS if (self.name or "").startswith("AMD") else "SMs"

    def peak(self, unit: str | None) -> float | None:
        """Return the peak rate of a unit in FLOP/s, None if it is not known."""
        known = self.peak_flops_per_s
        return None if unit is None else known.get(unit, known.get(ANY_UNIT))

    def bandwidth_for(self, size_bytes: float) -> float | None:
        """Return the bandwidth at which so many bytes may be moved at best; None if it is not known.

        A CPU's caches may hold them, so it is the highest rate that was measured for about as much data or more.
        """
        return bandwidth_for(size_bytes, self.bandwidth_bytes_per_s, self.cached_bytes_per_s)


def bandwidth_for(size_bytes: float, memory: float | None, cached: Mapping[int, float]) -> float | None:
    """Return the highest bandwidth that was measured for about so many bytes or more, None without the memory's.

    Args:
        size_bytes: Bytes that are moved, read and written together.
        memory: Bandwidth of the memory, bytes/s.
        cached: Bandwidth by size in bytes, bytes/s.
    """
    if memory is None:
        return None
    return max([memory, *(rate for size, rate in cached.items() if size * _NEAREST >= size_bytes)])


def roofs_of(
    trace: Trace,
    *,
    device: str | None = None,
    peak_flops_per_s: float | None = None,
    bandwidth_bytes_per_s: float | None = None,
) -> Roofs:
    """Return the ceilings of the machine that a trace was recorded on.

    Args:
        trace: The trace.
        device: Name of the GPU, in place of what the trace says.
        peak_flops_per_s: Peak rate to take for all units, in place of what is known.
        bandwidth_bytes_per_s: Bandwidth, in place of what is known.

    Raises:
        profiler_kit.devices.UnknownDeviceError: No GPU is known by that name.
        NoGpuInTraceError: A GPU is named, but nothing ran on one.
    """
    on_gpu = trace.has_gpu_activity or len(trace.counters) > 0
    if device is not None and not on_gpu:
        raise NoGpuInTraceError(trace.source, find_device(device).name)
    roofs = _of_gpu(trace, device) if on_gpu else _of_cpu(trace)
    sources = list(roofs.sources)
    if peak_flops_per_s is not None:
        roofs = replace(roofs, peak_flops_per_s={ANY_UNIT: float(peak_flops_per_s)})
        sources.append("peak rate as given")
    if bandwidth_bytes_per_s is not None:
        roofs = replace(roofs, bandwidth_bytes_per_s=float(bandwidth_bytes_per_s), cached_bytes_per_s={})
        sources.append("bandwidth as given")
    return replace(roofs, sources=tuple(sources))


def unit_of(tensor_cores: str, input_dtype: str | None) -> str | None:
    """Return the arithmetic unit that a kernel's name tells of, a key of peak rates; None if it does not.

    Args:
        tensor_cores: yes, no or unknown, see :class:`profiler_kit.kernels.KernelIdentity`.
        input_dtype: Type in which inputs enter the multiplication, likewise.
    """
    if tensor_cores == "yes":
        return _TENSOR_UNITS.get(input_dtype or "")
    return _UNITS.get(input_dtype or "") if tensor_cores == "no" else None


def cpu_unit(dtype: str | None) -> str | None:
    """Return the key of a CPU's peak for operators of a type; None where none is measured.

    Args:
        dtype: Type of the input, e.g. ``float32``.
    """
    return _CPU_UNITS.get(dtype or "")


def _of_gpu(trace: Trace, name: str | None) -> Roofs:
    """Return the ceilings of the GPU with that name, or of the one that was busiest."""
    properties = {} if name else _properties(trace)
    known = find_device(name) if name else device_of_properties(properties)
    told = properties.get("name")
    stated = _whole(properties.get("numSms"))
    if known is None:
        sources = ("SMs as the trace states them",) if stated else ()
        return Roofs(str(told) if told else None, "gpu", sm_count=stated, sources=sources)
    source = "named by the user" if name else "recognised from the trace's deviceProperties"
    return Roofs(
        name=known.name,
        kind="gpu",
        sm_count=stated or known.sm_count,
        peak_flops_per_s=dict(known.peak_flops_per_s),
        bandwidth_bytes_per_s=known.memory_bandwidth_bytes_per_s,
        sources=(f"data sheet of {known.name}, {source}",),
    )


def _properties(trace: Trace) -> Mapping[str, Any]:
    """Return what the trace says of the GPU that was busiest, or of its first one."""
    entries = device_properties(trace.metadata)
    busy = trace.kernels.groupby("device")["duration_ns"].sum()
    busiest = busy.index.tolist()[int(busy.to_numpy().argmax())] if len(busy) else None
    return next((one for one in entries if one.get("id") == busiest), entries[0] if entries else {})


def _of_cpu(trace: Trace) -> Roofs:
    measured, environment = trace.recorder_facts.get("measured_peaks"), trace.recorder_facts.get("environment")
    cpu = environment.get("cpu") if isinstance(environment, dict) else None
    cpu = cpu if isinstance(cpu, dict) else {}
    name = str(cpu["model"]) if cpu.get("model") else None
    threads = _whole(cpu.get("intra_op_threads"))
    if not isinstance(measured, dict):
        return Roofs(name, "cpu", threads=threads)
    peaks = {unit: _rate(measured.get(f"{unit}_flops_per_s")) for unit in _CPU_UNITS.values()}
    return Roofs(
        name=name,
        kind="cpu",
        peak_flops_per_s={unit: rate for unit, rate in peaks.items() if rate is not None},
        bandwidth_bytes_per_s=_rate(measured.get("copy_bytes_per_s")),
        cached_bytes_per_s=rates_by_size(measured.get("copy_bytes_per_s_by_size")),
        threads=_whole(measured.get("threads")) or threads,
        sources=("measured on this CPU when the trace was recorded",),
    )


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def rates_by_size(value: Any) -> dict[int, float]:
    """Return the bandwidths by size that `measure_cpu_peaks` found, as a trace notes them; what is none is left out."""
    items = value.items() if isinstance(value, dict) else ()
    rates = ((int(size), _rate(rate)) for size, rate in items if size.isascii() and size.isdecimal() and len(size) < 20)
    return {size: rate for size, rate in rates if rate is not None}


def _rate(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < float("inf") else None
