"""A GPU by its name, or by what a trace says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from profiler_kit.devices.amd import AMD
from profiler_kit.devices.device import Device
from profiler_kit.devices.geforce import GEFORCE
from profiler_kit.devices.nvidia_data_centre import NVIDIA_DATA_CENTRE
from profiler_kit.errors import ProfilerKitError

DEVICES: Final[tuple[Device, ...]] = (*NVIDIA_DATA_CENTRE, *GEFORCE, *AMD)
"""All GPUs of the table."""

_BRANDS: Final = frozenset({"nvidia", "tesla", "geforce", "quadro", "rtx", "gtx", "amd", "instinct", "radeon"})
"""Words that people leave out and drivers put in."""

_SHARE_OF_MEMORY: Final = (0.9, 1.01)
"""What a driver reports of the memory as sold: it keeps some for itself, and for error correction where that is on."""


class UnknownDeviceError(ProfilerKitError):
    """No GPU of the table has this name.

    Args:
        name: The name as given.
        nearest: Keys of the GPUs with the most similar names; all keys when none is similar.
    """

    def __init__(self, name: str, nearest: Iterable[str]) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        if self.nearest:
            hint = f"did you mean {' or '.join(self.nearest)}?"
        else:
            hint = f"known are {', '.join(device.key for device in DEVICES)}"
        super().__init__(f"no GPU is known as {name!r}: {hint}")


def find_device(name: str) -> Device:
    """Return the GPU of this name.

    Args:
        name: A key, a full name, or a name as a driver reports it; case, brand and punctuation don't matter.

    Raises:
        UnknownDeviceError: No GPU of the table has this name; the error names the nearest.
    """
    spoken = _normal(name)
    for device in DEVICES:
        if spoken and spoken in map(_normal, _names(device)):
            return device
    known = {_normal(spelling): device.key for device in DEVICES for spelling in _names(device)}
    close = get_close_matches(spoken, known, n=6, cutoff=0.5)
    raise UnknownDeviceError(name, list(dict.fromkeys(known[one] for one in close))[:3])


def device_of_properties(properties: Mapping[str, Any]) -> Device | None:
    """Return the GPU that one entry of a Kineto trace's ``deviceProperties`` describes.

    The name has to be one that drivers report for it, and everything else that both sides state (SMs, compute
    capability, memory, warp size) has to agree: a slice of a GPU (MIG), or a variant that shares its name with another,
    isn't taken for the whole or for the other. An entry without a name (traces from some AMD systems have none) is
    matched by its figures, if they are all there and fit exactly one GPU.

    Args:
        properties: ``name``, ``numSms``, ``computeMajor``, ``computeMinor``, ``totalGlobalMem``, ``warpSize``; any of
            them may be missing or of another type.

    Returns:
        The GPU, or ``None`` if the table has none like it.
    """
    name = properties.get("name")
    spoken = _normal(name) if isinstance(name, str) else ""
    fitting = [device for device in DEVICES if _figures_agree(device, properties)]
    if spoken:
        fitting = [device for device in fitting if spoken in map(_normal, _names(device))]
        return fitting[0] if fitting else None
    told = all(isinstance(properties.get(key), int) for key in ("numSms", "computeMajor", "totalGlobalMem", "warpSize"))
    return fitting[0] if told and len(fitting) == 1 else None


def _names(device: Device) -> tuple[str, ...]:
    return (device.key, device.name, *device.aliases)


def _normal(name: str) -> str:
    """Return a name without case, brand and punctuation: ``NVIDIA A100-SXM4-80GB`` → ``a100sxm480gb``."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    text = "".join(word for word in words if word not in _BRANDS)
    return text.removeprefix("rtx")


def _figures_agree(device: Device, properties: Mapping[str, Any]) -> bool:
    stated = {key: value for key, value in properties.items() if isinstance(value, int) and not isinstance(value, bool)}
    if stated.get("numSms", device.sm_count) != device.sm_count:
        return False
    if device.compute_capability is not None:
        major, minor = device.compute_capability
        if stated.get("computeMajor", major) != major or stated.get("computeMinor", minor) != minor:
            return False
    if stated.get("warpSize", 0) not in (0, 64 if device.vendor == "amd" else 32):
        return False
    least, most = _SHARE_OF_MEMORY
    memory = stated.get("totalGlobalMem", device.memory_bytes)
    return least * device.memory_bytes <= memory <= most * device.memory_bytes
