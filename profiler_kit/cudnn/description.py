"""Devices in the words of cuDNN's device properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.devices import Device, device_of_properties
from profiler_kit.devices.device import WORD_TRANSFERS_PER_CLOCK
from profiler_kit.errors import ProfilerKitError

_DRIVER_VERSION: Final = 13000
"""CUDA 13.0: new enough for every plan of the cuDNN versions that answer."""

_KILO: Final = 1000
_GRID: Final = [2**31 - 1, 65535, 65535]
_BLOCK: Final = [1024, 1024, 64]
"""Largest grid and block of every compute capability since 3.0 (CUDA C++ Programming Guide)."""


class NoCudnnForDeviceError(ProfilerKitError):
    """There is no cuDNN for a device."""


# Compared by identity: a mapping cannot be hashed.
@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A device that cuDNN is asked about.

    Attributes:
        name: For people: the key of a known device, or the name that a trace gives.
        properties: cuDNN's description of it.
    """

    name: str
    properties: Mapping[str, Any]

    @property
    def memory_bandwidth_bytes_per_s(self) -> float | None:
        """Peak bandwidth of the device's memory; ``None`` if the description doesn't have its clock."""
        clock_hz, bits = self.properties["memClockRateKHz"] * _KILO, self.properties["memoryBusWidth"]
        return WORD_TRANSFERS_PER_CLOCK * clock_hz * bits / 8 or None


def target_of_device(device: Device) -> Target:
    """Describe a device of the table.

    Raises:
        NoCudnnForDeviceError: It isn't NVIDIA's.
    """
    limits = device.launch_limits
    if limits is None or device.compute_capability is None:
        raise NoCudnnForDeviceError(f"{device.name}: cuDNN runs on NVIDIA's GPUs only")
    major, minor = device.compute_capability
    return Target(
        device.key,
        {
            "deviceVer": major * 100 + minor * 10,
            "deviceName": device.name,
            "multiProcessorCount": device.sm_count,
            "regsPerBlock": limits.registers_per_sm,
            "warpSize": limits.warp_size,
            "maxSharedMemoryPerBlock": limits.shared_memory_per_block_bytes,
            "maxSharedMemoryPerBlockOptin": limits.shared_memory_per_block_optin_bytes,
            "oversizedSharedMemoryPerBlock": limits.shared_memory_per_block_optin_bytes,
            "reservedSharedMemoryPerBlock": limits.reserved_shared_memory_per_block_bytes,
            "maxRegistersPerSM": limits.registers_per_sm,
            "maxCtasPerSM": limits.blocks_per_sm,
            "maxThreadsPerBlock": limits.threads_per_block,
            "maxThreadsPerSM": limits.threads_per_sm,
            "smClockRateKHz": round(device.boost_clock_hz / _KILO),
            "memClockRateKHz": round(device.memory_clock_hz / _KILO),
            "memoryBusWidth": device.memory_bus_bits,
            "l2CacheSize": device.l2_bytes,
            "totalGlobalMem": device.memory_bytes,
            **_SAME_FOR_ALL,
        },
    )


def target_of_properties(properties: Mapping[str, Any]) -> Target | None:
    """Describe the device of one entry of a Kineto trace's ``deviceProperties``.

    A device of the table is described by the table. Of any other the entry says what bears on the choice of a plan
    (compute capability, SMs, shared memory, threads); clocks, bus and cache stay zero.

    Returns:
        The description; ``None`` if the entry doesn't describe a GPU of NVIDIA's well enough.
    """
    known = device_of_properties(properties)
    if known is not None:
        return target_of_device(known) if known.vendor == "nvidia" else None
    needed: dict[str, Any] = {key: properties.get(key) for key in _NEEDED}
    if not all(isinstance(value, int) for value in needed.values()) or needed["warpSize"] != _NVIDIA_WARP:
        return None
    name = str(properties.get("name") or "unnamed GPU")
    reserved = max(needed["sharedMemPerMultiprocessor"] - needed["sharedMemPerBlockOptin"], 0)
    return Target(
        name,
        {
            "deviceVer": needed["computeMajor"] * 100 + needed["computeMinor"] * 10,
            "deviceName": name,
            "multiProcessorCount": needed["numSms"],
            "regsPerBlock": needed["regsPerBlock"],
            "warpSize": needed["warpSize"],
            "maxSharedMemoryPerBlock": needed["sharedMemPerBlock"],
            "maxSharedMemoryPerBlockOptin": needed["sharedMemPerBlockOptin"],
            "oversizedSharedMemoryPerBlock": needed["sharedMemPerBlockOptin"],
            "reservedSharedMemoryPerBlock": reserved,
            "maxRegistersPerSM": needed["regsPerMultiprocessor"],
            "maxCtasPerSM": _BLOCKS_PER_SM,
            "maxThreadsPerBlock": needed["maxThreadsPerBlock"],
            "maxThreadsPerSM": needed["maxThreadsPerMultiprocessor"],
            "smClockRateKHz": 0,
            "memClockRateKHz": 0,
            "memoryBusWidth": 0,
            "l2CacheSize": 0,
            "totalGlobalMem": needed["totalGlobalMem"],
            **_SAME_FOR_ALL,
        },
    )


_SAME_FOR_ALL: Final[Mapping[str, Any]] = {
    "driverVer": _DRIVER_VERSION,
    "cudaDeviceId": 0,
    "smCountOrigin": 0,
    "maxGridSize": _GRID,
    "maxBlockSize": _BLOCK,
    "pciDeviceId": 0,
    "isTccDriver": 0,
    "supportCoopLaunch": 1,
}

_NVIDIA_WARP: Final = 32
_BLOCKS_PER_SM: Final = 16
"""The least of all compute capabilities since 7.0; traces don't say it."""

_NEEDED: Final = (
    "computeMajor",
    "computeMinor",
    "maxThreadsPerBlock",
    "maxThreadsPerMultiprocessor",
    "numSms",
    "regsPerBlock",
    "regsPerMultiprocessor",
    "sharedMemPerBlock",
    "sharedMemPerBlockOptin",
    "sharedMemPerMultiprocessor",
    "totalGlobalMem",
    "warpSize",
)
