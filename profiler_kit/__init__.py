"""See why a PyTorch layer is slow: every kernel attributed to a layer, with closed books."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profiler_kit._profile import profile
    from profiler_kit.errors import (
        MissingExtraError,
        ProfilerKitError,
        RecordingError,
        TraceFormatError,
        TraceNotFoundError,
    )
    from profiler_kit.formats import find_traces, read_ranks, read_trace
    from profiler_kit.kernels import KernelIdentity, identify
    from profiler_kit.report import Report, make_report
    from profiler_kit.trace import Trace

__version__ = "0.1.0"

__all__ = [
    "KernelIdentity",
    "MissingExtraError",
    "ProfilerKitError",
    "RecordingError",
    "Report",
    "Trace",
    "TraceFormatError",
    "TraceNotFoundError",
    "find_traces",
    "identify",
    "make_report",
    "profile",
    "read_ranks",
    "read_trace",
]

_HOMES = {
    "KernelIdentity": "profiler_kit.kernels",
    "MissingExtraError": "profiler_kit.errors",
    "ProfilerKitError": "profiler_kit.errors",
    "RecordingError": "profiler_kit.errors",
    "Report": "profiler_kit.report",
    "Trace": "profiler_kit.trace",
    "TraceFormatError": "profiler_kit.errors",
    "TraceNotFoundError": "profiler_kit.errors",
    "find_traces": "profiler_kit.formats",
    "identify": "profiler_kit.kernels",
    "make_report": "profiler_kit.report",
    "profile": "profiler_kit._profile",
    "read_ranks": "profiler_kit.formats",
    "read_trace": "profiler_kit.formats",
}
"""Public name → module. Names are resolved on first use, so that importing the package loads nothing heavy."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        from profiler_kit.errors import MissingExtraError

        raise MissingExtraError("recording", "torch", "torch") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
