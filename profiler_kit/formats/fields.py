"""Which values of an event fill which columns of which table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from profiler_kit.formats.events import Detail

TABLE_OF_CATEGORY: Final = {
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
    "cuda_sync": "syncs",
    "cpu_kernel": "cpu_kernels",
    "cuda_profiler_range": "counters",
}
"""Category in lower case → table, for complete events ("ph": "X")."""

DETAIL: Final = {
    "python_functions": Detail.PYTHON,
    "kernels": Detail.DEVICE,
    "copies": Detail.DEVICE,
    "syncs": Detail.RARE,
    "allocations": Detail.RARE,
    "cpu_kernels": Detail.RARE,
    "counters": Detail.COUNTERS,
}
"""Table → which arguments it needs, `Detail.BULK` where it is not listed."""

GPU_TABLES: Final = frozenset({"kernels", "copies", "syncs"})
"""Tables whose events are on a device and stream instead of a host thread."""

WITHOUT_THREAD: Final = GPU_TABLES | {"counters"}
"""Tables whose events are on no host thread."""

BAD_ARGUMENTS: Final = "arguments that cannot be read, left out"
TRACK_METADATA: Final = "track metadata"
SHADOW: Final = "GPU shadow of a layer span"

INTEGERS: Final[dict[str, dict[str, Callable[[Iterable[Any]], list[Any]]]]] = {
    "ops": {
        "sequence": lambda args: [a.sequence for a in args],
        "forward_thread": lambda args: [a.forward_thread for a in args],
    },
    "launches": {"correlation": lambda args: [a.correlation for a in args]},
    "kernels": {
        "device": lambda args: [a.device for a in args],
        "stream": lambda args: [a.stream for a in args],
        "correlation": lambda args: [a.correlation for a in args],
        "registers_per_thread": lambda args: [a.registers_per_thread for a in args],
        "shared_memory_bytes": lambda args: [a.shared_memory_bytes for a in args],
        "collective_elements": lambda args: [a.collective_elements for a in args],
        "group_size": lambda args: [a.group_size for a in args],
    },
    "copies": {
        "device": lambda args: [a.device for a in args],
        "stream": lambda args: [a.stream for a in args],
        "correlation": lambda args: [a.correlation for a in args],
        "bytes": lambda args: [a.bytes for a in args],
    },
    "annotations": {},
    "cpu_kernels": {},
    "counters": {},
    "python_functions": {
        "python_id": lambda args: [a.python_id for a in args],
        "python_parent_id": lambda args: [a.python_parent_id for a in args],
        "python_module_id": lambda args: [a.python_module_id for a in args],
    },
    "syncs": {
        "device": lambda args: [a.device for a in args],
        "stream": lambda args: [a.stream for a in args],
        "correlation": lambda args: [a.correlation for a in args],
        "waits_for_stream": lambda args: [a.waits_for_stream for a in args],
        "waits_for_correlation": lambda args: [a.waits_for_correlation for a in args],
    },
    "allocations": {
        "device_type": lambda args: [a.memory_device_type for a in args],
        "device": lambda args: [a.memory_device for a in args],
        "address": lambda args: [a.memory_address for a in args],
        "bytes": lambda args: [a.memory_bytes for a in args],
        "total_allocated_bytes": lambda args: [a.total_allocated_bytes for a in args],
        "total_reserved_bytes": lambda args: [a.total_reserved_bytes for a in args],
    },
}
"""Table → integer column → its values of all events. One expression each, because that is what runs per event."""

FLOATS: Final[dict[str, Callable[[Iterable[Any]], list[Any]]]] = {
    "blocks_per_sm": lambda args: [a.blocks_per_sm for a in args],
    "warps_per_sm": lambda args: [a.warps_per_sm for a in args],
    "occupancy_percent": lambda args: [a.occupancy_percent for a in args],
}

TEXTS: Final[dict[str, dict[str, Callable[[Iterable[Any]], list[Any]]]]] = {
    "kernels": {
        "collective": lambda args: [a.collective for a in args],
        "collective_dtype": lambda args: [a.collective_dtype for a in args],
        "group_ranks": lambda args: [a.group_ranks for a in args],
    },
    "cpu_kernels": {
        "library": lambda args: [a.library for a in args],
        "primitive": lambda args: [a.primitive for a in args],
        "propagation": lambda args: [a.propagation for a in args],
        "algorithm": lambda args: [a.algorithm for a in args],
        "layouts": lambda args: [a.layouts for a in args],
        "attributes": lambda args: [a.attributes for a in args],
        "shapes": lambda args: [a.shapes for a in args],
        "start_from": lambda args: [a.start_from for a in args],
    },
    "counters": {"metrics": lambda args: [a.counters for a in args]},
}
"""Table → text column → its values of all events."""

HAS_EXTERNAL_ID: Final = frozenset({"ops", "launches", "kernels", "copies", "annotations"})
