"""Which facts of a kernel's identity tables carry and sum by. Imports nothing, so that ``--help`` stays quick."""

from __future__ import annotations

from typing import Final

IDENTITY_COLUMNS: Final = (
    "library",
    "operation",
    "pass",
    "algorithm",
    "role",
    "tensor_cores",
    "input_dtype",
    "accumulate_dtype",
    "output_dtype",
    "layout",
    "tile",
)
"""The facts of :class:`profiler_kit.kernels.KernelIdentity` that kernel tables carry."""

GROUPS: Final = ("algorithm", "library", "operation", "pass", "role", "tensor_cores", "layout")
"""The facts by which kernel time can be summed."""
